"""Issuing, e-mailing, paying and voiding through HTTP."""

import hashlib
from datetime import timedelta
from typing import Any

import httpx
import pytest
from factories import make_user
from invoicing import Shop, deliver_queued, make_draft, make_in_state, make_sent, nothing_changes
from kith_client import Kith

from crm.customers.models import Customer
from crm.invoices.models import Delivery, Invoice
from crm.invoices.rules import InvoiceState
from crm.kernel.actor import Role
from crm.kernel.clock import now, today
from crm.kernel.ids import Kind, encode, uuid7
from crm.kernel.settings import settings
from stack.mail_catcher import MailCatcher

SENT = """
  invoice {
    number state issueDate dueDate version sentBy { name } isOverdue
    seller { name vatId address { country } bank { iban } } buyer { name contact address { city country } }
    deliveries { id recipient recipientName state reason attempts subject body messageId sentAt createdBy { name } }
    pdf { url fileName size sha256 } paid { amount } due { amount } paidAt voided { reason at }
    payments { amount { amount currency } paidOn method reference createdBy { name } }
  }
"""
LINES = [{"description": "Coffee", "quantity": "2", "unitPrice": "50", "taxRate": "19"}]


def given(invoice: Invoice, **more: Any) -> dict[str, Any]:
    return {"id": encode(Kind.INVOICE, invoice.id)} | more


def api(server: str, shop: Shop) -> Kith:
    return Kith(server, shop.manager.token)


async def send(kith: Kith, invoice: Invoice, **more: Any) -> dict[str, Any]:
    return await kith.mutate("sendInvoice", "SendInvoiceInput", SENT, given(invoice, **more))


async def read(kith: Kith, invoice: Invoice) -> dict[str, Any]:
    document = f"query ($id: ID!) {{ {SENT.strip().replace('invoice {', 'invoice(id: $id) {', 1)} }}"
    found: dict[str, Any] = (await kith.graphql(document, given(invoice)))["invoice"]
    return found


async def test_from_a_draft_to_a_pdf_in_the_customers_mailbox(
    server: str, shop: Shop, mail: MailCatcher
) -> None:
    draft, kith = await make_draft(shop, payment_terms_days=10), api(server, shop)

    payload = await send(kith, draft, expectedVersion=1)

    assert payload["errors"] == []
    sent, day = payload["invoice"], today()
    assert (sent["number"], sent["state"], sent["version"]) == (f"INV-{day.year}-00001", "SENT", 2)
    assert (sent["issueDate"], sent["dueDate"]) == (str(day), str(day + timedelta(days=10)))
    assert sent["sentBy"] == {"name": shop.manager.user.name}
    assert sent["seller"]["name"] == shop.entity.name
    assert sent["buyer"]["name"] == shop.customer.name
    assert sent["buyer"]["address"] == {"city": "Bremen", "country": "DE"}
    assert sent["pdf"] is None
    assert [(d["state"], d["attempts"], d["sentAt"]) for d in sent["deliveries"]] == [("QUEUED", 0, None)]

    await deliver_queued()

    after = await read(kith, draft)
    (delivery,) = after["deliveries"]
    assert (delivery["state"], delivery["attempts"]) == ("SENT", 1)
    assert delivery["sentAt"] is not None
    assert after["pdf"]["fileName"] == f"{sent['number']}.pdf"
    shown = await _open(server, after["pdf"]["url"])
    assert shown.headers["content-type"] == "application/pdf"
    assert shown.headers["content-disposition"] == f"attachment; filename*=UTF-8''{sent['number']}.pdf"
    assert hashlib.sha256(shown.content).hexdigest() == after["pdf"]["sha256"]
    assert len(shown.content) == after["pdf"]["size"]
    (kept,) = mail.messages()
    assert kept.header("Message-ID") == f"<{delivery['messageId']}>"
    assert kept.header("Subject") == delivery["subject"]


async def _open(server: str, url: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server, verify=False) as client:  # noqa: S501  there is no TLS
        return await client.get("/files/" + url.partition("/files/")[2])


async def test_save_and_send_is_one_action(server: str, shop: Shop) -> None:
    values = {
        "customerId": encode(Kind.CUSTOMER, shop.customer.id),
        "lines": LINES,
        "recipients": [{"email": "a@x.example"}, {"email": "b@x.example"}],
        "issueDate": str(today() - timedelta(days=3)),
    }

    payload = await api(server, shop).mutate(
        "createAndSendInvoice", "CreateAndSendInvoiceInput", SENT, values
    )

    assert payload["errors"] == []
    assert payload["invoice"]["issueDate"] == values["issueDate"]
    assert [d["recipient"] for d in payload["invoice"]["deliveries"]] == ["a@x.example", "b@x.example"]


async def test_save_and_send_leaves_nothing_when_refused(server: str, shop: Shop) -> None:
    values = {"customerId": encode(Kind.CUSTOMER, shop.customer.id), "lines": LINES}

    async with nothing_changes():
        for more in ({"recipients": [{"email": "nobody"}]}, {"issueDate": str(today() + timedelta(days=9))}):
            payload = await api(server, shop).mutate(
                "createAndSendInvoice", "CreateAndSendInvoiceInput", "", values | more
            )
            assert len(payload["errors"]) == 1


async def test_sending_twice_under_one_key_gives_one_number(server: str, shop: Shop) -> None:
    draft = await make_draft(shop)
    kith = Kith(server, shop.manager.token, {"idempotency-key": uuid7().hex})

    first, second = await send(kith, draft), await send(kith, draft)

    assert first["invoice"]["number"] == second["invoice"]["number"]
    assert second["errors"] == []
    assert await Delivery.filter(invoice_id=draft.id).count() == 1


async def test_a_dead_mail_server_is_reported_and_retried_by_hand(
    server: str, shop: Shop, mail: MailCatcher
) -> None:
    mail.refuse = lambda _: "450 4.7.1 Down for maintenance"
    draft, kith = await make_draft(shop), api(server, shop)
    await send(kith, draft)
    await deliver_queued(tries=settings().job_max_attempts)

    failed = await read(kith, draft)
    (delivery,) = failed["deliveries"]
    assert (failed["state"], delivery["state"]) == ("SENT", "FAILED")
    assert "Down for maintenance" in delivery["reason"]

    mail.refuse = None
    payload = await kith.mutate(
        "retryDelivery", "DeliveryInput", "delivery { state invoice { state } }", {"id": delivery["id"]}
    )
    assert payload == {"delivery": {"state": "QUEUED", "invoice": {"state": "SENT"}}, "errors": []}
    await deliver_queued()
    assert [d["state"] for d in (await read(kith, draft))["deliveries"]] == ["SENT"]
    async with nothing_changes():
        again = await kith.mutate("retryDelivery", "DeliveryInput", "", {"id": delivery["id"]})
    assert [e["code"] for e in again["errors"]] == ["INVALID_TRANSITION"]


async def test_an_invoice_is_sent_again_to_whom_one_chooses(server: str, shop: Shop) -> None:
    invoice = await make_sent(shop)

    payload = await api(server, shop).mutate(
        "resendInvoice",
        "ResendInvoiceInput",
        SENT,
        given(invoice, recipients=[{"email": "boss@customer.example"}]),
    )

    assert [d["recipient"] for d in payload["invoice"]["deliveries"]][1:] == ["boss@customer.example"]


async def test_part_payments_add_up_to_paid(server: str, shop: Shop) -> None:
    invoice, kith = await make_sent(shop), api(server, shop)
    first = {"amount": "19.00", "paidOn": str(today()), "method": "CARD", "reference": "T 1"}

    part = await kith.mutate("recordPayment", "RecordPaymentInput", SENT, given(invoice, **first))
    paid = await kith.mutate("markInvoicePaid", "MarkInvoicePaidInput", SENT, given(invoice))

    assert (part["invoice"]["state"], part["invoice"]["due"]) == ("SENT", {"amount": "100.00"})
    told = paid["invoice"]
    assert (told["state"], told["due"], told["paid"]) == ("PAID", {"amount": "0.00"}, {"amount": "119.00"})
    assert told["paidAt"] is not None
    assert [(p["amount"], p["method"], p["reference"]) for p in told["payments"]] == [
        ({"amount": "19.00", "currency": "EUR"}, "CARD", "T 1"),
        ({"amount": "100.00", "currency": "EUR"}, "BANK_TRANSFER", None),
    ]


@pytest.mark.parametrize(
    ("wrong", "code", "path"),
    [
        ({"amount": "120"}, "ABOVE_DUE", ["amount"]),
        ({"amount": "-1"}, "NOT_POSITIVE", ["amount"]),
        ({"amount": "0.001"}, "TOO_MANY_DECIMALS", ["amount"]),
        ({"paidOn": "2199-01-01"}, "IN_THE_FUTURE", ["paidOn"]),
    ],
)
async def test_a_payment_that_cannot_be_is_refused(
    server: str, shop: Shop, wrong: dict[str, str], code: str, path: list[str]
) -> None:
    invoice = await make_sent(shop)
    values = given(invoice, **({"amount": "1", "method": "CASH"} | wrong))

    async with nothing_changes():
        payload = await api(server, shop).mutate("recordPayment", "RecordPaymentInput", "", values)

    assert [(e["code"], e["path"]) for e in payload["errors"]] == [(code, path)]


async def test_managers_void_and_nobody_else(server: str, shop: Shop) -> None:
    invoice = await make_sent(shop)
    agent = await make_user(Role.AGENT, [shop.unit])
    await Customer.filter(id=shop.customer.id).update(service_manager_id=agent.user.id)
    values = given(invoice, reason="Sent twice")

    async with nothing_changes():
        refused = await Kith(server, agent.token).mutate("voidInvoice", "VoidInvoiceInput", "", values)
    voided = await api(server, shop).mutate("voidInvoice", "VoidInvoiceInput", SENT, values)

    assert [e["code"] for e in refused["errors"]] == ["FORBIDDEN"]
    assert voided["invoice"]["state"] == "VOID"
    assert voided["invoice"]["voided"]["reason"] == "Sent twice"


async def test_what_was_paid_in_part_is_not_voided(server: str, shop: Shop) -> None:
    invoice, kith = await make_sent(shop), api(server, shop)
    await kith.mutate("recordPayment", "RecordPaymentInput", "", given(invoice, amount="1", method="CASH"))

    async with nothing_changes():
        payload = await kith.mutate("voidInvoice", "VoidInvoiceInput", "", given(invoice, reason="x"))

    assert [e["code"] for e in payload["errors"]] == ["INVOICE_HAS_PAYMENTS"]


@pytest.mark.parametrize("state", [InvoiceState.DRAFT, InvoiceState.PAID, InvoiceState.VOID])
@pytest.mark.parametrize(
    ("name", "input_type", "more"),
    [
        ("resendInvoice", "ResendInvoiceInput", {}),
        ("recordPayment", "RecordPaymentInput", {"amount": "1", "method": "CASH"}),
        ("markInvoicePaid", "MarkInvoicePaidInput", {}),
        ("voidInvoice", "VoidInvoiceInput", {"reason": "x"}),
    ],
)
async def test_only_a_sent_invoice_is_resent_paid_or_voided(
    server: str, shop: Shop, state: InvoiceState, name: str, input_type: str, more: dict[str, str]
) -> None:
    invoice = await make_in_state(shop, state)

    async with nothing_changes():
        payload = await api(server, shop).mutate(name, input_type, "", given(invoice, **more))

    assert [(e["__typename"], e["code"]) for e in payload["errors"]] == [
        ("InvalidTransition", "INVALID_TRANSITION")
    ]


async def test_a_blocked_customer_gets_no_sends(server: str, shop: Shop) -> None:
    draft, sent = await make_draft(shop), await make_sent(shop)
    await Customer.filter(id=shop.customer.id).update(blocked_at=now(), blocked_reason="Fraud")
    kith = api(server, shop)

    async with nothing_changes():
        refusals = [
            await send(kith, draft),
            await kith.mutate("resendInvoice", "ResendInvoiceInput", "", given(sent)),
        ]

    assert [e["code"] for refusal in refusals for e in refusal["errors"]] == ["CUSTOMER_BLOCKED"] * 2
    paid = await kith.mutate("markInvoicePaid", "MarkInvoicePaidInput", "", given(sent))
    assert paid["errors"] == []
