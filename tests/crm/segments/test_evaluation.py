"""Deciding for one customer: the same result as deciding for all, without looking at the others."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from factories import (
    make_activity,
    make_contact,
    make_customer,
    make_segment,
    make_unit,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tortoise.connection import get_connection

from crm.accounts.models import BusinessUnit
from crm.activities.models import Activity, ActivityType
from crm.contacts.models import Contact
from crm.customers.models import Customer
from crm.kernel.clock import now
from crm.kernel.events import JOB_KIND
from crm.kernel.ids import Kind, encode
from crm.kernel.models import OutboxJob
from crm.kernel.transaction import raw_connection, transaction
from crm.segments import evaluation
from crm.segments.evaluation import evaluate, leave_former_units
from crm.segments.models import Segment, SegmentMembership
from crm.segments.queries import matching
from crm.segments.refresh import refresh

pytestmark = pytest.mark.usefixtures("db")

RULES: list[dict[str, Any]] = [
    {"country": {"in": ["DE", "FR"]}},
    {"not": {"country": {"eq": "DE"}}},
    {"tags": {"has": "vip"}},
    {"contacts": {"some": {"name": {"startsWith": "A"}}}},
    {"contacts": {"none": {"name": {"startsWith": "A"}}}},
    {"contacts": {"every": {"name": {"startsWith": "A"}}}, "country": {"ne": "GB"}},
    {"or": [{"activities": {"some": {"type": {"eq": "CALL"}}}}, {"tags": {"isEmpty": True}}]},
    {"lastActivityAt": {"isNull": False}},
    {"not": {"activities": {"some": {"outcome": {"isNull": True}}}}},
    {"invoices": {"none": {}}},
    {},
]
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["country", "tag", "contact", "activity", "forget", "archive", "restore", "move"]),
        st.integers(0, 3),
        st.integers(0, 2),
    ),
    max_size=10,
)


async def _change(what: str, customer: Customer, number: int, units: list[BusinessUnit]) -> None:
    match what:
        case "country":
            await Customer.filter(id=customer.id).update(address_country=["DE", "FR", None][number])
        case "tag":
            await Customer.filter(id=customer.id).update(tags=[[], ["vip"], ["vip", "new"]][number])
        case "contact":
            await make_contact(customer, name=["Ann", "Ben", "Ada"][number])
        case "activity":
            await make_activity(
                customer, type=[ActivityType.CALL, ActivityType.NOTE, ActivityType.TASK][number]
            )
        case "forget":
            await Contact.filter(customer=customer).delete()
            await Activity.filter(customer=customer).delete()
        case "archive":
            await Customer.filter(id=customer.id).update(archived_at=now())
        case "restore":
            await Customer.filter(id=customer.id).update(archived_at=None)
        case "move":
            await Customer.filter(id=customer.id).update(unit_id=units[number % 2].id)
            await leave_former_units([customer.id])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
async def test_whatever_changes_evaluating_the_changed_keeps_every_segment_as_its_rule_says(
    changes: list[tuple[str, int, int]],
) -> None:
    units = [await make_unit(), await make_unit()]
    customers = [await make_customer(unit=units[0]) for _ in range(4)]
    segments = [await make_segment(unit=units[0], rule=rule) for rule in RULES]
    segments += [await make_segment(rule=RULES[0]), await make_segment(unit=units[1], rule=RULES[1])]
    for segment in segments:
        await refresh(segment.id)

    for what, which, number in changes:
        await _change(what, customers[which], number, units)
        await evaluate([customers[which].id])

    for segment in segments:
        held = await SegmentMembership.filter(segment=segment, left_at__isnull=True).values_list(
            "customer_id", flat=True
        )
        wanted = await matching(segment.rule or {}, unit_id=segment.unit_id).values_list("id", flat=True)
        assert sorted(held) == sorted(wanted), segment.rule
        moved = await refresh(segment.id)
        assert moved is not None
        assert (moved.entered, moved.left) == (0, 0)
    await Segment.filter(id__in=[segment.id for segment in segments]).delete()


async def test_entering_and_leaving_are_kept_with_their_times_and_announced() -> None:
    customer = await make_customer(address_country="DE")
    unit = await BusinessUnit.get(id=customer.unit_id)
    segment = await make_segment(unit=unit, rule={"country": {"eq": "DE"}})
    before = now()

    entered = await evaluate([customer.id])
    again = await evaluate([customer.id])
    await Customer.filter(id=customer.id).update(address_country="FR")
    left = await evaluate([customer.id])

    assert [(move.segment_id, move.customer_id, move.entered) for move in (*entered, *left)] == [
        (segment.id, customer.id, True),
        (segment.id, customer.id, False),
    ]
    assert again == []
    stay = await SegmentMembership.get()
    assert stay.left_at is not None
    assert before <= stay.entered_at <= stay.left_at <= now()
    told = [job.payload["data"] for job in await OutboxJob.filter(kind=JOB_KIND).order_by("id")]
    assert [(each["entered"], each["left"]) for each in told] == [(1, 0), (0, 1)]


async def test_a_customer_that_moved_leaves_the_segments_of_its_former_unit_static_ones_too() -> None:
    north, south = await make_unit(), await make_unit()
    customer = await make_customer(unit=north)
    static = await make_segment(unit=north, members=[customer])
    everywhere = await make_segment(members=[customer])
    dynamic = [await make_segment(unit=unit, rule={}) for unit in (north, south)]
    await evaluate([customer.id])

    await Customer.filter(id=customer.id).update(unit_id=south.id)
    moves = await leave_former_units([customer.id])
    await evaluate([customer.id])

    assert {move.segment_id for move in moves} == {static.id, dynamic[0].id}
    inside = await SegmentMembership.filter(left_at__isnull=True).values_list("segment_id", flat=True)
    assert set(inside) == {everywhere.id, dynamic[1].id}


async def test_a_rule_that_lost_its_meaning_does_not_hold_up_the_others() -> None:
    customer = await make_customer()
    unit = await BusinessUnit.get(id=customer.unit_id)
    broken = await make_segment(unit=unit, rule={"favouriteColour": {"eq": "red"}}, members=[customer])
    sound = await make_segment(unit=unit, rule={})

    moves = await evaluate([customer.id])

    assert [move.segment_id for move in moves] == [sound.id]
    assert await SegmentMembership.filter(segment=broken, left_at__isnull=True).count() == 1


async def test_more_rules_than_fit_one_statement_are_all_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "RULES_AT_ONCE", 2)
    customer = await make_customer()
    unit = await BusinessUnit.get(id=customer.unit_id)
    segments = [await make_segment(unit=unit, rule={}) for _ in range(5)]

    moves = await evaluate([customer.id])

    assert {move.segment_id for move in moves} == {segment.id for segment in segments}


async def test_customers_that_are_gone_are_nobody() -> None:
    customer = await make_customer()
    await make_segment(rule={})
    await customer.delete()

    assert await evaluate([customer.id]) == []
    assert await leave_former_units([customer.id]) == []


async def test_an_edit_that_comes_during_an_evaluation_is_evaluated_last() -> None:
    """Two evaluations of one customer never overlap, so the later one decides on what both edits left."""
    customer = await make_customer(address_country="DE")
    segment = await make_segment(rule={"country": {"eq": "DE"}})
    holding, release = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with transaction():
            await evaluate([customer.id])
            holding.set()
            await release.wait()

    first = asyncio.create_task(slow())
    await holding.wait()
    edit = asyncio.ensure_future(Customer.filter(id=customer.id).update(address_country="FR"))
    await asyncio.sleep(0.1)
    waited = not edit.done()
    release.set()
    await asyncio.gather(first, edit)
    await evaluate([customer.id])

    assert waited
    assert await SegmentMembership.filter(segment=segment, left_at__isnull=True).count() == 0


async def test_one_customer_is_decided_by_indexes_alone_however_many_others_there_are() -> None:
    unit = await make_unit()
    await _crowd(unit)
    customer = await make_customer(unit=unit)
    segments = [await make_segment(unit=unit, rule=rule) for rule in RULES]
    plans: list[str] = []

    async with transaction():
        connection = raw_connection()
        statements: list[Any] = []
        with connection.query_logger(statements.append):
            moves = await evaluate([customer.id])
        for record in statements:
            if record.query.lstrip().startswith("SELECT") and "CASE" in record.query:
                rows = await connection.fetch(f"explain (analyze, costs off) {record.query}", *record.args)
                plans.append("\n".join(row[0] for row in rows))

    assert len(plans) == 1
    for table in ("customer", "contact", "activity"):
        assert f"Seq Scan on {table}" not in plans[0], plans[0]
    assert {move.segment_id for move in moves} == {segments[n].id for n in (1, 4, 5, 6, 8, 9, 10)}


async def _crowd(unit: BusinessUnit) -> None:
    connection = get_connection("default")
    await connection.execute_query(
        "insert into customer (id, unit_id, name, email, stage, status, currency, language, consent, billing_same)"
        " select uuidv7(), $1, 'Customer ' || n, 'c' || n || '@customer.example', 'PROSPECT', 'PROSPECT',"
        " 'EUR', 'en', 'UNKNOWN', true from generate_series(1, 3000) n",
        [unit.id],
    )
    await connection.execute_script(
        "insert into contact (id, customer_id, name, email, is_primary, consent)"
        " select uuidv7(), id, 'Ann', email, true, 'UNKNOWN' from customer;"
        "insert into activity (id, customer_id, type, title, occurred_at)"
        " select uuidv7(), id, 'CALL', 'Hello', now() from customer;"
    )
    await connection.execute_script("analyze customer; analyze contact; analyze activity")


async def test_a_burst_of_changes_is_one_promise_and_none_where_no_rule_could_want_the_customer() -> None:
    customer, other = await make_customer(), await make_customer()
    await make_segment(unit=await BusinessUnit.get(id=customer.unit_id), rule={})

    for _ in range(3):
        async with transaction():
            await evaluation.promise_evaluation(customer.id, customer.unit_id)
            await evaluation.promise_evaluation(other.id, other.unit_id)

    job = await OutboxJob.get(kind=evaluation.EVALUATE)
    assert job.payload == {"customer_ids": [str(customer.id)], "moved": False}


def _in(segment: Segment) -> dict[str, Any]:
    return {"segments": {"some": {"segment": {"eq": encode(Kind.SEGMENT, segment.id)}}}}


async def test_a_rule_may_speak_of_another_segment_and_of_when_it_was_entered() -> None:
    inside, outside = await make_customer(), await make_customer()
    static = await make_segment(members=[inside])
    recent: dict[str, Any] = {
        "segment": {"eq": encode(Kind.SEGMENT, static.id)},
        "enteredAt": {"gt": "2026-01-01T00:00:00Z"},
    }
    segments = [
        await make_segment(rule=_in(static)),
        await make_segment(rule={"not": _in(static)}),
        await make_segment(rule={"segments": {"some": recent}}),
        await make_segment(
            rule={
                "segments": {"none": recent | {"enteredAt": {"gt": (now() + timedelta(days=1)).isoformat()}}}
            }
        ),
    ]

    await evaluate([inside.id, outside.id])

    async def members(segment: Segment) -> set[Any]:
        return set(
            await SegmentMembership.filter(segment=segment, left_at__isnull=True).values_list(
                "customer_id", flat=True
            )
        )

    assert [await members(segment) for segment in segments] == [
        {inside.id},
        {outside.id},
        {inside.id},
        {inside.id, outside.id},
    ]
