"""Deciding for single customers which dynamic segments they are in, after something about them changed."""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

import structlog
from tortoise.expressions import Case, Q, Subquery, When
from tortoise.queryset import QuerySet

from crm.customers.models import Customer
from crm.kernel.errors import InvalidInput
from crm.kernel.outbox import enqueue
from crm.kernel.transaction import raw_connection, transaction
from crm.segments.events import SegmentMembershipChanged
from crm.segments.membership import Move, announce, write
from crm.segments.models import Segment, SegmentType
from crm.segments.queries import matching
from crm.segments.references import users_of
from crm.segments.refresh import promise_later

log = structlog.get_logger()

EVALUATE = "segments.evaluate"
"""The kind of job that evaluates customers; its payload is {"customer_ids", "moved": from another unit}."""
RULES_AT_ONCE = 50
"""Rules decided by one statement."""


async def evaluate(customer_ids: Collection[UUID]) -> list[Move]:
    """Decides anew which dynamic segments these customers are in, looking at nobody else. Returns who moved."""
    async with transaction():
        units = await _locked_customers(customer_ids)
        segments = await _shared_segments(units.values())
        decided: list[Move] = []
        for start in range(0, len(segments), RULES_AT_ONCE):
            decided += await _decided(segments[start : start + RULES_AT_ONCE], list(units))
        return await write(decided)


async def leave_former_units(customer_ids: Collection[UUID]) -> list[Move]:
    """Ends the memberships, static ones too, of customers in segments of units they no longer belong to."""
    async with transaction():
        units = await _locked_customers(customer_ids)
        await raw_connection().execute(_WAIT_FOR_OTHERS, list(units.values()))
        rows = await raw_connection().fetch(_LEAVE_FORMER_UNITS, list(units))
        moves = [Move(row["segment_id"], row["customer_id"], entered=False) for row in rows]
        await announce(moves)
        return moves


async def promise_evaluation(customer_id: UUID, unit_id: UUID) -> None:
    """Promises that a customer is evaluated, once for a burst of changes; nothing when no rule could want it."""
    here = Q(unit_id=unit_id) | Q(unit_id__isnull=True)
    if await Segment.filter(here, type=SegmentType.DYNAMIC, archived_at__isnull=True).exists():
        await _promise([customer_id], moved=False, dedupe_key=f"segments:{customer_id.hex}")


async def promise_move(customer_id: UUID) -> None:
    """Promises that a customer leaves the segments of the unit it left, and is evaluated."""
    await _promise([customer_id], moved=True, dedupe_key=f"segments:moved:{customer_id.hex}")


async def promise_follow_up(moved: SegmentMembershipChanged) -> None:
    """Promises to decide anew where rules speak of a segment that customers entered or left."""
    users = await users_of(moved.segment_id)
    if not users:
        return
    if moved.names_all:
        await _promise([UUID(each) for each in moved.customer_ids], moved=False)
    else:
        await promise_later(segment_ids=[segment.id for segment in users])


async def _promise(customer_ids: Iterable[UUID], *, moved: bool, dedupe_key: str | None = None) -> None:
    payload = {"customer_ids": [str(each) for each in customer_ids], "moved": moved}
    await enqueue(EVALUATE, payload, dedupe_key=dedupe_key)


_LOCK_CUSTOMERS = "select id, unit_id from customer where id = any($1::uuid[]) order by id for no key update"
_SHARE_SEGMENTS = """
select id from segment
 where type = 'DYNAMIC' and archived_at is null and (unit_id is null or unit_id = any($1::uuid[]))
 order by id for key share
"""
# A refresh that began before the customer moved may still be about to let it in.
_WAIT_FOR_OTHERS = """
select id from segment where type = 'DYNAMIC' and not unit_id = any($1::uuid[]) order by id for key share
"""
_LEAVE_FORMER_UNITS = """
update segment_membership m set left_at = greatest(m.entered_at, clock_timestamp())
  from segment s, customer c
 where m.customer_id = any($1::uuid[]) and m.left_at is null and s.id = m.segment_id and c.id = m.customer_id
   and s.unit_id <> c.unit_id
returning m.segment_id, m.customer_id
"""


async def _locked_customers(customer_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The unit of each customer that is still there; edits of them wait until the transaction ends."""
    rows = await raw_connection().fetch(_LOCK_CUSTOMERS, list(customer_ids))
    return {row["id"]: row["unit_id"] for row in rows}


async def _shared_segments(unit_ids: Iterable[UUID]) -> list[Segment]:
    """The dynamic segments of these units and those over all units, none of them under refresh any more."""
    rows = await raw_connection().fetch(_SHARE_SEGMENTS, list(set(unit_ids)))
    return await Segment.filter(id__in=[row["id"] for row in rows]).order_by("id")


async def _decided(segments: Sequence[Segment], customer_ids: list[UUID]) -> list[Move]:
    """Whether each segment wants each customer, by one statement."""
    wanted = {
        f"wanted_{number}": (segment.id, customers)
        for number, segment in enumerate(segments)
        if (customers := _wanted(segment, customer_ids)) is not None
    }
    if not wanted or not customer_ids:
        return []
    cases = {
        name: Case(When(id__in=Subquery(customers.values("id")), then="YES"), default="NO")
        for name, (_, customers) in wanted.items()
    }
    rows = await Customer.filter(id__in=customer_ids).annotate(**cases).values("id", *cases)
    return [
        Move(segment_id, row["id"], entered=row[name] == "YES")
        for row in rows
        for name, (segment_id, _) in wanted.items()
    ]


def _wanted(segment: Segment, customer_ids: list[UUID]) -> QuerySet[Customer] | None:
    try:
        return matching(segment.rule or {}, unit_id=segment.unit_id, among=customer_ids)
    except InvalidInput as error:  # a rule that lost its meaning must not hold up the others
        log.warning("a segment's rule cannot be used", segment=segment.id.hex, error=str(error))
        return None
