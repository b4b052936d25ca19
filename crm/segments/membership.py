"""Opening and closing memberships, set by set, and announcing them.

Two ways lead here for dynamic segments, and each excludes the other on one segment: a full refresh (refresh.py)
holds the segment's row alone, the evaluation of single customers (evaluation.py) shares it. A customer is evaluated
by one transaction at a time. Whoever comes later therefore decides on all that is committed by then, and the last
word is about the last change. A partial unique index allows one open membership of a customer in a segment.
"""

from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from crm.kernel.events import emit
from crm.kernel.transaction import raw_connection
from crm.segments.events import MAX_NAMED, SegmentMembershipChanged


class Move(NamedTuple):
    """One customer entering (or else leaving) one segment."""

    segment_id: UUID
    customer_id: UUID
    entered: bool


# The clock is read when the row is written: the transaction may have begun before the one it waited for.
_WRITE = """
with decided as (select * from unnest($1::uuid[], $2::uuid[], $3::boolean[]) as d (segment_id, customer_id, wanted)),
gone as (
  update segment_membership m set left_at = greatest(m.entered_at, clock_timestamp()) from decided d
   where not d.wanted and m.segment_id = d.segment_id and m.customer_id = d.customer_id and m.left_at is null
  returning m.segment_id, m.customer_id),
come as (
  insert into segment_membership (segment_id, customer_id, entered_at, added_by_id)
  select d.segment_id, d.customer_id, clock_timestamp(), $4 from decided d where d.wanted
  on conflict (segment_id, customer_id) where left_at is null do nothing
  returning segment_id, customer_id)
select segment_id, customer_id, true as entered from come
union all select segment_id, customer_id, false from gone
"""


async def write(decided: Collection[Move], *, added_by: UUID | None = None) -> list[Move]:
    """Opens and closes memberships as decided and announces what was not so before, which it returns.

    Inside the transaction that locked the segments.
    """
    if not decided:
        return []
    columns = [list(column) for column in zip(*decided, strict=True)]
    moves = [Move(**row) for row in await raw_connection().fetch(_WRITE, *columns, added_by)]
    await announce(moves)
    return moves


async def announce(moves: Collection[Move]) -> None:
    """One event for each segment somebody entered or left."""
    by_segment: defaultdict[UUID, list[Move]] = defaultdict(list)
    for move in moves:
        by_segment[move.segment_id].append(move)
    for segment_id, own in by_segment.items():
        entered = sum(move.entered for move in own)
        named = [str(move.customer_id) for move in own[:MAX_NAMED]]
        await emit(
            SegmentMembershipChanged(
                segment_id=segment_id, entered=entered, left=len(own) - entered, customer_ids=named
            )
        )
