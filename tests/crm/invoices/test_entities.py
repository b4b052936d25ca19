"""Legal entities, their numbering, logos and e-mail templates."""

from io import BytesIO
from typing import Any

import pytest
from factories import make_legal_entity, make_user
from invoicing import Shop, make_draft, make_sent, nothing_changes
from PIL import Image, PngImagePlugin

from crm.audit.models import HistoryEntry
from crm.invoices import drafts, entities, templates
from crm.invoices.errors import LegalEntityArchived, UnreadableLogo
from crm.invoices.models import DocumentKind, EmailTemplate, LegalEntity, NumberSeries
from crm.kernel import storage
from crm.kernel.actor import Actor, Role, kith
from crm.kernel.clock import today
from crm.kernel.errors import DuplicateRecord, Forbidden, InvalidInput, NotFound, VersionConflict
from crm.kernel.ids import uuid7
from crm.kernel.storage import FileTooLarge

pytestmark = pytest.mark.usefixtures("db")
ADMIN = kith()
GIVEN = {"name": "Quillmere GmbH", "address_country": "de", "currency": "eur"}


def codes(error: pytest.ExceptionInfo[InvalidInput]) -> dict[str, str]:
    return {".".join(p.path): p.code for p in error.value.problems}


def picture(kind: str = "PNG", size: tuple[int, int] = (300, 100), **options: Any) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, "teal").save(out, kind, **options)
    return out.getvalue()


async def test_a_legal_entity_is_created_with_a_number_series() -> None:
    entity = await entities.create_legal_entity(
        GIVEN | {"iban": "de89 3704 0044 0532 0130 00", "bic": "haspdehh", "phone": None}, actor=ADMIN
    )

    stored = await LegalEntity.get(id=entity.id)
    assert (stored.name, stored.address_country, stored.currency) == ("Quillmere GmbH", "DE", "EUR")
    assert (stored.language, stored.time_zone, stored.payment_terms_days) == ("en", "UTC", 30)
    assert (stored.iban, stored.bic) == ("DE89370400440532013000", "HASPDEHH")
    series = await NumberSeries.get(legal_entity_id=entity.id)
    assert (series.kind, series.pattern) == (DocumentKind.INVOICE, "INV-{year}-{seq:5}")
    entry = await HistoryEntry.get(subject_id=entity.id)
    assert (entry.action, entry.unit_id) == ("create_legal_entity", None)


async def test_everything_wrong_with_a_legal_entity_is_said_at_once() -> None:
    values = {
        "name": " ",
        "code": "A-1",
        "email": "nobody",
        "iban": "DE00370400440532013000",
        "bic": "X",
        "time_zone": "Mars/Base",
        "payment_terms_days": 999,
        "currency": "XXQ",
    }

    async with nothing_changes():
        with pytest.raises(InvalidInput) as refused:
            await entities.create_legal_entity(values, number_pattern="{seq}{seq}", actor=ADMIN)

    assert codes(refused) == {
        "name": "REQUIRED",
        "email": "INVALID_EMAIL",
        "currency": "INVALID_CURRENCY",
        "paymentTermsDays": "OUT_OF_RANGE",
        "address.country": "REQUIRED",
        "code": "INVALID_CODE",
        "bank.iban": "INVALID_IBAN",
        "bank.bic": "INVALID_BIC",
        "timeZone": "INVALID_TIME_ZONE",
        "pattern": "YEAR_MISSING",
    }


async def test_names_are_unique_among_those_in_use() -> None:
    first = await entities.create_legal_entity(GIVEN, actor=ADMIN)

    async with nothing_changes():
        with pytest.raises(DuplicateRecord) as refused:
            await entities.create_legal_entity(GIVEN | {"name": "QUILLMERE GMBH"}, actor=ADMIN)

    assert refused.value.existing_id == first.id
    await entities.archive_legal_entity(first.id, actor=ADMIN)
    second = await entities.create_legal_entity(GIVEN, actor=ADMIN)
    async with nothing_changes():
        with pytest.raises(DuplicateRecord) as standing:
            await entities.restore_legal_entity(first.id, actor=ADMIN)
    assert standing.value.existing_id == second.id


async def test_an_update_changes_what_is_given() -> None:
    entity = await make_legal_entity(footer="Old")

    changed = await entities.update_legal_entity(
        entity.id, {"vat_id": None, "footer": "New\r\nline"}, expected_version=1, actor=ADMIN
    )

    assert (changed.version, changed.footer, changed.vat_id, changed.name) == (
        2,
        "New\nline",
        None,
        entity.name,
    )
    async with nothing_changes():
        with pytest.raises(VersionConflict):
            await entities.update_legal_entity(entity.id, {"footer": "x"}, expected_version=1, actor=ADMIN)
        with pytest.raises(InvalidInput) as emptied:
            await entities.update_legal_entity(
                entity.id,
                {"name": "", "currency": None, "address_country": None},
                expected_version=2,
                actor=ADMIN,
            )
    assert set(codes(emptied)) == {"name", "currency", "address.country"}


async def test_an_archived_legal_entity_is_not_changed_until_it_is_restored() -> None:
    entity = await make_legal_entity()
    await entities.archive_legal_entity(entity.id, actor=ADMIN)

    async with nothing_changes():
        for change in (
            entities.update_legal_entity(entity.id, {"footer": "x"}, expected_version=None, actor=ADMIN),
            entities.set_number_series(entity.id, "{year}-{seq}", actor=ADMIN),
            entities.set_entity_logo(entity.id, picture(), actor=ADMIN),
            entities.remove_entity_logo(entity.id, actor=ADMIN),
        ):
            with pytest.raises(LegalEntityArchived):
                await change
        await entities.archive_legal_entity(entity.id, actor=ADMIN)
    restored = await entities.restore_legal_entity(entity.id, actor=ADMIN)
    assert restored.archived_at is None


async def test_a_changed_pattern_goes_on_counting(shop: Shop) -> None:
    await make_sent(shop)

    await entities.set_number_series(shop.entity.id, "R{yy}/{seq:3}", actor=ADMIN)

    assert (await make_sent(shop)).number == f"R{today().year % 100:02}/002"


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        ("INV-{seq}", "YEAR_MISSING"),
        ("{year}", "SEQUENCE_NOT_ONCE"),
        ("{entity}{year}{seq}", "ENTITY_CODE_MISSING"),
    ],
)
async def test_a_pattern_that_cannot_number_is_refused(pattern: str, code: str) -> None:
    entity = await make_legal_entity()

    async with nothing_changes():
        with pytest.raises(InvalidInput) as refused:
            await entities.set_number_series(entity.id, pattern, actor=ADMIN)

    assert codes(refused) == {"pattern": code}


async def test_a_pattern_can_carry_the_legal_entitys_code(shop: Shop) -> None:
    await entities.update_legal_entity(shop.entity.id, {"code": "QM1"}, expected_version=None, actor=ADMIN)
    await entities.set_number_series(shop.entity.id, "{entity}-{year}-{seq}", actor=ADMIN)

    assert ((await make_sent(shop)).number or "").startswith("QM1-")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_a_logo_is_encoded_anew_without_what_travelled_with_it(kind: str) -> None:
    entity = await make_legal_entity()
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "<script>secret</script>")
    content = picture(kind, (1600, 400), **({"pnginfo": info} if kind == "PNG" else {}))

    changed = await entities.set_entity_logo(entity.id, content, actor=ADMIN)

    stored = await storage.get_bytes(changed.logo_key or "")
    with Image.open(BytesIO(stored)) as image:
        assert (image.format, image.size, image.info) == ("PNG", (800, 200), {})
    assert b"secret" not in stored


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"GIF89a" + bytes(100),
        picture()[:60],
        b"%PDF-1.7",
    ],
)
async def test_what_is_no_picture_is_refused(content: bytes) -> None:
    entity = await make_legal_entity()

    async with nothing_changes():
        with pytest.raises(UnreadableLogo):
            await entities.set_entity_logo(entity.id, content, actor=ADMIN)


async def test_a_logo_that_is_too_large_is_refused() -> None:
    entity = await make_legal_entity()

    async with nothing_changes():
        with pytest.raises(FileTooLarge):
            await entities.set_entity_logo(entity.id, picture() + bytes(2_000_000), actor=ADMIN)
        with pytest.raises(UnreadableLogo):
            await entities.set_entity_logo(entity.id, picture(size=(6000, 5000)), actor=ADMIN)


async def test_a_removed_logo_is_kept_for_what_was_issued_with_it(shop: Shop) -> None:
    with_logo = await entities.set_entity_logo(shop.entity.id, picture(), actor=ADMIN)
    sent = await make_sent(shop)

    await entities.remove_entity_logo(shop.entity.id, actor=ADMIN)

    assert (sent.frozen or {})["seller"]["logo_key"] == with_logo.logo_key
    assert await storage.get_bytes(with_logo.logo_key or "")
    assert (await LegalEntity.get(id=shop.entity.id)).logo_key is None


async def test_a_template_is_set_replaced_and_deleted() -> None:
    entity = await make_legal_entity()
    words = {"language": "DE", "subject": "Rechnung {number}", "body": "Hallo {contact}"}
    first = await templates.set_email_template(entity.id, words, actor=ADMIN)
    second = await templates.set_email_template(entity.id, words | {"body": "Tag"}, actor=ADMIN)

    assert (first.id, first.language, first.version) == (second.id, "de", 1)
    assert (second.version, second.body) == (2, "Tag")
    letter = await templates.letter_of(entity.id, "de-AT")
    assert letter.body == "Tag"
    await templates.delete_email_template(first.id, actor=ADMIN)
    assert not await EmailTemplate.exists()
    assert (await templates.letter_of(entity.id, "de-AT")).subject == "Rechnung {number} von {seller}"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"subject": "{nmber}"}, {"subject": "PLACEHOLDER_UNKNOWN"}),
        ({"body": "{contact.password}"}, {"body": "PLACEHOLDER_UNKNOWN"}),
        ({"body": "{number"}, {"body": "BRACE_UNMATCHED"}),
        ({"subject": "a\r\nBcc: x@y.example"}, {"subject": "CONTROL_CHARACTERS"}),
        ({"subject": ""}, {"subject": "REQUIRED"}),
        ({"language": "klingon"}, {"language": "INVALID_LANGUAGE"}),
    ],
)
async def test_a_template_nobody_can_fill_is_refused(
    change: dict[str, str], expected: dict[str, str]
) -> None:
    entity = await make_legal_entity()
    words = {"language": "en", "subject": "Invoice {number}", "body": "Hello"} | change

    async with nothing_changes():
        with pytest.raises(InvalidInput) as refused:
            await templates.set_email_template(entity.id, words, actor=ADMIN)

    assert codes(refused) == expected


async def test_only_admins_manage_legal_entities(shop: Shop) -> None:
    entity, words = shop.entity, {"language": "en", "subject": "x", "body": "y"}
    template = await templates.set_email_template(entity.id, words, actor=ADMIN)
    agent = (await make_user(Role.AGENT, [shop.unit])).actor

    def calls(who: Actor) -> list[Any]:
        return [
            entities.create_legal_entity(GIVEN, actor=who),
            entities.update_legal_entity(entity.id, {"footer": "x"}, expected_version=None, actor=who),
            entities.archive_legal_entity(entity.id, actor=who),
            entities.restore_legal_entity(entity.id, actor=who),
            entities.set_entity_logo(entity.id, picture(), actor=who),
            entities.remove_entity_logo(entity.id, actor=who),
            entities.set_number_series(entity.id, "{year}{seq}", actor=who),
            templates.set_email_template(entity.id, words, actor=who),
            templates.delete_email_template(template.id, actor=who),
        ]

    async with nothing_changes():
        for call in [*calls(shop.manager.actor), *calls(agent)]:
            with pytest.raises(Forbidden):
                await call


async def test_what_is_not_there_is_not_found(shop: Shop) -> None:
    del shop
    missing = uuid7()

    async with nothing_changes():
        for call in (
            entities.update_legal_entity(missing, {}, expected_version=None, actor=ADMIN),
            entities.archive_legal_entity(missing, actor=ADMIN),
            templates.set_email_template(
                missing, {"language": "en", "subject": "x", "body": "y"}, actor=ADMIN
            ),
            templates.delete_email_template(missing, actor=ADMIN),
        ):
            with pytest.raises(NotFound):
                await call


async def test_a_draft_of_an_archived_legal_entity_can_be_given_to_another(shop: Shop) -> None:
    draft, other = await make_draft(shop), await make_legal_entity()
    await entities.archive_legal_entity(shop.entity.id, actor=ADMIN)

    moved = await drafts.update_invoice(
        draft.id, {"legal_entity_id": other.id}, None, expected_version=1, actor=shop.manager.actor
    )

    assert moved.legal_entity_id == other.id
