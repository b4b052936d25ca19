"""Full refreshes of dynamic segments: one statement each, however many customers there are."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from crm.kernel.clock import now
from crm.kernel.events import emit
from crm.kernel.outbox import enqueue
from crm.kernel.transaction import raw_connection, transaction
from crm.segments.events import MAX_NAMED, SegmentChanged, SegmentMembershipChanged
from crm.segments.models import Segment, SegmentType
from crm.segments.queries import matching

REFRESH = "segments.refresh"
"""The kind of job that refreshes one segment; its payload is {"segment_id"}."""
STALE = "segments.stale"
"""The kind of job that promises refreshes: of `segment_ids`, and of those that want customers of `unit_id`."""

# A full join is hashed or merged, never looped: right after an import PostgreSQL has no statistics yet and would
# loop over all members for each wanted customer. The clock is read when the row is written: the transaction may
# have begun before the one it waited for.
_REFRESH = """
with wanted as ({wanted}),
held as (select id, customer_id from segment_membership where segment_id = ${segment} and left_at is null),
moved as materialized (
  select w.id as customer_id, h.id as stay_id, h.customer_id as former_id
    from wanted w full join held h on h.customer_id = w.id where w.id is null or h.id is null),
gone as (
  update segment_membership m set left_at = greatest(m.entered_at, clock_timestamp())
    from moved where m.id = moved.stay_id),
come as (
  insert into segment_membership (segment_id, customer_id, entered_at)
  select ${segment}, customer_id, clock_timestamp() from moved where stay_id is null)
select count(*) filter (where stay_id is null) as entered, count(stay_id) as "left",
       array(select coalesce(customer_id, former_id) from moved limit ${named})::text[] as named from moved
"""


async def refresh(segment_id: UUID) -> SegmentMembershipChanged | None:
    """Makes the members of a dynamic segment those its rule wants. Returns how many entered and left.

    None when it is gone, archived or static. Raises InvalidInput when its rule has lost its meaning.
    """
    async with transaction():
        segment = await Segment.filter(id=segment_id).select_for_update().get_or_none()
        if segment is None or segment.archived_at is not None or segment.rule is None:
            return None
        moved = await _settle(segment)
        await Segment.filter(id=segment.id).update(refreshed_at=now(), stale_since=None)
        quiet = SegmentChanged(segment_id=segment.id, action="refresh")
        await emit(moved if moved.entered or moved.left else quiet)
        return moved


async def _settle(segment: Segment) -> SegmentMembershipChanged:
    wanted, values = statement(matching(segment.rule or {}, unit_id=segment.unit_id))
    number = len(values) + 1
    sql = _REFRESH.format(wanted=wanted, segment=number, named=number + 1)
    row = await raw_connection().fetchrow(sql, *values, segment.id, MAX_NAMED)
    assert row is not None  # noqa: S101  a select of aggregates has one row
    return SegmentMembershipChanged(
        segment_id=segment.id, entered=row["entered"], left=row["left"], customer_ids=row["named"]
    )


def statement(queryset: QuerySet[Any]) -> tuple[str, list[Any]]:
    """The SQL that finds the ids of a QuerySet's rows, and its numbered values, to build a larger one around."""
    found: Any = queryset.values("id")
    found._choose_db_if_not_chosen()  # noqa: SLF001  `sql()` would tell the SQL without its values
    found._make_query()  # noqa: SLF001
    sql, values = found.query.get_parameterized_sql()
    return str(sql), list(values)


async def promise_refresh(segments: QuerySet[Segment]) -> list[UUID]:
    """Promises a full refresh of each dynamic segment among these, which say they are stale until it is done.

    The rows stay locked until the open transaction ends: a refresh that is already promised waits for it, and
    then sees what it changed.
    """
    dynamic = segments.filter(type=SegmentType.DYNAMIC, archived_at__isnull=True).order_by("id")
    ids = [segment.id for segment in await dynamic.select_for_update(no_key=True)]
    await Segment.filter(id__in=ids, stale_since__isnull=True).update(stale_since=now())
    for segment_id in ids:
        await enqueue(REFRESH, {"segment_id": str(segment_id)}, dedupe_key=f"segment:{segment_id.hex}")
    return ids


async def promise_refresh_in_unit(unit_id: UUID) -> list[UUID]:
    """After many customers of a unit changed at once: refreshes every dynamic segment that could want them."""
    return await promise_refresh(Segment.filter(Q(unit_id=unit_id) | Q(unit_id__isnull=True)))


async def promise_later(*, unit_id: UUID | None = None, segment_ids: Iterable[UUID] = ()) -> None:
    """Promises to promise refreshes: for whoever must not wait for a refresh under way, as `promise_refresh` does."""
    ids = [str(each) for each in segment_ids]
    payload = {"unit_id": None if unit_id is None else str(unit_id), "segment_ids": ids}
    await enqueue(STALE, payload, dedupe_key=None if unit_id is None else f"segments:unit:{unit_id.hex}")
