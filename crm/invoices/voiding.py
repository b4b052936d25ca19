"""Voiding: an invoice issued by mistake keeps its number and no longer counts."""

from functools import partial
from uuid import UUID

from crm.accounts.rules import Permission
from crm.invoices.access import invoice_to_change
from crm.invoices.changes import check_version, save, snapshot, told
from crm.invoices.errors import InvoiceHasPayments
from crm.invoices.models import Invoice
from crm.invoices.rules import InvoiceAction, InvoiceState
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.fields import Field, clean, refuse, table
from crm.kernel.ids import Kind
from crm.kernel.transaction import transaction
from crm.kernel.values import parse_text

_VOIDED = ("state", "voided_at", "void_reason")
_FIELDS = table(Field("reason", ("reason",), partial(parse_text, max_length=500), required=True))


async def void_invoice(
    invoice_id: UUID, reason: str, *, expected_version: int | None = None, actor: Actor
) -> Invoice:
    """For managers. An invoice on which something was paid is refused: money that came in needs an invoice.

    Raises NotFound, Forbidden, CustomerArchived, InvalidTransition, VersionConflict, InvoiceHasPayments or
    InvalidInput.
    """
    async with transaction():
        invoice, customer = await invoice_to_change(
            invoice_id, InvoiceAction.VOID, actor=actor, permission=Permission.VOID
        )
        check_version(Kind.INVOICE, invoice, expected_version)
        cleaned, problems = clean({"reason": reason}, _FIELDS)
        refuse(problems)
        if invoice.paid_total > 0:
            raise InvoiceHasPayments
        before = snapshot(invoice, _VOIDED)
        invoice.state, invoice.voided_at = InvoiceState.VOID, now()
        invoice.void_reason = cleaned["reason"]
        await save(invoice, *_VOIDED)
        await told(invoice, customer, before, snapshot(invoice, _VOIDED), "void_invoice", actor)
        return invoice
