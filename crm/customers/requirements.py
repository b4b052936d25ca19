"""Which fields a customer must have: the built-in ones, and those an admin added (DOMAIN §2, a setting)."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from crm.accounts.rules import Permission, require
from crm.audit import service as audit
from crm.customers.events import CustomerSettingsChanged
from crm.customers.fields import ALWAYS_REQUIRED, CUSTOMER_FIELDS, LIVE_REQUIRED, missing
from crm.customers.models import Customer, Phase, RequiredField, Stage
from crm.kernel.actor import Actor
from crm.kernel.errors import InvalidInput, Problem
from crm.kernel.events import emit
from crm.kernel.ids import Kind
from crm.kernel.transaction import raw_connection, transaction

BUILT_IN = {Phase.CREATE: ALWAYS_REQUIRED, Phase.LIVE: (*ALWAYS_REQUIRED, *LIVE_REQUIRED)}
REQUIRED_FIELDS = UUID(int=1)
"""The key of this setting, for its history."""
_LOCK = 7_204_118_034  # any number: two admins replace the list one after the other
_BY_NAME = {field.name: key for key, field in CUSTOMER_FIELDS.items() if field.requirable}


async def required_fields(phase: Phase) -> tuple[str, ...]:
    """Keys of the fields a customer needs in a phase; what CREATE needs, LIVE needs too."""
    phases = [Phase.CREATE] if phase is Phase.CREATE else list(Phase)
    return tuple(dict.fromkeys((*BUILT_IN[phase], *await _added(phases))))


async def emptied(values: Mapping[str, Any], stage: Stage) -> list[Problem]:
    """The required fields of a customer at that stage that `values` would empty."""
    phase = Phase.LIVE if stage is Stage.LIVE else Phase.CREATE
    return missing([key for key in await required_fields(phase) if key in values], values)


async def lacking_to_go_live(customer: Customer) -> list[Problem]:
    """Everything a customer lacks to go LIVE, its primary contact included."""
    row = {key: getattr(customer, key) for key in CUSTOMER_FIELDS if key != "invoice_type_ids"}
    return [*missing(await required_fields(Phase.LIVE), row), *await _contact_problems(customer)]


async def _contact_problems(customer: Customer) -> list[Problem]:
    primary = await customer.contacts.filter(is_primary=True).first()
    if primary is None:
        message = "A LIVE customer needs a primary contact with e-mail and phone. Add a contact first."
        return [Problem(("primaryContact",), "REQUIRED", message)]
    if primary.phone:
        return []
    return [Problem(("primaryContact", "phone"), "REQUIRED", "The primary contact needs a phone number.")]


async def set_required_fields(phase: Phase, names: Iterable[str], *, actor: Actor) -> None:
    """Replaces the fields an admin requires in a phase beyond the built-in ones; API names such as `address.city`.

    Customers that lack one stay as they are until they are changed or go LIVE. Raises Forbidden or InvalidInput.
    """
    require(actor, Permission.MANAGE_SETTINGS)
    wanted = _keys(dict.fromkeys(names), phase)
    async with transaction():
        await raw_connection().execute("select pg_advisory_xact_lock($1)", _LOCK)
        before = await _added([phase])
        await RequiredField.filter(phase=phase).delete()
        for key in wanted:
            await RequiredField.create(phase=phase, field=key)
        if before != sorted(wanted):
            await _tell(phase, before, sorted(wanted), actor)


async def _added(phases: list[Phase]) -> list[str]:
    return [row.field for row in await RequiredField.filter(phase__in=phases).order_by("field")]


def _keys(names: Iterable[str], phase: Phase) -> list[str]:
    unknown = [name for name in names if name not in _BY_NAME]
    if unknown:
        message = f"These fields cannot be required: {', '.join(unknown)}."
        raise InvalidInput.one(message, "fields", code="FIELD_NOT_REQUIRABLE")
    return [_BY_NAME[name] for name in names if _BY_NAME[name] not in BUILT_IN[phase]]


async def _tell(phase: Phase, before: list[str], after: list[str], actor: Actor) -> None:
    await audit.record(
        actor=actor,
        subject_kind=Kind.SETTING,
        subject_id=REQUIRED_FIELDS,
        action="set_required_fields",
        changes=audit.diff({phase.value: before}, {phase.value: after}),
    )
    await emit(CustomerSettingsChanged(what="requiredFields"))
