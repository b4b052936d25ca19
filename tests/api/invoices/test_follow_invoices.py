"""Following invoices over graphql-transport-ws: a real worker makes the PDF, sends the e-mail and tells of both."""

from collections.abc import Iterator
from typing import Any

import pytest
from factories import make_user
from invoicing import Shop, make_draft, make_sent, make_shop
from kith_socket import Socket, code_of, opened, until_listened
from own_process import running

from crm.invoices import drafts, issuing, payments
from crm.invoices.events import INVOICES, invoice_topic, unit_topic
from crm.invoices.models import Invoice
from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode
from stack.mail_catcher import MailCatcher

pytestmark = pytest.mark.usefixtures("db", "worker")

ONE = """subscription ($id: ID) { change: invoiceChanged(id: $id) {
  id action invoice { number state pdf { sha256 } deliveries { state } due { amount } } } }"""


@pytest.fixture(scope="module")
def worker(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    del database
    with (
        MailCatcher(tmp_path_factory.mktemp("mail")) as catcher,
        running("workers", says="worker ready", SMTP_URL=catcher.url),
    ):
        yield


async def _change(socket: Socket) -> dict[str, Any]:
    message = await socket.hear()
    assert message["type"] == "next", message
    change: dict[str, Any] = message["payload"]["data"]["change"]
    return change


def key(invoice: Invoice) -> str:
    return encode(Kind.INVOICE, invoice.id)


async def test_an_invoice_is_followed_from_sending_to_paying(server: str, redis_url: str, shop: Shop) -> None:
    draft = await make_draft(shop)

    async with opened(server, shop.manager) as socket:
        await socket.subscribe("1", ONE, id=key(draft))
        await until_listened(redis_url, invoice_topic(draft.id))
        await issuing.send_invoice(draft.id, actor=shop.manager.actor)
        heard: dict[str, dict[str, Any]] = {}
        while "deliver_invoice" not in heard:
            change = await _change(socket)
            heard[change["action"]] = change
        await payments.mark_invoice_paid(draft.id, {}, actor=shop.manager.actor)
        paid = await _change(socket)

    assert {"send_invoice", "render_invoice", "deliver_invoice"} <= set(heard)
    assert heard["send_invoice"]["id"] == key(draft)
    assert heard["render_invoice"]["invoice"]["pdf"]["sha256"]
    assert heard["deliver_invoice"]["invoice"]["deliveries"] == [{"state": "SENT"}]
    assert (paid["action"], paid["invoice"]["state"]) == ("mark_invoice_paid", "PAID")
    assert paid["invoice"]["due"] == {"amount": "0.00"}


async def test_all_invoices_of_ones_units_are_followed_and_no_others(
    server: str, redis_url: str, shop: Shop
) -> None:
    other = await make_shop()
    admin = await make_user(Role.ADMIN)

    async with opened(server, shop.manager) as mine, opened(server, admin) as everybodys:
        await mine.subscribe("1", ONE)
        await everybodys.subscribe("1", ONE)
        await until_listened(redis_url, unit_topic(shop.unit.id))
        await until_listened(redis_url, INVOICES)
        theirs, draft = await make_draft(other), await make_draft(shop)
        own = [await _change(mine)]
        every = [await _change(everybodys) for _ in range(2)]
        await drafts.delete_invoice(draft.id, actor=shop.manager.actor)
        own.append(await _change(mine))
        every.append(await _change(everybodys))

    assert [(change["id"], change["action"]) for change in own] == [
        (key(draft), "create_invoice"),
        (key(draft), "delete_invoice"),
    ]
    assert (own[0]["invoice"]["state"], own[1]["invoice"]) == ("DRAFT", None)
    assert {change["id"] for change in every[:2]} == {key(draft), key(theirs)}
    assert every[2]["action"] == "delete_invoice"


async def test_a_strangers_invoice_is_not_there(server: str, shop: Shop) -> None:
    theirs = await make_sent(await make_shop())

    async with opened(server, shop.manager) as socket:
        await socket.subscribe("1", ONE, id=key(theirs))
        refused = await socket.hear()

    assert code_of(refused) == "NOT_FOUND"
