"""Texts that would break out of a mail header, given to every input of the API that reaches one, and to an import.

Each is refused with a code and nothing has changed; or it is taken, and then the invoice that is e-mailed afterwards
arrives over SMTP with the headers it should have and no other, for the one recipient it was meant for.
"""

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import getaddresses
from typing import Any

import pytest
from database_contents import contents
from factories import Person, make_user
from header_injections import INJECTIONS
from import_runs import work
from invoicing import Shop, deliver_queued, mail, shop
from kith_client import GraphQLFailed, Kith
from own_process import running

from crm.accounts.models import User
from crm.contacts.models import Contact
from crm.customers.models import Customer
from crm.imports.models import Import
from crm.invoices.models import Delivery, DeliveryState, LegalEntity
from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode
from crm.kernel.models import JobState, OutboxJob
from stack.mail_catcher import MailCatcher
from stack.mailbox import StoredMessage

__all__ = ["mail", "shop"]  # fixtures

PATIENCE = 30.0
HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "Content-Type", "MIME-Version"]
EVERYTHING = "{number} {seller} {customer} {contact} {reference}"
LINES = [{"description": "Coffee", "quantity": "2", "unitPrice": "50", "taxRate": "19"}]
LINE_ENDS = set("\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\x00")


@dataclass(frozen=True)
class Scene:
    """A shop with an admin who writes to it."""

    shop: Shop
    admin: Person
    contact: Contact
    kith: Kith
    mail: MailCatcher

    @property
    def customer(self) -> str:
        return encode(Kind.CUSTOMER, self.shop.customer.id)

    @property
    def entity(self) -> str:
        return encode(Kind.LEGAL_ENTITY, self.shop.entity.id)


@pytest.fixture
async def scene(server: str, shop: Shop, mail: MailCatcher) -> Scene:
    admin = await make_user(Role.ADMIN)
    contact = await Contact.get(customer_id=shop.customer.id)
    made = Scene(shop, admin, contact, Kith(server, admin.token), mail)
    await use_subject(made, EVERYTHING)
    return made


async def use_subject(scene: Scene, subject: str) -> None:
    given = {"legalEntityId": scene.entity, "language": "en", "subject": subject, "body": "Dear {contact}"}
    assert await told(scene, "setEmailTemplate", given) == []


async def told(scene: Scene, name: str, given: dict[str, Any]) -> list[str]:
    """The codes of the refusal of one mutation; none when it worked."""
    try:
        payload = await scene.kith.mutate(name, f"{name[0].upper()}{name[1:]}Input", "", given)
    except GraphQLFailed as refusal:
        return list(refusal.codes)
    return [error["code"] for error in payload["errors"]]


async def invoiced(scene: Scene, **more: Any) -> list[str]:
    """Creates and sends an invoice; the codes of the refusal."""
    given = {"customerId": scene.customer, "legalEntityId": scene.entity, "language": "en", "lines": LINES}
    return await told(scene, "createAndSendInvoice", given | more)


async def arrived(scene: Scene) -> StoredMessage:
    """The one e-mail of an invoice that was just sent, brought by the worker's own code."""
    seen = len(scene.mail.messages())
    await deliver_queued()
    (message,) = scene.mail.messages()[seen:]
    assert not await Delivery.filter(state__not=DeliveryState.SENT).exists()
    assert not await OutboxJob.filter(state=JobState.DEAD).exists()
    return message


def check(message: StoredMessage) -> None:
    """No header but those of an invoice, each once; one sender, one recipient; no line end in any value."""
    head = message.raw.partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] not in b" \t"]
    assert sorted(names) == sorted(HEADERS)
    assert not {b"\r", b"\n", b"\x00"} & {bytes([each]) for each in head.replace(b"\r\n", b"")}
    (to,) = getaddresses([message.header("To")])
    assert [to[1]] == message.envelope_to
    (sender,) = getaddresses([message.header("From")])
    assert sender[1] == message.envelope_from
    for _, value in message.headers():
        assert not LINE_ENDS & set(value)
    (pdf,) = message.attachments()
    assert pdf.file_name.endswith(".pdf")


# Each place a text can be given, by the mutation that changes it.

Give = Callable[["Scene", str], Awaitable[list[str]]]
"""Gives a text; the codes of the refusal."""


def _around(value: str) -> tuple[str, str]:
    return f"{value}@b.example", f"a@b.example{value}"


async def _version(kind: type[Any], key: Any) -> int:
    return int((await kind.get(id=key)).version)


async def _changed_entity(scene: Scene, **fields: str) -> list[str]:
    version = await _version(LegalEntity, scene.shop.entity.id)
    return await told(scene, "updateLegalEntity", {"id": scene.entity, "expectedVersion": version} | fields)


async def _changed_customer(scene: Scene, **fields: str) -> list[str]:
    version = await _version(Customer, scene.shop.customer.id)
    given = {"id": scene.customer, "expectedVersion": version} | fields
    return await told(scene, "updateCustomer", given)


async def _changed_contact(scene: Scene, **fields: str) -> list[str]:
    given = {"id": encode(Kind.CONTACT, scene.contact.id)}
    return await told(scene, "updateContact", given | fields)


async def _changed_user(scene: Scene, **fields: str) -> list[str]:
    user = scene.shop.manager.user
    version = await _version(User, user.id)
    given = {"id": encode(Kind.USER, user.id), "expectedVersion": version}
    return await told(scene, "updateUser", given | fields)


async def _changed_pattern(scene: Scene, pattern: str) -> list[str]:
    return await told(scene, "setNumberSeries", {"legalEntityId": scene.entity, "pattern": pattern})


async def _changed_letter(scene: Scene, subject: str, body: str = "Dear {contact}") -> list[str]:
    given = {"legalEntityId": scene.entity, "language": "en", "subject": subject, "body": body}
    return await told(scene, "setEmailTemplate", given)


PLACES: dict[str, Give] = {
    "legal entity name": lambda scene, value: _changed_entity(scene, name=value),
    "legal entity code": lambda scene, value: _changed_entity(scene, code=value),
    "sender address, local part": lambda scene, value: _changed_entity(scene, email=_around(value)[0]),
    "sender address, domain": lambda scene, value: _changed_entity(scene, email=_around(value)[1]),
    "customer name": lambda scene, value: _changed_customer(scene, name=value),
    "customer address, local part": lambda scene, value: _changed_customer(scene, email=_around(value)[0]),
    "customer address, domain": lambda scene, value: _changed_customer(scene, email=_around(value)[1]),
    "contact name": lambda scene, value: _changed_contact(scene, name=value),
    "contact address, local part": lambda scene, value: _changed_contact(scene, email=_around(value)[0]),
    "contact address, domain": lambda scene, value: _changed_contact(scene, email=_around(value)[1]),
    "user name": lambda scene, value: _changed_user(scene, name=value),
    "user address": lambda scene, value: _changed_user(scene, email=_around(value)[0]),
    "number prefix": lambda scene, value: _changed_pattern(scene, value + "-{year}-{seq}"),
    "subject": _changed_letter,
    "message": lambda scene, value: _changed_letter(scene, "{number}", value),
}


async def refused_or_sent(scene: Scene, give: Give, value: str) -> None:
    """Nothing of the attempt is left; or the text was taken, and an e-mail arrived that is as it should be."""
    before = await contents()
    if await give(scene, value):
        assert await contents() == before
        return
    before = await contents()
    if codes := await invoiced(scene):
        assert codes == ["UNSAFE_MAIL_HEADER"]
        assert await contents() == before
        return
    check(await arrived(scene))


@pytest.mark.parametrize("place", PLACES)
async def test_no_input_writes_a_mail_header(scene: Scene, place: str) -> None:
    for value in INJECTIONS:
        await refused_or_sent(scene, PLACES[place], value)

    assert await PLACES[place](scene, PLAIN.get(place, "Plain")) == []
    await use_subject(scene, EVERYTHING)
    assert await invoiced(scene) == []  # what is wrong can be put right, and then the mail goes out
    check(await arrived(scene))


PLAIN = {"legal entity code": "NORTH", "subject": "{number}"}


async def test_a_sellers_name_that_stands_in_no_subject_is_looked_at_all_the_same(scene: Scene) -> None:
    await use_subject(scene, "{number}")
    for value in INJECTIONS:
        await refused_or_sent(scene, PLACES["legal entity name"], value)

    assert not await Delivery.filter(state=DeliveryState.FAILED).exists()
    assert await Delivery.filter(state=DeliveryState.SENT).exists()


@pytest.mark.parametrize("part", [0, 1])
async def test_no_chosen_recipient_writes_a_mail_header(scene: Scene, part: int) -> None:
    for value in INJECTIONS:
        before = await contents()
        assert await invoiced(scene, recipients=[{"email": _around(value)[part]}])
        assert await contents() == before


async def test_no_reference_of_a_customer_writes_a_mail_header(scene: Scene) -> None:
    for value in INJECTIONS:
        before = await contents()
        if await invoiced(scene, customerReference=value):
            assert await contents() == before
        else:
            check(await arrived(scene))


async def _create(scene: Scene, name: str, value: str, number: int) -> list[str]:
    email = f"new{number}@b.example"
    given: dict[str, dict[str, Any]] = {
        "createCustomer": {"email": email, "unitId": encode(Kind.BUSINESS_UNIT, scene.shop.unit.id)},
        "createContact": {"email": email, "customerId": scene.customer},
        "createUser": {"email": email, "role": "AGENT", "password": "entirely new words of mine"},
        "createLegalEntity": {"email": email, "address": {"country": "DE"}, "currency": "EUR"},
    }
    return await told(scene, name, given[name] | {"name": value})


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("createCustomer", Customer),
        ("createContact", Contact),
        ("createUser", User),
        ("createLegalEntity", LegalEntity),
    ],
)
async def test_what_is_created_holds_no_line_end_in_its_name(scene: Scene, name: str, kind: Any) -> None:
    for number, value in enumerate(INJECTIONS):
        before = await contents()
        if await _create(scene, name, value, number):
            assert await contents() == before
        else:
            assert (await kind.get(email=f"new{number}@b.example")).name == value.strip()
            assert not LINE_ENDS & set(value.strip())

    assert await _create(scene, name, "Plain", len(INJECTIONS)) == []


async def test_a_worker_of_its_own_sends_a_name_that_was_taken_with_the_same_headers(scene: Scene) -> None:
    """What the others do in this process: such a name is kept, and left out of the header."""
    taken = "=?utf-8?q?a=0D=0ABcc:_evil@x.example?="
    assert await _changed_contact(scene, name=taken) == []
    await use_subject(scene, "{number}")
    assert await invoiced(scene) == []

    with running("workers", says="worker ready"):
        async with asyncio.timeout(PATIENCE):
            while not scene.mail.messages():  # noqa: ASYNC110  the mail server tells nobody
                await asyncio.sleep(0.05)

    (message,) = scene.mail.messages()
    check(message)
    assert message.header("To") == scene.contact.email


async def test_no_row_of_an_import_writes_a_mail_header(scene: Scene) -> None:
    """Names, contacts and addresses in a file; whoever gets in is invoiced."""
    started = await scene.kith.upload(
        "startCustomerImport",
        "StartCustomerImportInput",
        "import { id }",
        {"unitId": encode(Kind.BUSINESS_UNIT, scene.shop.unit.id)},
        ("a\r\nBcc: evil@x.example.csv", _file()),
    )
    assert started["errors"] == []
    for step in ("previewImport", "runImport"):
        kind = "RunImportInput" if step == "runImport" else "ImportInput"
        payload = await scene.kith.mutate(step, kind, "", {"id": started["import"]["id"]})
        assert payload["errors"] == []
        await work()

    done = await Import.get()
    imported = await Customer.exclude(id=scene.shop.customer.id)
    assert done.created_count == len(imported)
    assert done.created_count + done.failed_count == 4 * len(INJECTIONS)
    assert not LINE_ENDS & set(done.filename)
    for customer in imported:
        contact = await Contact.get_or_none(customer_id=customer.id)
        texts = [customer.name, customer.email, *((contact.name, contact.email) if contact else ())]
        assert not LINE_ENDS & set("".join(texts))
        await _take_place_of(scene, customer, contact)
        if codes := await invoiced(scene):
            assert codes == ["UNSAFE_MAIL_HEADER"]
        else:
            check(await arrived(scene))


async def _take_place_of(scene: Scene, customer: Customer, contact: Contact | None) -> None:
    """Gives the shop's customer, whom one may invoice, the texts of one that was imported."""
    await Customer.filter(id=scene.shop.customer.id).update(name=customer.name)
    if contact is not None:
        await Contact.filter(id=scene.contact.id).update(name=contact.name, email=contact.email)


def _file() -> bytes:
    text = io.StringIO(newline="")
    rows = csv.writer(text, delimiter=";")
    rows.writerow(["Name", "Email", "Contact name", "Contact email"])
    for number, value in enumerate(INJECTIONS):
        plain = [f"Customer {number}", f"c{number}@b.example", f"Contact {number}", f"p{number}@b.example"]
        for place, given in enumerate((value, _around(value)[0], value, _around(value)[1])):
            cells = [f"{place}{each}" for each in plain]
            cells[place] = given
            rows.writerow(cells)
    return text.getvalue().encode(errors="surrogatepass")
