"""Setting up legal entities through HTTP."""

import json
from io import BytesIO
from typing import Any

import httpx
import pytest
from factories import Person, make_legal_entity, make_user
from invoicing import Shop, nothing_changes
from kith_client import Kith
from PIL import Image

from crm.invoices.models import LegalEntity
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode

ENTITY = """
  legalEntity {
    id name code registrationNumber vatId email phone website paymentInstructions footer currency language timeZone
    paymentTermsDays version archivedAt address { street city country } bank { name iban bic } logoUrl
    numberSeries { kind pattern } emailTemplates { language subject body }
  }
"""
FULL = {
    "name": "Quillmere GmbH",
    "code": "QM",
    "address": {"street": "Hafen 1", "city": "Hamburg", "country": "DE"},
    "registrationNumber": "HRB 1",
    "vatId": "DE123456789",
    "email": "billing@quillmere.example",
    "phone": "+49 40 123456",
    "website": "https://quillmere.example",
    "bank": {"name": "Hansebank", "iban": "DE89 3704 0044 0532 0130 00", "bic": "HASPDEHH"},
    "paymentInstructions": "By transfer, please.",
    "footer": "Managing director: A. Becker",
    "currency": "EUR",
    "language": "de",
    "timeZone": "Europe/Berlin",
    "paymentTermsDays": 14,
    "numberPattern": "{entity}-{year}-{seq:4}",
}


@pytest.fixture
async def admin(db: None) -> Person:
    return await make_user(Role.ADMIN)


def key(entity: LegalEntity) -> str:
    return encode(Kind.LEGAL_ENTITY, entity.id)


async def test_a_legal_entity_is_created_and_read_back(server: str, admin: Person) -> None:
    payload = await Kith(server, admin.token).mutate(
        "createLegalEntity", "CreateLegalEntityInput", ENTITY, FULL
    )

    assert payload["errors"] == []
    told = payload["legalEntity"]
    assert told["id"].startswith("ent_")
    assert told["bank"] == {"name": "Hansebank", "iban": "DE89370400440532013000", "bic": "HASPDEHH"}
    assert told["address"] == {"street": "Hafen 1", "city": "Hamburg", "country": "DE"}
    assert told["numberSeries"] == [{"kind": "INVOICE", "pattern": "{entity}-{year}-{seq:4}"}]
    assert (told["version"], told["archivedAt"], told["logoUrl"], told["emailTemplates"]) == (
        1,
        None,
        None,
        [],
    )
    for field in ("name", "code", "vatId", "email", "footer", "language", "timeZone", "paymentTermsDays"):
        assert told[field] == FULL[field]


async def test_an_update_leaves_what_it_does_not_name(server: str, admin: Person) -> None:
    entity = await make_legal_entity(address_city="Kiel", bank_name="Old", bic="HASPDEHH", footer="F")
    values = {"id": key(entity), "expectedVersion": 1, "bank": {"name": None}, "footer": None}

    payload = await Kith(server, admin.token).mutate(
        "updateLegalEntity", "UpdateLegalEntityInput", ENTITY, values
    )

    told = payload["legalEntity"]
    assert told["bank"] == {"name": None, "iban": None, "bic": "HASPDEHH"}
    assert (told["footer"], told["address"]["city"], told["version"]) == (None, "Kiel", 2)


async def test_problems_name_the_fields_of_the_input(server: str, admin: Person) -> None:
    values = FULL | {
        "name": "",
        "address": {"city": "Hamburg"},
        "bank": {"iban": "DE1"},
        "timeZone": "Nowhere",
        "numberPattern": "{seq}",
    }

    async with nothing_changes():
        payload = await Kith(server, admin.token).mutate(
            "createLegalEntity", "CreateLegalEntityInput", "", values
        )

    assert {(".".join(e["path"]), e["code"]) for e in payload["errors"]} == {
        ("name", "REQUIRED"),
        ("address.country", "REQUIRED"),
        ("bank.iban", "INVALID_IBAN"),
        ("timeZone", "INVALID_TIME_ZONE"),
        ("pattern", "YEAR_MISSING"),
    }


async def test_a_name_that_is_taken_leads_to_who_has_it(server: str, admin: Person) -> None:
    entity = await make_legal_entity(name="Quillmere GmbH")
    document = """mutation ($input: CreateLegalEntityInput!) { createLegalEntity(input: $input) { errors { code
      ... on DuplicateRecord { existing { id } } } } }"""

    async with nothing_changes():
        answer = await Kith(server, admin.token).graphql(document, {"input": FULL})

    assert answer["createLegalEntity"]["errors"] == [
        {"code": "DUPLICATE_RECORD", "existing": {"id": key(entity)}}
    ]


async def test_an_archived_one_is_listed_only_when_asked_for(server: str, admin: Person) -> None:
    used, archived = await make_legal_entity(name="A"), await make_legal_entity(name="B", archived_at=now())
    kith = Kith(server, admin.token)
    document = "query ($all: Boolean!) { legalEntities(includeArchived: $all) { nodes { id } } }"

    for all_, expected in ((False, [key(used)]), (True, [key(used), key(archived)])):
        answer = await kith.graphql(document, {"all": all_})
        assert [node["id"] for node in answer["legalEntities"]["nodes"]] == expected
    for name, gone in (("archiveLegalEntity", True), ("restoreLegalEntity", False)):
        payload = await kith.mutate(name, "LegalEntityInput", ENTITY, {"id": key(used)})
        assert (payload["legalEntity"]["archivedAt"] is not None) is gone


async def test_words_and_numbers_are_set_and_taken_back(server: str, admin: Person) -> None:
    entity, kith = await make_legal_entity(), Kith(server, admin.token)
    words = {"legalEntityId": key(entity), "language": "de", "subject": "Rechnung {number}", "body": "Tag"}

    made = await kith.mutate("setEmailTemplate", "SetEmailTemplateInput", "emailTemplate { id body }", words)
    series = await kith.mutate(
        "setNumberSeries",
        "SetNumberSeriesInput",
        ENTITY,
        {"legalEntityId": key(entity), "pattern": "R{yy}-{seq}"},
    )
    assert made["emailTemplate"]["body"] == "Tag"
    assert series["legalEntity"]["numberSeries"] == [{"kind": "INVOICE", "pattern": "R{yy}-{seq}"}]
    assert series["legalEntity"]["emailTemplates"] == [
        {"language": "de", "subject": "Rechnung {number}", "body": "Tag"}
    ]
    template = made["emailTemplate"]["id"]
    gone = await kith.mutate("deleteEmailTemplate", "EmailTemplateInput", "deletedId", {"id": template})
    assert gone == {"deletedId": template, "errors": []}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"subject": "{secret}"}, "PLACEHOLDER_UNKNOWN"),
        ({"subject": "a\r\nBcc: b@c.example"}, "CONTROL_CHARACTERS"),
    ],
)
async def test_words_nobody_can_send_are_refused(
    server: str, admin: Person, change: dict[str, str], code: str
) -> None:
    entity = await make_legal_entity()
    words = {"legalEntityId": key(entity), "language": "de", "subject": "x", "body": "y"} | change

    async with nothing_changes():
        payload = await Kith(server, admin.token).mutate(
            "setEmailTemplate", "SetEmailTemplateInput", "", words
        )

    assert [(e["code"], e["path"]) for e in payload["errors"]] == [(code, ["subject"])]


async def test_only_admins_may(server: str, shop: Shop) -> None:
    kith, entity = Kith(server, shop.manager.token), {"id": key(shop.entity)}
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("createLegalEntity", "CreateLegalEntityInput", FULL),
        ("updateLegalEntity", "UpdateLegalEntityInput", entity | {"expectedVersion": 1, "footer": "x"}),
        ("archiveLegalEntity", "LegalEntityInput", entity),
        ("restoreLegalEntity", "LegalEntityInput", entity),
        ("removeEntityLogo", "LegalEntityInput", entity),
        (
            "setNumberSeries",
            "SetNumberSeriesInput",
            {"legalEntityId": entity["id"], "pattern": "{year}{seq}"},
        ),
    ]

    async with nothing_changes():
        for name, input_type, values in calls:
            payload = await kith.mutate(name, input_type, "", values)
            assert [e["code"] for e in payload["errors"]] == ["FORBIDDEN"], name
    answer = await kith.graphql("{ legalEntities { nodes { name } } }")
    assert answer["legalEntities"]["nodes"] == [{"name": shop.entity.name}]


def png() -> bytes:
    out = BytesIO()
    Image.new("RGBA", (200, 100), (0, 0, 255, 80)).save(out, "PNG")
    return out.getvalue()


async def upload(server: str, person: Person, entity: LegalEntity, content: bytes) -> dict[str, Any]:
    """A request by the multipart request spec."""
    document = (
        "mutation ($input: SetEntityLogoInput!) { setEntityLogo(input: $input) "
        "{ legalEntity { logoUrl } errors { code path } } }"
    )
    operations = {"query": document, "variables": {"input": {"id": key(entity), "file": None}}}
    form = {"operations": json.dumps(operations), "map": json.dumps({"0": ["variables.input.file"]})}
    headers = {"authorization": f"Bearer {person.token}", "x-kith-client": "test"}
    async with httpx.AsyncClient(base_url=server, verify=False) as client:  # noqa: S501  there is no TLS
        answer = await client.post(
            "/graphql", data=form, files={"0": ("logo.png", content, "image/png")}, headers=headers
        )
    payload: dict[str, Any] = answer.json()["data"]["setEntityLogo"]
    return payload


async def test_a_logo_is_uploaded_and_served_by_a_link(server: str, admin: Person) -> None:
    entity = await make_legal_entity()

    payload = await upload(server, admin, entity, png())

    assert payload["errors"] == []
    async with httpx.AsyncClient(base_url=server, verify=False) as client:  # noqa: S501  there is no TLS
        shown = await client.get("/files/" + payload["legalEntity"]["logoUrl"].partition("/files/")[2])
    assert shown.headers["content-type"] == "image/png"
    with Image.open(BytesIO(shown.content)) as image:
        assert (image.size, image.mode) == ((200, 100), "RGBA")


async def test_a_text_in_the_place_of_a_logo_is_refused(server: str, admin: Person) -> None:
    given = {"id": key(await make_legal_entity()), "file": "logo.png"}

    async with nothing_changes():
        payload = await Kith(server, admin.token).mutate("setEntityLogo", "SetEntityLogoInput", "", given)

    assert [(e["code"], e["path"]) for e in payload["errors"]] == [("NOT_A_FILE", ["file"])]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "UNREADABLE_LOGO"),
        (png() + bytes(2_000_000), "FILE_TOO_LARGE"),
    ],
)
async def test_what_is_no_logo_is_refused(server: str, admin: Person, content: bytes, code: str) -> None:
    entity = await make_legal_entity()

    async with nothing_changes():
        payload = await upload(server, admin, entity, content)

    assert payload == {"legalEntity": None, "errors": [{"code": code, "path": ["file"]}]}
