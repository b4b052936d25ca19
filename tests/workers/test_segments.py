"""Dynamic segments follow what happens, through a real worker: edits, related records, other segments, the night."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from factories import Person, make_activity, make_customer, make_segment, make_unit, make_user
from own_process import running

from crm.accounts.models import BusinessUnit
from crm.activities import service as activities
from crm.activities.models import Activity
from crm.contacts import service as contacts
from crm.customers import lifecycle
from crm.customers import service as customers
from crm.customers.models import Customer
from crm.imports.events import CustomersImported
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.events import emit
from crm.kernel.ids import Kind, encode, uuid7
from crm.kernel.models import JobState, OutboxJob
from crm.kernel.outbox import enqueue
from crm.kernel.transaction import raw_connection, transaction
from crm.segments import members, service
from crm.segments.models import Segment, SegmentMembership
from crm.segments.refresh import REFRESH, promise_refresh_in_unit
from tests.workers.outbox_watch import until, until_all_done
from workers.activities import HOURLY
from workers.segments import NIGHTLY

pytestmark = pytest.mark.usefixtures("worker", "idle")

GERMAN: dict[str, Any] = {"country": {"eq": "DE"}}


@pytest.fixture(scope="module")
async def worker(_connected: None) -> AsyncIterator[None]:
    """At work, and done with what the clock had for it when it began."""
    with running("workers", says="worker ready"):
        await until(OutboxJob.filter(kind=NIGHTLY, state=JobState.DONE).exists)
        await until(_nothing_due)
        yield


@pytest.fixture
async def idle(db: None) -> AsyncIterator[None]:
    """The next test's tables are emptied when the worker is done with this one's."""
    yield
    await until(_nothing_due)


async def _nothing_due() -> bool:
    return not await OutboxJob.exists(state__in=[JobState.PENDING, JobState.RUNNING])


@pytest.fixture
async def unit() -> BusinessUnit:
    return await make_unit()


@pytest.fixture
async def manager(unit: BusinessUnit) -> Person:
    return await make_user(Role.MANAGER, [unit])


async def _members(segment: Segment) -> set[UUID]:
    open_stays = SegmentMembership.filter(segment=segment, left_at__isnull=True)
    return set(await open_stays.values_list("customer_id", flat=True))


async def test_a_new_segment_is_filled_and_follows_the_edits_of_its_customers(
    unit: BusinessUnit, manager: Person
) -> None:
    german = await make_customer(unit=unit, address_country="DE")
    other = await make_customer(unit=unit, address_country="FR")

    segment = await service.create_dynamic_segment({"name": "German"}, rule=GERMAN, actor=manager.actor)
    await until_all_done()
    filled, refreshed = await _members(segment), await Segment.get(id=segment.id)
    await customers.update_customer(other.id, {"address_country": "DE"}, 1, actor=manager.actor)
    await until_all_done()
    both = await _members(segment)
    await lifecycle.archive(german.id, actor=manager.actor)
    await until_all_done()
    one = await _members(segment)
    await lifecycle.restore(german.id, actor=manager.actor)
    await until_all_done()

    assert filled == {german.id}
    assert (refreshed.stale_since, refreshed.refreshed_at is not None) == (None, True)
    assert both == {german.id, other.id}
    assert one == {other.id}
    assert await _members(segment) == {german.id, other.id}
    assert await OutboxJob.filter(kind=REFRESH).count() == 1, "an edit never decides on everybody"


async def test_a_new_rule_is_followed_by_new_members(unit: BusinessUnit, manager: Person) -> None:
    german, french = [await make_customer(unit=unit, address_country=each) for each in ("DE", "FR")]
    segment = await make_segment(unit=unit, rule=GERMAN, members=[german])

    await service.update_segment(
        segment.id, {"rule": {"country": {"eq": "FR"}}}, expected_version=1, actor=manager.actor
    )
    await until_all_done()

    assert await _members(segment) == {french.id}


async def test_contacts_and_activities_move_their_customer(unit: BusinessUnit, manager: Person) -> None:
    customer = await make_customer(unit=unit)
    known = await make_segment(unit=unit, rule={"contacts": {"some": {"name": {"eq": "Ann"}}}})
    called = await make_segment(unit=unit, rule={"activities": {"some": {"type": {"eq": "CALL"}}}})
    quiet = await make_segment(unit=unit, rule={"lastActivityAt": {"isNull": True}}, members=[customer])

    ann = await contacts.create_contact(
        customer.id, {"name": "Ann", "email": "ann@x.example"}, actor=manager.actor
    )
    call = await activities.log_activity(customer.id, {"type": "CALL", "title": "Hello"}, actor=manager.actor)
    await until_all_done()
    inside = [await _members(each) for each in (known, called, quiet)]
    await contacts.update_contact(ann.id, {"name": "Ben"}, expected_version=None, actor=manager.actor)
    await activities.delete_activity(call.id, actor=manager.actor)
    await until_all_done()

    assert inside == [{customer.id}, {customer.id}, set()]
    assert [await _members(each) for each in (known, called, quiet)] == [set(), set(), {customer.id}]


async def test_a_customer_that_moves_changes_its_segments(unit: BusinessUnit) -> None:
    south, admin = await make_unit(), await make_user(Role.ADMIN)
    customer = await make_customer(unit=unit)
    static = await make_segment(unit=unit, members=[customer])
    dynamic = [await make_segment(unit=each, rule={}) for each in (unit, south)]

    await customers.move_customer(customer.id, south.id, actor=admin.actor)
    await until_all_done()

    assert [await _members(each) for each in (static, *dynamic)] == [set(), set(), {customer.id}]


async def test_a_deleted_customer_leaves_nothing_behind(unit: BusinessUnit, manager: Person) -> None:
    customer = await make_customer(unit=unit)
    segment = await make_segment(unit=unit, rule={}, members=[customer])

    await lifecycle.delete(customer.id, actor=manager.actor)
    await until_all_done()

    assert await _members(segment) == set()


@pytest.mark.parametrize("count", [2, 60])
async def test_a_segment_whose_rule_speaks_of_another_follows_it(
    unit: BusinessUnit, manager: Person, count: int
) -> None:
    """A few customers one by one, many by a refresh, along the whole chain."""
    friends = await make_segment(unit=unit)
    german: dict[str, Any] = GERMAN | {
        "segments": {"some": {"segment": {"eq": encode(Kind.SEGMENT, friends.id)}}}
    }
    german_friends = await make_segment(unit=unit, rule=german)
    named = {"segments": {"none": {"segment": {"in": [encode(Kind.SEGMENT, german_friends.id)]}}}}
    others = await make_segment(unit=unit, rule=named)
    crowd = [await make_customer(unit=unit, address_country="DE") for _ in range(count)]
    async with transaction():
        await promise_refresh_in_unit(unit.id)
    await until_all_done()
    before = [len(await _members(each)) for each in (german_friends, others)]

    await members.add_customers(friends.id, [each.id for each in crowd], actor=manager.actor)
    await until_all_done()
    after = [len(await _members(each)) for each in (german_friends, others)]
    await members.remove_customers(friends.id, [crowd[0].id], actor=manager.actor)
    await until_all_done()

    assert before == [0, count]
    assert after == [count, 0]
    assert [len(await _members(each)) for each in (german_friends, others)] == [count - 1, 1]


async def test_an_import_and_the_night_refresh_what_is_in_use(unit: BusinessUnit) -> None:
    segments = [await make_segment(unit=unit, rule=GERMAN), await make_segment(rule={})]
    idle = await make_segment(unit=unit, rule={}, archived_at=now())
    await make_customer(unit=unit, address_country="DE")

    async with transaction():
        await emit(CustomersImported(import_id=uuid7(), unit_id=unit.id, created=1, updated=0))
    await until_all_done()
    first = [len(await _members(each)) for each in segments]
    await Customer.all().update(address_country="FR")
    async with transaction():
        await enqueue(NIGHTLY, {})
    await until_all_done()

    assert first == [1, 1]
    assert [len(await _members(each)) for each in segments] == [0, 1]
    assert await _members(idle) == set()
    assert not await Segment.exists(stale_since__isnull=False)


async def test_a_planned_activity_counts_when_its_time_has_come(unit: BusinessUnit) -> None:
    customer, other = await make_customer(unit=unit), await make_customer(unit=unit)
    visited = await make_segment(unit=unit, rule={"lastActivityAt": {"isNull": False}})
    visit = await make_activity(customer, occurred_at=now() + timedelta(days=1))
    await make_activity(other, occurred_at=now() + timedelta(days=1))

    async with transaction():
        await enqueue(HOURLY, {})
    await until_all_done()
    before = await _members(visited)
    async with transaction():
        await raw_connection().execute("alter table activity disable trigger user")
        await Activity.filter(id=visit.id).update(occurred_at=now() - timedelta(hours=1))
        await raw_connection().execute("alter table activity enable trigger user")
    async with transaction():
        await enqueue(HOURLY, {})
    await until_all_done()

    assert before == set()
    assert await _members(visited) == {customer.id}


async def test_a_rule_that_lost_its_meaning_is_given_up_and_said(unit: BusinessUnit, manager: Person) -> None:
    customer = await make_customer(unit=unit)
    broken = await make_segment(unit=unit, rule={"favouriteColour": {"eq": "red"}}, members=[customer])
    sound = await make_segment(unit=unit, rule=GERMAN)

    await service.refresh_segment(broken.id, actor=manager.actor)
    await customers.update_customer(customer.id, {"address_country": "DE"}, 1, actor=manager.actor)
    await until(_nothing_due)

    job = await OutboxJob.get(kind=REFRESH)
    assert job.state is JobState.DEAD
    assert "favouriteColour" in str(job.last_error)
    assert await _members(broken) == {customer.id}
    assert (await Segment.get(id=broken.id)).stale_since is not None
    assert await _members(sound) == {customer.id}
