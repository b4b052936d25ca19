"""Money that came in for issued invoices."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm.customers.models import Customer
from crm.invoices import rules
from crm.invoices.access import invoice_to_change
from crm.invoices.changes import check_version, save, snapshot, told
from crm.invoices.fields import PAYMENT_FIELDS
from crm.invoices.models import Invoice, Payment, PaymentMethod
from crm.invoices.rules import InvoiceAction, InvoiceState
from crm.invoices.totals import amount_due
from crm.kernel.actor import Actor
from crm.kernel.clock import now, today
from crm.kernel.errors import Problem
from crm.kernel.fields import absent, clean, refuse
from crm.kernel.ids import Kind, uuid7
from crm.kernel.transaction import transaction

_STANDING = ("state", "paid_total", "due_total", "paid_at")


async def record_payment(
    invoice_id: UUID, values: dict[str, Any], *, expected_version: int | None = None, actor: Actor
) -> Invoice:
    """Money received: `amount` in the invoice's currency, `paid_on`, `method`, `reference`.

    The invoice is PAID once nothing is due. `paid_on` is today unless given. Raises NotFound, Forbidden,
    CustomerArchived, InvalidTransition, VersionConflict or InvalidInput.
    """
    async with transaction():
        invoice, customer = await invoice_to_change(invoice_id, InvoiceAction.RECORD_PAYMENT, actor=actor)
        check_version(Kind.INVOICE, invoice, expected_version)
        cleaned, problems = clean(values, PAYMENT_FIELDS)
        problems += absent(values, PAYMENT_FIELDS)
        if cleaned.get("amount") is not None:
            problems += rules.payment_problems(
                cleaned["amount"], due=invoice.due_total, currency=invoice.currency
            )
        refuse([*problems, *_day_problems(cleaned.get("paid_on"), invoice)])
        await _pay(invoice, customer, cleaned, "record_payment", actor)
        return invoice


async def mark_invoice_paid(
    invoice_id: UUID, values: dict[str, Any], *, expected_version: int | None = None, actor: Actor
) -> Invoice:
    """Records all that is still due as paid: `paid_on`, `method` (bank transfer unless given), `reference`.

    Only from SENT. Raises what `record_payment` raises.
    """
    async with transaction():
        invoice, customer = await invoice_to_change(invoice_id, InvoiceAction.MARK_PAID, actor=actor)
        check_version(Kind.INVOICE, invoice, expected_version)
        given = {"method": PaymentMethod.BANK_TRANSFER, **values, "amount": invoice.due_total}
        cleaned, problems = clean(given, PAYMENT_FIELDS)
        refuse([*problems, *_day_problems(cleaned.get("paid_on"), invoice)])
        await _pay(invoice, customer, cleaned, "mark_invoice_paid", actor)
        return invoice


async def _pay(
    invoice: Invoice, customer: Customer, values: dict[str, Any], action: str, actor: Actor
) -> None:
    before = snapshot(invoice, _STANDING)
    amount: Decimal = values["amount"]
    paid_on = values.get("paid_on") or today(invoice.time_zone)
    payment = values | {"paid_on": paid_on, "currency": invoice.currency}
    if amount > 0:  # an invoice of nothing is paid without a payment
        await Payment.create(id=uuid7(), invoice_id=invoice.id, created_by_id=actor.user_id, **payment)
    invoice.paid_total += amount
    invoice.due_total = amount_due(
        invoice.gross_total, paid=invoice.paid_total, credited=invoice.credited_total
    )
    invoice.state = rules.state_after_payment(invoice.due_total)
    invoice.paid_at = now() if invoice.state is InvoiceState.PAID else None
    await save(invoice, *_STANDING)
    after = snapshot(invoice, _STANDING) | {f"payment.{name}": value for name, value in payment.items()}
    await told(invoice, customer, before, after, action, actor)


def _day_problems(paid_on: date | None, invoice: Invoice) -> list[Problem]:
    if paid_on is None or paid_on <= today(invoice.time_zone):
        return []
    return [Problem(("paidOn",), "IN_THE_FUTURE", "A payment is recorded once it has been made.")]
