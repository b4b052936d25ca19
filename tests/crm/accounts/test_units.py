"""Business units: opening, renaming, archiving, and who is kept out while they are in use."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from factories import make_customer, make_unit, make_user

from crm.accounts import units
from crm.accounts.errors import UnitArchived, UnitHasCustomers
from crm.accounts.models import BusinessUnit
from crm.audit.models import HistoryEntry
from crm.customers.models import Customer
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.errors import (
    DuplicateRecord,
    Forbidden,
    InvalidInput,
    InvalidTransition,
    NotFound,
    VersionConflict,
)
from crm.kernel.models import OutboxJob
from crm.kernel.transaction import transaction

pytestmark = pytest.mark.usefixtures("db")


async def snapshot() -> list[Any]:
    """Everything a refusal must leave alone."""
    tables = (BusinessUnit, Customer, HistoryEntry, OutboxJob)
    return [[dict(row) for row in await table.all().order_by("id")] for table in tables]


async def test_a_unit_is_opened_with_its_clock() -> None:
    admin = await make_user(Role.ADMIN)

    unit = await units.create_unit(actor=admin.actor, name=" North ", time_zone="Europe/Berlin")

    assert (unit.name, unit.time_zone, unit.version, unit.archived_at) == ("North", "Europe/Berlin", 1, None)
    entry = await HistoryEntry.get()
    assert (entry.action, entry.subject_kind, entry.subject_id, entry.unit_id) == (
        *("create", "unit", unit.id),
        unit.id,
    )
    assert [job.payload["type"] for job in await OutboxJob.all()] == ["UnitChanged"]


async def test_everything_wrong_with_a_unit_is_said_at_once() -> None:
    admin, unit = await make_user(Role.ADMIN), await make_unit()
    before = await snapshot()

    with pytest.raises(InvalidInput) as created:
        await units.create_unit(actor=admin.actor, name="", time_zone="Mars/Olympus")
    with pytest.raises(InvalidInput) as updated:
        await units.update_unit(
            actor=admin.actor, unit_id=unit.id, expected_version=1, name="x" * 121, time_zone="../etc"
        )

    assert [(p.path, p.code) for p in created.value.problems] == [
        (("name",), "REQUIRED"),
        (("timeZone",), "INVALID_TIME_ZONE"),
    ]
    assert [p.code for p in updated.value.problems] == ["TOO_LONG", "INVALID_TIME_ZONE"]
    assert await snapshot() == before


async def test_an_open_unit_has_its_name_alone_in_any_case() -> None:
    admin, north, other = await make_user(Role.ADMIN), await make_unit(name="North"), await make_unit()
    before = await snapshot()

    with pytest.raises(DuplicateRecord) as created:
        await units.create_unit(actor=admin.actor, name="NORTH")
    with pytest.raises(DuplicateRecord) as renamed:
        await units.update_unit(actor=admin.actor, unit_id=other.id, expected_version=1, name="north")

    assert created.value.existing_id == renamed.value.existing_id == north.id
    assert created.value.path == ("name",)
    assert await snapshot() == before


async def test_a_unit_is_renamed_and_its_history_says_so() -> None:
    admin, unit = await make_user(Role.ADMIN), await make_unit(name="North")

    renamed = await units.update_unit(actor=admin.actor, unit_id=unit.id, expected_version=1, name="Nord")

    assert (renamed.name, renamed.time_zone, renamed.version) == ("Nord", "UTC", 2)
    assert (await HistoryEntry.get()).changes == [{"field": "name", "before": "North", "after": "Nord"}]
    before = await snapshot()
    await units.update_unit(actor=admin.actor, unit_id=unit.id, expected_version=2, name="Nord")
    assert await snapshot() == before


async def test_a_stale_or_unknown_unit_is_not_changed() -> None:
    admin, unit = await make_user(Role.ADMIN), await make_unit(version=3)
    before = await snapshot()

    with pytest.raises(VersionConflict) as conflict:
        await units.update_unit(actor=admin.actor, unit_id=unit.id, expected_version=2, name="Nord")
    with pytest.raises(NotFound):
        await units.update_unit(actor=admin.actor, unit_id=uuid4(), expected_version=1, name="Nord")

    assert conflict.value.current == 3
    assert await snapshot() == before


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AGENT, Role.ANALYST])
async def test_only_admins_manage_units(role: Role) -> None:
    unit = await make_unit()
    actor = (await make_user(role, [unit])).actor
    before = await snapshot()

    for attempt in (
        units.create_unit(actor=actor, name="South"),
        units.update_unit(actor=actor, unit_id=unit.id, expected_version=1, name="South"),
        units.archive_unit(actor=actor, unit_id=unit.id),
        units.restore_unit(actor=actor, unit_id=unit.id),
    ):
        with pytest.raises(Forbidden):
            await attempt

    assert await snapshot() == before


async def test_a_unit_with_customers_is_not_archived() -> None:
    admin, unit = await make_user(Role.ADMIN), await make_unit()
    customer = await make_customer(unit=unit)
    await make_customer(unit=unit, archived_at=now())
    before = await snapshot()

    with pytest.raises(UnitHasCustomers):
        await units.archive_unit(actor=admin.actor, unit_id=unit.id)

    assert await snapshot() == before
    await Customer.filter(id=customer.id).update(archived_at=now())
    assert (await units.archive_unit(actor=admin.actor, unit_id=unit.id)).archived_at is not None


async def test_an_archived_unit_gives_its_name_free_and_comes_back_only_without_conflict() -> None:
    admin, unit = await make_user(Role.ADMIN), await make_unit(name="North")
    await units.archive_unit(actor=admin.actor, unit_id=unit.id)
    successor = await units.create_unit(actor=admin.actor, name="North")
    before = await snapshot()

    with pytest.raises(DuplicateRecord) as refusal:
        await units.restore_unit(actor=admin.actor, unit_id=unit.id)

    assert refusal.value.existing_id == successor.id
    assert await snapshot() == before
    await units.update_unit(actor=admin.actor, unit_id=successor.id, expected_version=1, name="South")
    assert (await units.restore_unit(actor=admin.actor, unit_id=unit.id)).archived_at is None


async def test_archiving_and_restoring_each_have_their_state() -> None:
    admin, unit, closed = await make_user(Role.ADMIN), await make_unit(), await make_unit(archived_at=now())
    before = await snapshot()

    with pytest.raises(InvalidTransition):
        await units.archive_unit(actor=admin.actor, unit_id=closed.id)
    with pytest.raises(InvalidTransition):
        await units.restore_unit(actor=admin.actor, unit_id=unit.id)

    assert await snapshot() == before


async def test_nothing_goes_into_an_archived_or_unknown_unit() -> None:
    closed = await make_unit(archived_at=now())

    async with transaction():
        with pytest.raises(UnitArchived) as refusal:
            await units.hold_open(closed.id, "unitId")
        with pytest.raises(NotFound):
            await units.hold_open(uuid4(), "unitId")

    assert refusal.value.path == ("unitId",)


async def test_a_customer_and_the_archiving_of_its_unit_exclude_each_other() -> None:
    admin = await make_user(Role.ADMIN)

    async def move_in(unit_id: UUID) -> None:
        async with transaction():
            await units.hold_open(unit_id)
            await asyncio.sleep(0.01)
            await Customer.create(unit_id=unit_id, name="Acme", email="a@acme.example")

    for _ in range(5):
        unit = await make_unit()
        answers = await asyncio.gather(
            move_in(unit.id), units.archive_unit(actor=admin.actor, unit_id=unit.id), return_exceptions=True
        )

        assert sum(isinstance(answer, UnitArchived | UnitHasCustomers) for answer in answers) == 1
        archived = (await BusinessUnit.get(id=unit.id)).archived_at is not None
        assert archived != await Customer.filter(unit_id=unit.id).exists()
