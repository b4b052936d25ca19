"""Creating and changing customers. Their states change in lifecycle.py."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from crm.accounts.errors import UnitArchived
from crm.accounts.models import BusinessUnit
from crm.accounts.rules import Permission, require
from crm.customers import changes
from crm.customers.access import customer_to_edit, customer_to_manage
from crm.customers.errors import CustomerArchived
from crm.customers.fields import CUSTOMER_FIELDS, clean, missing
from crm.customers.models import Consent, Customer, Phase, Status
from crm.customers.references import MANAGERS, member_problems, reference_problems
from crm.customers.requirements import emptied, required_fields
from crm.customers.rules import contradictions, with_billing
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.errors import InvalidInput, NotFound, Problem, VersionConflict
from crm.kernel.fields import refuse
from crm.kernel.ids import Kind, uuid7
from crm.kernel.transaction import transaction

Values = Mapping[str, Any]


async def create_customer(values: Values, *, actor: Actor, unit_id: UUID | None = None) -> Customer:
    """A new customer, in the actor's only unit unless one is named; `values` by the keys of CUSTOMER_FIELDS.

    Raises Forbidden, NotFound (the unit), UnitArchived, InvalidInput with every problem, or DuplicateRecord.
    """
    require(actor, Permission.CREATE)
    async with transaction():
        unit = await _unit_to_fill(unit_id, actor)
        cleaned, problems = clean(values)
        problems = _joined(problems, missing(await required_fields(Phase.CREATE), cleaned))
        problems += contradictions(cleaned, {})
        problems += await reference_problems(cleaned, {}, unit_id=unit.id, status=Status.PROSPECT)
        refuse(problems)
        types = cleaned.pop("invoice_type_ids", [])
        customer = Customer(id=uuid7(), unit_id=unit.id, **with_billing(cleaned, {}))
        if customer.consent is not Consent.UNKNOWN:
            customer.consent_at, customer.consent_by_id = now(), actor.user_id
        await changes.add(customer, types, actor=actor, action="create_customer")
        return customer


async def update_customer(
    customer_id: UUID, values: Values, expected_version: int, *, actor: Actor
) -> Customer:
    """Changes the fields in `values`; None empties one.

    Raises NotFound, Forbidden, CustomerArchived, VersionConflict, InvalidInput with every problem, or DuplicateRecord.
    """
    async with transaction():
        customer = await customer_to_edit(customer_id, actor=actor)
        if customer.version != expected_version:
            raise VersionConflict(Kind.CUSTOMER, customer.id, customer.version)
        await _change(customer, values, actor=actor, action="update_customer")
        return customer


async def assign_account_manager(customer_id: UUID, user_id: UUID | None, *, actor: Actor) -> Customer:
    """Makes a member of the customer's unit responsible for it; None only before it is LIVE.

    Raises NotFound, Forbidden, CustomerArchived or InvalidInput.
    """
    async with transaction():
        customer = await customer_to_edit(customer_id, actor=actor)
        await _change(customer, {"account_manager_id": user_id}, actor=actor, action="assign_account_manager")
        return customer


async def assign_service_manager(customer_id: UUID, user_id: UUID | None, *, actor: Actor) -> Customer:
    """As `assign_account_manager`; None is always allowed unless an admin requires one."""
    async with transaction():
        customer = await customer_to_edit(customer_id, actor=actor)
        await _change(customer, {"service_manager_id": user_id}, actor=actor, action="assign_service_manager")
        return customer


async def set_invoice_types(customer_id: UUID, item_ids: Iterable[UUID], *, actor: Actor) -> Customer:
    """The invoice types the customer may get; none means every type.

    Raises NotFound, Forbidden, CustomerArchived or InvalidInput.
    """
    async with transaction():
        customer = await customer_to_edit(customer_id, actor=actor)
        await _change(customer, {"invoice_type_ids": list(item_ids)}, actor=actor, action="set_invoice_types")
        return customer


async def tag_customer(
    customer_id: UUID, *, add: Iterable[str] = (), remove: Iterable[str] = (), actor: Actor
) -> Customer:
    """Adds and removes tags, whatever their case. Raises NotFound, Forbidden, CustomerArchived or InvalidInput."""
    async with transaction():
        customer = await customer_to_edit(customer_id, actor=actor)
        gone = {tag.strip().casefold() for tag in remove}
        kept = [tag for tag in customer.tags if tag.casefold() not in gone]
        await _change(customer, {"tags": [*kept, *add]}, actor=actor, action="tag_customer")
        return customer


async def record_consent(customer_id: UUID, consent: Consent, *, actor: Actor) -> Customer:
    """Notes that marketing consent was given or withdrawn, now, and by whom it was noted.

    Raises NotFound, Forbidden, CustomerArchived or InvalidInput.
    """
    async with transaction():
        customer = await customer_to_edit(customer_id, actor=actor)
        if consent is Consent.UNKNOWN:
            message = "Consent that was asked for is either GIVEN or WITHDRAWN."
            raise InvalidInput.one(message, "consent", code="INVALID_CHOICE")
        if consent is not customer.consent:
            noted = {"consent": consent, "consent_at": now(), "consent_by_id": actor.user_id}
            await changes.keep(customer, noted, actor=actor, action="record_consent")
        return customer


async def move_customer(
    customer_id: UUID, unit_id: UUID, *, managers: Values | None = None, actor: Actor
) -> Customer:
    """Moves a customer to another unit, with the `managers` (account_manager_id, service_manager_id) it has there.

    Its managers must be members of the new unit. For managers of both units and admins. Raises NotFound (either),
    Forbidden, CustomerArchived, UnitArchived, InvalidInput or DuplicateRecord.
    """
    async with transaction():
        customer = await customer_to_manage(customer_id, actor=actor, permission=Permission.EDIT_ANY)
        if customer.archived_at is not None:
            raise CustomerArchived
        unit = await _unit_to_fill(unit_id, actor)
        after = {key: getattr(customer, key) for key in MANAGERS} | dict(managers or {})
        refuse([*await emptied(after, customer.stage), *await member_problems(after, unit.id)])
        await changes.keep(customer, {"unit_id": unit.id, **after}, actor=actor, action="move_customer")
        return customer


async def _unit_to_fill(unit_id: UUID | None, actor: Actor) -> BusinessUnit:
    if unit_id is None:
        if len(actor.unit_ids) != 1:
            raise InvalidInput.one("Say which business unit it belongs to.", "unitId", code="REQUIRED")
        (unit_id,) = actor.unit_ids
    unit = await BusinessUnit.get_or_none(id=unit_id) if actor.reaches(unit_id) else None
    if unit is None:
        raise NotFound(Kind.BUSINESS_UNIT, "unitId")
    if unit.archived_at is not None:
        raise UnitArchived(unit.name, "unitId")
    return unit


async def _change(customer: Customer, values: Values, *, actor: Actor, action: str) -> None:
    """Checks and keeps new values of a locked customer; stage and consent have actions of their own."""
    if any(CUSTOMER_FIELDS[key].on_create_only for key in values):
        raise ValueError("This field is set on creation only.")
    cleaned, problems = clean(values, country=customer.address_country)
    current = _row(customer)
    problems = _joined(problems, await emptied(cleaned, customer.stage))
    problems += contradictions(cleaned, current)
    problems += await reference_problems(cleaned, current, unit_id=customer.unit_id, status=customer.status)
    refuse(problems)
    await changes.keep(customer, with_billing(cleaned, current), actor=actor, action=action)


def _row(customer: Customer) -> dict[str, Any]:
    return {key: getattr(customer, key) for key in CUSTOMER_FIELDS if key != "invoice_type_ids"}


def _joined(problems: list[Problem], more: Iterable[Problem]) -> list[Problem]:
    """Both, but of two problems with one field only the first."""
    told = {problem.path for problem in problems}
    return [*problems, *(problem for problem in more if problem.path not in told)]
