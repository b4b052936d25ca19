"""Who may do what to a customer. Fetching and authorising are one step: what an actor may not see is not there."""

from uuid import UUID

from crm.customers.models import Customer
from crm.customers.queries import visible_to
from crm.kernel.actor import Actor, Role
from crm.kernel.errors import Forbidden, NotFound
from crm.kernel.ids import Kind


async def customer_to_read(customer_id: UUID, *, actor: Actor, path: str = "id") -> Customer:
    """Raises NotFound."""
    customer = await visible_to(actor).get_or_none(id=customer_id)
    if customer is None:
        raise NotFound(Kind.CUSTOMER, path)
    return customer


async def customer_to_edit(customer_id: UUID, *, actor: Actor, path: str = "id") -> Customer:
    """The row, locked, for somebody who may edit it and log on it. Raises NotFound or Forbidden.

    Agents edit customers they own, as account or service manager, or that nobody owns (DOMAIN §1).
    """
    customer = await _locked(customer_id, actor, path)
    if not actor.may_write:
        raise Forbidden("Analysts and read-only tokens may not change customers.")
    owners = {customer.account_manager_id, customer.service_manager_id} - {None}
    if actor.role is Role.AGENT and owners and actor.user_id not in owners:
        raise Forbidden("This customer belongs to another agent. Ask its manager, or have it assigned to you.")
    return customer


async def customer_to_manage(customer_id: UUID, *, actor: Actor, path: str = "id") -> Customer:
    """The row, locked, for managers and admins: block, archive, delete, merge. Raises NotFound or Forbidden."""
    customer = await _locked(customer_id, actor, path)
    if not actor.may_write or actor.role not in {Role.ADMIN, Role.MANAGER}:
        raise Forbidden("Only a manager of the customer's unit or an admin may do this.")
    return customer


async def _locked(customer_id: UUID, actor: Actor, path: str) -> Customer:
    customer = await visible_to(actor).select_for_update(no_key=True).get_or_none(id=customer_id)
    if customer is None:
        raise NotFound(Kind.CUSTOMER, path)
    return customer
