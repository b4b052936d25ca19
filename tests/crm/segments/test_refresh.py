"""A full refresh makes the members of a dynamic segment those its rule wants, by one statement."""

import asyncio
import re
from typing import Any

import pytest
from factories import make_activity, make_contact, make_customer, make_segment, make_unit
from tortoise.connection import get_connection

from crm.accounts.models import BusinessUnit
from crm.activities.models import ActivityType
from crm.customers.models import Customer
from crm.kernel.clock import now
from crm.kernel.errors import InvalidInput
from crm.kernel.events import JOB_KIND
from crm.kernel.ids import uuid7
from crm.kernel.models import OutboxJob
from crm.kernel.transaction import raw_connection, transaction
from crm.segments.evaluation import evaluate
from crm.segments.models import Segment, SegmentMembership, SegmentType
from crm.segments.queries import matching
from crm.segments.refresh import REFRESH, promise_refresh, promise_refresh_in_unit, refresh, statement

pytestmark = pytest.mark.usefixtures("db")

GERMAN: dict[str, Any] = {"country": {"eq": "DE"}}


async def _names(segment: Segment) -> list[str]:
    members = Customer.filter(memberships__segment=segment, memberships__left_at__isnull=True)
    return [customer.name for customer in await members.order_by("name")]


async def _events(kind: str) -> list[dict[str, Any]]:
    jobs = await OutboxJob.filter(kind=JOB_KIND).order_by("id")
    return [job.payload["data"] for job in jobs if job.payload["type"] == kind]


async def test_a_refresh_lets_in_whom_the_rule_wants_and_out_whom_it_no_longer_wants() -> None:
    unit = await make_unit()
    ann = await make_customer(unit=unit, name="Ann", address_country="DE")
    ben = await make_customer(unit=unit, name="Ben", address_country="DE")
    await make_customer(unit=unit, name="Cem", address_country="FR")
    segment = await make_segment(unit=unit, rule=GERMAN, stale_since=now())
    before = now()

    first = await refresh(segment.id)
    await Customer.filter(id=ann.id).update(address_country="FR")
    second = await refresh(segment.id)
    after = now()

    assert first is not None
    assert second is not None
    assert (first.entered, first.left, set(first.customer_ids)) == (2, 0, {str(ann.id), str(ben.id)})
    assert (second.entered, second.left, second.customer_ids) == (0, 1, [str(ann.id)])
    assert await _names(segment) == ["Ben"]
    gone = await SegmentMembership.get(customer=ann)
    assert gone.left_at is not None
    assert before <= gone.entered_at <= gone.left_at <= after
    await segment.refresh_from_db()
    assert segment.stale_since is None
    assert segment.refreshed_at is not None
    assert before <= segment.refreshed_at <= after


async def test_a_customer_that_comes_back_begins_another_stay() -> None:
    customer = await make_customer(address_country="DE")
    segment = await make_segment(rule=GERMAN)

    for country in ("DE", "FR", "DE"):
        await Customer.filter(id=customer.id).update(address_country=country)
        await refresh(segment.id)

    first, second = await SegmentMembership.all().order_by("entered_at")
    assert first.left_at is not None
    assert first.left_at <= second.entered_at
    assert second.left_at is None


async def test_a_refresh_says_what_it_did_once() -> None:
    customer = await make_customer(address_country="DE")
    segment = await make_segment(rule=GERMAN)

    await refresh(segment.id)
    await refresh(segment.id)

    named = {"segment_id": str(segment.id), "entered": 1, "left": 0, "customer_ids": [str(customer.id)]}
    assert await _events("SegmentMembershipChanged") == [named]
    assert await _events("SegmentChanged") == [{"segment_id": str(segment.id), "action": "refresh"}]


async def test_archived_customers_and_those_of_other_units_are_not_wanted() -> None:
    unit, other = await make_unit(), await make_unit()
    await make_customer(unit=unit, name="Ann")
    await make_customer(unit=unit, name="Old", archived_at=now())
    await make_customer(unit=other, name="Far")
    here, everywhere = await make_segment(unit=unit, rule={}), await make_segment(rule={})

    await refresh(here.id)
    await refresh(everywhere.id)

    assert await _names(here) == ["Ann"]
    assert await _names(everywhere) == ["Ann", "Far"]


async def test_what_is_not_a_dynamic_segment_in_use_is_left_alone() -> None:
    customer = await make_customer()
    static = await make_segment(members=[customer])
    archived = await make_segment(rule={}, archived_at=now())

    assert await refresh(static.id) is None
    assert await refresh(archived.id) is None
    assert await refresh(uuid7()) is None

    assert await _names(static) == [customer.name]
    assert await _names(archived) == []


async def test_a_rule_that_lost_its_meaning_changes_nothing() -> None:
    customer = await make_customer()
    segment = await make_segment(
        rule={"favouriteColour": {"eq": "red"}}, members=[customer], stale_since=now()
    )

    with pytest.raises(InvalidInput) as refusal:
        await refresh(segment.id)

    assert refusal.value.problems[0].path == ("rule", "favouriteColour")
    await segment.refresh_from_db()
    assert segment.stale_since is not None
    assert await _names(segment) == [customer.name]


async def test_refreshes_and_evaluations_at_once_open_one_membership_a_customer() -> None:
    unit = await make_unit()
    customers = [await make_customer(unit=unit, address_country="DE") for _ in range(20)]
    segment = await make_segment(unit=unit, rule=GERMAN)

    results = await asyncio.gather(
        refresh(segment.id),
        *(evaluate([customer.id]) for customer in customers[:4]),
        refresh(segment.id),
        *(evaluate([customer.id]) for customer in customers[:3]),
    )

    entered = sum(
        len(each) if isinstance(each, list) else each.entered for each in results if each is not None
    )
    assert entered == 20
    assert await SegmentMembership.all().count() == 20
    assert await SegmentMembership.filter(left_at__isnull=True).count() == 20


async def test_a_refresh_that_waited_sees_what_it_waited_for() -> None:
    """It closes a membership that began after its own transaction did."""
    customer = await make_customer(address_country="FR")
    segment = await make_segment(unit=await BusinessUnit.get(id=customer.unit_id), rule=GERMAN)
    ready = asyncio.Event()

    async def late() -> None:
        async with transaction():
            await raw_connection().execute("select now()")
            await ready.wait()
            await refresh(segment.id)

    task = asyncio.create_task(late())
    await asyncio.sleep(0.05)
    await SegmentMembership.create(segment=segment, customer=customer)
    ready.set()
    await task

    stay = await SegmentMembership.get()
    assert stay.left_at is not None
    assert stay.left_at >= stay.entered_at


async def test_promised_refreshes_say_that_a_segment_is_stale_and_come_once() -> None:
    unit, other = await make_unit(), await make_unit()
    here, everywhere = await make_segment(unit=unit, rule={}), await make_segment(rule={})
    static, far = await make_segment(unit=unit), await make_segment(unit=other, rule={})
    archived = await make_segment(unit=unit, rule={}, archived_at=now())

    for _ in range(2):
        async with transaction():
            promised = await promise_refresh_in_unit(unit.id)
    async with transaction():
        await promise_refresh(Segment.filter(id__in=[static.id, archived.id]))

    assert promised == sorted([here.id, everywhere.id])
    jobs = await OutboxJob.filter(kind=REFRESH).order_by("id")
    assert {job.payload["segment_id"] for job in jobs} == {str(here.id), str(everywhere.id)}
    assert len(jobs) == 2
    stale = await Segment.filter(stale_since__isnull=False).values_list("id", flat=True)
    assert set(stale) == {here.id, everywhere.id}
    assert far.id not in stale


BUSY: dict[str, Any] = {
    "or": [
        {"activities": {"some": {"type": {"eq": "CALL"}}}},
        {"contacts": {"none": {"name": {"eq": "Ann"}}}},
    ]
}


async def test_twenty_thousand_customers_are_refreshed_by_a_handful_of_statements() -> None:
    unit = await make_unit()
    await _many_customers(unit, 20_000)
    segment = await make_segment(unit=unit, rule={"country": {"in": ["DE", "FR"]}})
    statements: list[Any] = []

    async with transaction():
        with raw_connection().query_logger(statements.append):
            filled = await refresh(segment.id)
            await Customer.filter(address_country="FR").update(address_country="GB")
            emptied = await refresh(segment.id)
        (again,) = [each for each in statements[-4:] if "full join" in each.query]
        plan = await raw_connection().fetch(f"explain (analyze, costs off) {again.query}", *again.args)

    assert filled is not None
    assert emptied is not None
    assert (filled.entered, filled.left, len(filled.customer_ids)) == (10_000, 0, 50)
    assert (emptied.entered, emptied.left) == (0, 5_000)
    assert await SegmentMembership.filter(left_at__isnull=True).count() == 5_000
    assert len(statements) == 9, [each.query for each in statements]
    assert _most_loops(plan) == 1


def _most_loops(plan: list[Any]) -> int:
    """How often PostgreSQL did the part of a plan it did most often."""
    return max(int(each) for row in plan for each in re.findall(r"loops=(\d+)", row[0]))


async def test_the_statement_of_a_rule_over_related_records_reads_no_table_twice_for_each_customer() -> None:
    unit = await make_unit()
    await _many_customers(unit, 5_000)
    wanted = await Customer.all().first()
    assert wanted is not None
    await make_activity(wanted, type=ActivityType.CALL)
    await make_contact(wanted, name="Ann")
    await get_connection("default").execute_script("analyze customer; analyze contact; analyze activity")
    sql, values = statement(matching(BUSY, unit_id=unit.id))

    async with transaction():
        plan = await raw_connection().fetch(f"explain (analyze, costs off) {sql}", *values)

    assert "rows=5000" in "".join(row[0] for row in plan)
    assert _most_loops(plan) == 1


async def _many_customers(unit: BusinessUnit, count: int) -> None:
    await get_connection("default").execute_query(
        "insert into customer"
        " (id, unit_id, name, email, stage, status, address_country, currency, language, consent, billing_same)"
        " select uuidv7(), $1, 'Customer ' || n, 'c' || n || '@customer.example', 'PROSPECT', 'PROSPECT',"
        " (array['DE', 'FR', 'GB', 'IT'])[1 + n % 4], 'EUR', 'en', 'UNKNOWN', true from generate_series(1, $2::int) n",
        [unit.id, count],
    )


async def test_the_factory_makes_a_dynamic_segment_for_a_rule() -> None:
    assert (await make_segment(rule={})).type is SegmentType.DYNAMIC
