"""Business units: every customer belongs to one, and people see the customers of theirs."""

from uuid import UUID

from tortoise.connection import get_connection

from crm.accounts.errors import UnitArchived, UnitHasCustomers
from crm.accounts.events import UnitChanged
from crm.accounts.models import BusinessUnit
from crm.accounts.rules import Permission, parse_name, raise_any, require, text_problems, time_zone_problems
from crm.audit.service import diff, record
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.errors import (
    DomainError,
    DuplicateRecord,
    InvalidTransition,
    NotFound,
    RuleViolation,
    VersionConflict,
)
from crm.kernel.events import emit
from crm.kernel.ids import Kind
from crm.kernel.integrity import Refusal, refusing
from crm.kernel.transaction import transaction


async def create_unit(*, actor: Actor, name: str, time_zone: str = "UTC") -> BusinessUnit:
    """Opens a unit. Raises Forbidden, InvalidInput or DuplicateRecord."""
    require(actor, Permission.MANAGE_UNITS)
    raise_any([*text_problems(parse_name, name, "name"), *time_zone_problems(time_zone, "timeZone")])
    name = parse_name(name)
    async with transaction():
        async with refusing(_name_taken(name)):
            unit = await BusinessUnit.create(name=name, time_zone=time_zone)
        await _tell(actor, unit, "create", {})
    return unit


async def update_unit(
    *,
    actor: Actor,
    unit_id: UUID,
    expected_version: int,
    name: str | None = None,
    time_zone: str | None = None,
) -> BusinessUnit:
    """Renames a unit or moves its clock; None leaves a field as it is.

    Raises Forbidden, InvalidInput, NotFound, VersionConflict or DuplicateRecord.
    """
    require(actor, Permission.MANAGE_UNITS)
    raise_any(
        [
            *(text_problems(parse_name, name, "name") if name is not None else ()),
            *(time_zone_problems(time_zone, "timeZone") if time_zone is not None else ()),
        ]
    )
    async with transaction():
        unit = await _locked(unit_id)
        if unit.version != expected_version:
            raise VersionConflict(Kind.BUSINESS_UNIT, unit.id, unit.version)
        before = _facts(unit)
        unit.name = parse_name(name) if name is not None else unit.name
        unit.time_zone = time_zone if time_zone is not None else unit.time_zone
        await _save(actor, unit, "update", before)
    return unit


async def archive_unit(*, actor: Actor, unit_id: UUID) -> BusinessUnit:
    """Closes a unit; its members keep seeing what is in it. Raises UnitHasCustomers while any is not archived.

    Also Forbidden, NotFound and InvalidTransition.
    """
    require(actor, Permission.MANAGE_UNITS)
    async with transaction():
        unit = await _locked(unit_id)
        if unit.archived_at is not None:
            raise InvalidTransition("archive", "ARCHIVED", ["restore"])
        inside = BusinessUnit.filter(
            id=unit.id, customers__id__isnull=False, customers__archived_at__isnull=True
        )
        if await inside.exists():
            raise UnitHasCustomers
        before = _facts(unit)
        unit.archived_at = now()
        await _save(actor, unit, "archive", before)
    return unit


async def restore_unit(*, actor: Actor, unit_id: UUID) -> BusinessUnit:
    """Opens an archived unit again. Raises DuplicateRecord when its name was taken meanwhile.

    Also Forbidden, NotFound and InvalidTransition.
    """
    require(actor, Permission.MANAGE_UNITS)
    async with transaction():
        unit = await _locked(unit_id)
        if unit.archived_at is None:
            raise InvalidTransition("restore", "OPEN", ["archive"])
        before = _facts(unit)
        unit.archived_at = None
        await _save(actor, unit, "restore", before)
    return unit


async def hold_open(unit_id: UUID, *path: str) -> None:
    """Keeps a unit from being archived until the transaction ends; for whoever puts something into it.

    The caller has checked that the actor reaches it. Raises NotFound, or UnitArchived.
    """
    rows = await get_connection("default").execute_query_dict(
        "select name, archived_at from business_unit where id = $1 for key share", [unit_id]
    )
    if not rows:
        raise NotFound(Kind.BUSINESS_UNIT, *path)
    if rows[0]["archived_at"] is not None:
        raise UnitArchived(rows[0]["name"], *path)


async def _locked(unit_id: UUID) -> BusinessUnit:
    """For all changes, even of columns nothing refers to: archiving must exclude `hold_open`."""
    unit = await BusinessUnit.select_for_update().get_or_none(id=unit_id)
    if unit is None:
        raise NotFound(Kind.BUSINESS_UNIT, "id")
    return unit


async def _save(actor: Actor, unit: BusinessUnit, action: str, before: dict[str, object]) -> None:
    if _facts(unit) == before:
        return
    unit.version += 1
    unit.updated_at = now()
    async with refusing(_name_taken(unit.name)):
        await unit.save(update_fields=["name", "time_zone", "archived_at", "version", "updated_at"])
    await _tell(actor, unit, action, before)


async def _tell(actor: Actor, unit: BusinessUnit, action: str, before: dict[str, object]) -> None:
    await record(
        actor=actor,
        subject_kind=Kind.BUSINESS_UNIT,
        subject_id=unit.id,
        action=action,
        changes=diff(before, _facts(unit)),
        unit_id=unit.id,
    )
    await emit(UnitChanged(unit_id=unit.id))


def _facts(unit: BusinessUnit) -> dict[str, object]:
    return {"name": unit.name, "time_zone": unit.time_zone, "archived_at": unit.archived_at}


def _name_taken(name: str) -> dict[str, Refusal]:
    async def refusal() -> DomainError:
        rows = await get_connection("default").execute_query_dict(
            "select id from business_unit where lower(name) = lower($1) and archived_at is null", [name]
        )
        if not rows:
            return RuleViolation("This name was in use until a moment ago. Try again.")
        message = f"There is already a business unit called '{name}'."
        return DuplicateRecord(message, "name", kind=Kind.BUSINESS_UNIT, existing_id=rows[0]["id"])

    return {"business_unit_name": refusal}
