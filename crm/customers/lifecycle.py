"""The states of a customer: the table in rules.py says from where each action is allowed."""

from typing import Any
from uuid import UUID

import asyncpg
from tortoise.exceptions import IntegrityError

from crm.accounts.rules import Permission
from crm.customers import changes
from crm.customers.access import customer_to_edit, customer_to_manage
from crm.customers.errors import CustomerHasDrafts, CustomerHasInvoices
from crm.customers.fields import CUSTOMER_FIELDS
from crm.customers.models import Customer, Stage, Status
from crm.customers.references import fitting_label, member_problems
from crm.customers.requirements import lacking_to_go_live
from crm.customers.rules import BEFORE_LIVE, Action, check
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.errors import InvalidInput
from crm.kernel.fields import refuse
from crm.kernel.transaction import raw_connection, transaction
from crm.kernel.values import InvalidValue, parse_multiline

MAX_REASON = 500


async def set_stage(customer_id: UUID, stage: Stage, *, actor: Actor) -> Customer:
    """Moves a prospect along the pipeline, in any order before LIVE.

    Raises NotFound, Forbidden, CustomerArchived, InvalidTransition, or InvalidInput for LIVE.
    """
    async with transaction():
        customer = await customer_to_edit(customer_id, actor=actor)
        check(Action.SET_STAGE, customer)
        if stage not in BEFORE_LIVE:
            message = "A customer becomes LIVE by 'goLiveCustomer', which checks what that needs."
            raise InvalidInput.one(message, "stage", code="INVALID_CHOICE")
        await changes.keep(customer, {"stage": stage}, actor=actor, action="set_stage")
        return customer


async def go_live(customer_id: UUID, *, actor: Actor) -> Customer:
    """Makes a prospect a LIVE, ACTIVE customer.

    Raises NotFound, Forbidden, CustomerArchived, InvalidTransition, or InvalidInput naming everything it lacks.
    """
    async with transaction():
        customer = await customer_to_edit(customer_id, actor=actor)
        check(Action.GO_LIVE, customer)
        managers = {"account_manager_id": customer.account_manager_id}
        refuse([*await lacking_to_go_live(customer), *await member_problems(managers, customer.unit_id)])
        await _set_status(customer, Status.ACTIVE, actor, "go_live", stage=Stage.LIVE, live_since=now())
        return customer


async def deactivate(customer_id: UUID, *, actor: Actor) -> Customer:
    """ACTIVE → INACTIVE. Raises NotFound, Forbidden, CustomerArchived or InvalidTransition."""
    async with transaction():
        customer = await customer_to_edit(customer_id, actor=actor)
        check(Action.DEACTIVATE, customer)
        await _set_status(customer, Status.INACTIVE, actor, "deactivate")
        return customer


async def activate(customer_id: UUID, *, actor: Actor) -> Customer:
    """INACTIVE or CHURNED → ACTIVE. Raises NotFound, Forbidden, CustomerArchived or InvalidTransition."""
    async with transaction():
        customer = await customer_to_edit(customer_id, actor=actor)
        check(Action.ACTIVATE, customer)
        await _set_status(customer, Status.ACTIVE, actor, "activate", churned_at=None, churn_reason=None)
        return customer


async def churn(customer_id: UUID, reason: str, *, actor: Actor) -> Customer:
    """ACTIVE or INACTIVE → CHURNED, with the reason (at most 500 characters).

    Raises NotFound, Forbidden, CustomerArchived, InvalidTransition or InvalidInput.
    """
    async with transaction():
        customer = await customer_to_edit(customer_id, actor=actor)
        check(Action.CHURN, customer)
        why = _reason(reason)
        await _set_status(customer, Status.CHURNED, actor, "churn", churned_at=now(), churn_reason=why)
        return customer


async def block(customer_id: UUID, reason: str, *, actor: Actor) -> Customer:
    """No new invoices, sends or portal logins until it is unblocked. For managers; a reason is required.

    Raises NotFound, Forbidden, CustomerArchived, InvalidTransition or InvalidInput.
    """
    async with transaction():
        customer = await customer_to_manage(customer_id, actor=actor, permission=Permission.BLOCK)
        check(Action.BLOCK, customer)
        flag = {"blocked_at": now(), "blocked_reason": _reason(reason), "blocked_by_id": actor.user_id}
        await changes.keep(customer, flag, actor=actor, action="block")
        return customer


async def unblock(customer_id: UUID, *, actor: Actor) -> Customer:
    """Lifts a block. For managers. Raises NotFound, Forbidden, CustomerArchived or InvalidTransition."""
    async with transaction():
        customer = await customer_to_manage(customer_id, actor=actor, permission=Permission.BLOCK)
        check(Action.UNBLOCK, customer)
        lifted = {"blocked_at": None, "blocked_reason": None, "blocked_by_id": None}
        await changes.keep(customer, lifted, actor=actor, action="unblock")
        return customer


async def archive(customer_id: UUID, *, actor: Actor) -> Customer:
    """Hides a customer from lists; everything stays, and its unique values are free for others. For managers.

    Raises NotFound, Forbidden or CustomerArchived.
    """
    async with transaction():
        customer = await customer_to_manage(customer_id, actor=actor, permission=Permission.ARCHIVE)
        check(Action.ARCHIVE, customer)
        await changes.keep(customer, {"archived_at": now()}, actor=actor, action="archive")
        return customer


async def restore(customer_id: UUID, *, actor: Actor) -> Customer:
    """Brings an archived customer back. For managers.

    Raises NotFound, Forbidden, InvalidTransition, or DuplicateRecord with the customer that took a unique value.
    """
    async with transaction():
        customer = await customer_to_manage(customer_id, actor=actor, permission=Permission.ARCHIVE)
        check(Action.RESTORE, customer)
        await changes.keep(customer, {"archived_at": None}, actor=actor, action="restore")
        return customer


async def delete(customer_id: UUID, *, actor: Actor) -> Customer:
    """Deletes a customer for good, with its contacts, activities and memberships; history stays. For managers.

    Raises NotFound, Forbidden, CustomerHasInvoices or CustomerHasDrafts.
    """
    async with transaction():
        customer = await customer_to_manage(customer_id, actor=actor, permission=Permission.DELETE)
        check(Action.DELETE, customer)
        await _refuse_with_invoices(customer)
        gone = {key: getattr(customer, key) for key in CUSTOMER_FIELDS if key != "invoice_type_ids"}
        filled = {key: value for key, value in gone.items() if value not in (None, [])}
        await changes.tell(customer, filled, {}, actor=actor, action="delete_customer")
        await _delete(customer)
        return customer


async def _set_status(customer: Customer, status: Status, actor: Actor, action: str, **more: Any) -> None:
    """A label that stands for another status is taken off."""
    label = await fitting_label(customer, status)
    await changes.keep(
        customer, {"status": status, "status_label_id": label, **more}, actor=actor, action=action
    )


async def _refuse_with_invoices(customer: Customer) -> None:
    if await customer.invoices.filter(number__isnull=False).exists():
        raise CustomerHasInvoices
    if await customer.invoices.all().exists():
        raise CustomerHasDrafts


async def _delete(customer: Customer) -> None:
    """What came to hang on it since we looked, an invoice being drafted just now, keeps it."""
    try:
        async with raw_connection().transaction():
            await customer.delete()
    except (IntegrityError, asyncpg.ForeignKeyViolationError) as error:
        raise CustomerHasDrafts from error


def _reason(text: str) -> str:
    try:
        return parse_multiline(text, max_length=MAX_REASON)
    except InvalidValue as error:
        raise InvalidInput.one(error.message, "reason", code=error.code.value) from None
