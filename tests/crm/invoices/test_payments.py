"""Payments, voiding, and what customers owe."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from invoicing import PAYMENT, Shop, make_draft, make_sent, nothing_changes

from crm.audit.models import HistoryEntry
from crm.invoices import issuing, payments, voiding
from crm.invoices.contents import LineDraft
from crm.invoices.errors import InvoiceHasPayments
from crm.invoices.models import Invoice, Payment, PaymentMethod
from crm.invoices.queries import balances_of
from crm.invoices.rules import InvoiceState
from crm.kernel.clock import today
from crm.kernel.errors import InvalidInput

D = Decimal


async def test_a_part_payment_leaves_the_rest_due(shop: Shop) -> None:
    invoice = await make_sent(shop)
    day = today() - timedelta(days=3)

    paid = await payments.record_payment(
        invoice.id,
        {"amount": D(19), "method": "CARD", "paid_on": day, "reference": " R 1 "},
        actor=shop.manager.actor,
    )

    assert (paid.state, paid.paid_total, paid.due_total, paid.paid_at) == (
        InvoiceState.SENT, D(19), D(100), None
    )  # fmt: skip
    payment = await Payment.get(invoice_id=invoice.id)
    assert (payment.amount, payment.currency, payment.paid_on) == (D(19), "EUR", day)
    assert (payment.method, payment.reference) == (PaymentMethod.CARD, "R 1")
    assert payment.created_by_id == shop.manager.user.id


async def test_the_last_payment_makes_it_paid(shop: Shop) -> None:
    invoice = await make_sent(shop)
    await payments.record_payment(invoice.id, dict(PAYMENT), actor=shop.manager.actor)

    paid = await payments.record_payment(
        invoice.id, {"amount": D(100), "method": "CASH"}, actor=shop.manager.actor
    )

    assert (paid.state, paid.due_total, paid.paid_total) == (InvoiceState.PAID, D(0), D(119))
    assert paid.paid_at is not None
    entry = await HistoryEntry.filter(subject_id=invoice.id).order_by("-id").first()
    assert entry is not None
    told = {change["field"]: change["after"] for change in entry.changes}
    assert (told["state"], told["payment.amount"]) == ("PAID", "100")


async def test_marking_as_paid_records_what_was_left(shop: Shop) -> None:
    invoice = await make_sent(shop)
    await payments.record_payment(invoice.id, dict(PAYMENT), actor=shop.manager.actor)

    paid = await payments.mark_invoice_paid(invoice.id, {"reference": "May"}, actor=shop.manager.actor)

    assert (paid.state, paid.due_total) == (InvoiceState.PAID, D(0))
    last = await Payment.filter(invoice_id=invoice.id).order_by("-id").first()
    assert last is not None
    assert (last.amount, last.method, last.reference) == (D(100), PaymentMethod.BANK_TRANSFER, "May")
    assert last.paid_on == today()


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"amount": D("119.01")}, "ABOVE_DUE"),
        ({"amount": D(0)}, "NOT_POSITIVE"),
        ({"amount": D(-5)}, "NOT_POSITIVE"),
        ({"amount": D("0.001")}, "TOO_MANY_DECIMALS"),
        ({"amount": None}, "REQUIRED"),
        ({"method": None}, "REQUIRED"),
        ({"paid_on": today() + timedelta(days=2)}, "IN_THE_FUTURE"),
        ({"paid_on": date(1800, 1, 1)}, "INVALID_DATE"),
        ({"reference": "x" * 121}, "TOO_LONG"),
        ({"reference": "a\nb"}, "CONTROL_CHARACTERS"),
    ],
)
async def test_a_payment_that_cannot_be_is_refused(shop: Shop, values: dict[str, Any], code: str) -> None:
    invoice = await make_sent(shop)

    async with nothing_changes():
        with pytest.raises(InvalidInput) as refused:
            await payments.record_payment(invoice.id, {**PAYMENT, **values}, actor=shop.manager.actor)

    assert [p.code for p in refused.value.problems] == [code]


async def test_a_yen_has_no_hundredth(shop: Shop) -> None:
    invoice = await make_sent(shop, LineDraft("Tea", D(1), D(100), tax_rate=D(10)), currency="JPY")

    async with nothing_changes():
        with pytest.raises(InvalidInput):
            await payments.record_payment(
                invoice.id, {"amount": D("1.5"), "method": "CASH"}, actor=shop.manager.actor
            )


async def test_a_voided_invoice_keeps_its_number_and_says_why(shop: Shop) -> None:
    invoice = await make_sent(shop)

    voided = await voiding.void_invoice(invoice.id, "  Wrong customer ", actor=shop.manager.actor)

    assert (voided.state, voided.number, voided.void_reason) == (
        InvoiceState.VOID,
        invoice.number,
        "Wrong customer",
    )
    assert voided.voided_at is not None
    assert (await make_sent(shop)).number_seq == 2


async def test_what_was_paid_in_part_is_not_voided(shop: Shop) -> None:
    invoice = await make_sent(shop)
    await payments.record_payment(invoice.id, dict(PAYMENT), actor=shop.manager.actor)

    async with nothing_changes():
        with pytest.raises(InvoiceHasPayments):
            await voiding.void_invoice(invoice.id, "Wrong", actor=shop.manager.actor)


@pytest.mark.parametrize(("reason", "code"), [(" ", "REQUIRED"), ("x" * 501, "TOO_LONG")])
async def test_voiding_needs_a_reason(shop: Shop, reason: str, code: str) -> None:
    invoice = await make_sent(shop)

    async with nothing_changes():
        with pytest.raises(InvalidInput) as refused:
            await voiding.void_invoice(invoice.id, reason, actor=shop.manager.actor)

    assert [p.code for p in refused.value.problems] == [code]


async def test_a_customers_balance_counts_issued_invoices_by_currency(shop: Shop) -> None:
    late = await make_draft(shop, payment_terms_days=30)
    await issuing.send_invoice(late.id, issue_date=today() - timedelta(days=32), actor=shop.manager.actor)
    paid, part, void = [await make_sent(shop) for _ in range(3)]
    await make_sent(shop, currency="USD")
    await payments.mark_invoice_paid(paid.id, {}, actor=shop.manager.actor)
    await payments.record_payment(part.id, dict(PAYMENT), actor=shop.manager.actor)
    await voiding.void_invoice(void.id, "Wrong", actor=shop.manager.actor)

    euro, dollar = await balances_of(shop.customer.id)

    assert (euro.currency, euro.invoiced, euro.paid) == ("EUR", D(357), D(138))
    assert (euro.outstanding, euro.overdue) == (D(219), D(119))
    assert (dollar.currency, dollar.outstanding, dollar.overdue) == ("USD", D(119), D(0))


async def test_payments_at_the_same_moment_never_come_to_more_than_is_due(shop: Shop) -> None:
    invoice = await make_sent(shop)

    results = await asyncio.gather(
        *(payments.record_payment(invoice.id, dict(PAYMENT), actor=shop.manager.actor) for _ in range(9)),
        return_exceptions=True,
    )

    refused = [result for result in results if isinstance(result, InvalidInput)]
    assert [p.code for error in refused for p in error.problems] == ["ABOVE_DUE"] * 3
    stored = await Invoice.get(id=invoice.id)
    assert (stored.paid_total, stored.due_total) == (D(114), D(5))
    assert await Payment.filter(invoice_id=invoice.id).count() == 6
