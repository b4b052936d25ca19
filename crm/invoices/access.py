"""Who may do what to an invoice, and which customers can be invoiced."""

from uuid import UUID

from crm.accounts.rules import Permission, require
from crm.customers.access import customer_to_edit
from crm.customers.models import Customer, Stage
from crm.invoices import rules
from crm.invoices.errors import CustomerBlocked, CustomerNotLive
from crm.invoices.models import Invoice
from crm.invoices.queries import visible_to
from crm.invoices.rules import InvoiceAction
from crm.kernel.actor import Actor
from crm.kernel.errors import NotFound
from crm.kernel.ids import Kind


async def customer_to_bill(customer_id: UUID, *, actor: Actor, path: str = "customerId") -> Customer:
    """The row, locked: LIVE and not blocked. Raises NotFound, Forbidden and what `check_billable` raises."""
    customer = await customer_to_edit(customer_id, actor=actor, path=path)
    require(actor, Permission.ISSUE_INVOICES)
    check_billable(customer, path)
    return customer


def check_billable(customer: Customer, *path: str) -> None:
    """Raises CustomerBlocked or CustomerNotLive (DOMAIN §8)."""
    if customer.blocked_at is not None:
        raise CustomerBlocked(customer.blocked_reason or "", *path)
    if customer.stage is not Stage.LIVE:
        raise CustomerNotLive(*path)


async def invoice_to_change(
    invoice_id: UUID,
    action: InvoiceAction,
    *,
    actor: Actor,
    permission: Permission = Permission.ISSUE_INVOICES,
) -> tuple[Invoice, Customer]:
    """The invoice and its customer, both locked, in a state that allows the action.

    Raises NotFound, Forbidden, CustomerArchived or InvalidTransition.
    """
    seen = await visible_to(actor).get_or_none(id=invoice_id)
    if seen is None:
        raise NotFound(Kind.INVOICE, "id")
    customer = await customer_to_edit(seen.customer_id, actor=actor)
    require(actor, permission)
    invoice = await Invoice.filter(id=invoice_id).select_for_update(no_key=True).get_or_none()
    if invoice is None:
        raise NotFound(Kind.INVOICE, "id")
    rules.require(action, invoice.state)
    return invoice, customer
