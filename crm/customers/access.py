"""Who may do what to a customer. Fetching and authorising are one step: what an actor may not see is not there."""

from uuid import UUID

from crm.accounts.rules import Permission, require, require_edit
from crm.customers.errors import CustomerArchived
from crm.customers.models import Customer
from crm.customers.queries import visible_to
from crm.kernel.actor import Actor
from crm.kernel.errors import NotFound
from crm.kernel.ids import Kind


async def customer_to_read(customer_id: UUID, *, actor: Actor, path: str = "id") -> Customer:
    """Raises NotFound."""
    customer = await visible_to(actor).get_or_none(id=customer_id)
    if customer is None:
        raise NotFound(Kind.CUSTOMER, path)
    return customer


async def customer_to_edit(customer_id: UUID, *, actor: Actor, path: str = "id") -> Customer:
    """The row, locked, for somebody who may edit it and log on it. Raises NotFound, Forbidden or CustomerArchived.

    Agents edit customers they own, as account or service manager, or that nobody owns (DOMAIN §1).
    """
    customer = await _locked(customer_id, actor, path)
    require_edit(actor, (customer.account_manager_id, customer.service_manager_id))
    if customer.archived_at is not None:
        raise CustomerArchived(path)
    return customer


async def customer_to_manage(
    customer_id: UUID, *, actor: Actor, path: str = "id", permission: Permission = Permission.ARCHIVE
) -> Customer:
    """The row, locked, archived or not, for managers and admins. Raises NotFound or Forbidden."""
    customer = await _locked(customer_id, actor, path)
    require(actor, permission)
    return customer


async def _locked(customer_id: UUID, actor: Actor, path: str) -> Customer:
    customer = await visible_to(actor).select_for_update(no_key=True).get_or_none(id=customer_id)
    if customer is None:
        raise NotFound(Kind.CUSTOMER, path)
    return customer
