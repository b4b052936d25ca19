"""Rules that speak of other segments: such segments stay, and no rule comes back to its own segment."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm.kernel.actor import Actor
from crm.kernel.errors import Problem
from crm.kernel.ids import Kind, encode
from crm.kernel.transaction import raw_connection
from crm.segments.errors import SegmentInUse
from crm.segments.models import Segment, SegmentType
from crm.segments.queries import visible_to
from crm.segments.rules import Mention, mentions

_LOCK = 7_204_118_034  # any number; see MIGRATION_LOCK


async def reference_problems(rule: Mapping[str, Any], *, segment_id: UUID, actor: Actor) -> list[Problem]:
    """What is wrong with the segments a rule names: not there, archived, or leading back to `segment_id`.

    Holds off other changes to such rules until the open transaction ends.
    """
    named = list(mentions(rule))
    if not named:
        return []
    await _one_at_a_time()
    wanted = {each for mention in named for each in mention.ids or ()}
    found = visible_to(actor).filter(id__in=wanted, archived_at__isnull=True)
    there = {segment.id for segment in await found}
    return [problem for mention in named for problem in await _problems(mention, there, segment_id)]


async def _problems(mention: Mention, there: set[UUID], segment_id: UUID) -> list[Problem]:
    ids = mention.ids or frozenset()
    if not ids <= there:
        return [
            Problem(
                mention.path, "UNKNOWN_SEGMENT", "There is no such segment in use, or you may not see it."
            )
        ]
    if await _leads_to(segment_id, set(ids)):
        message = "This segment would depend on itself. Name segments whose rules do not speak of this one."
        return [Problem(mention.path, "SEGMENT_CYCLE", message)]
    return []


async def _leads_to(segment_id: UUID, frontier: set[UUID]) -> bool:
    seen: set[UUID] = set()
    while frontier:
        if segment_id in frontier:
            return True
        seen |= frontier
        segments = await Segment.filter(id__in=frontier, type=SegmentType.DYNAMIC)
        named = (mention.ids or frozenset() for each in segments for mention in mentions(each.rule or {}))
        frontier = {each for ids in named for each in ids} - seen
    return False


async def users_of(segment_id: UUID) -> list[Segment]:
    """The dynamic segments in use whose rule names this one."""
    named = f"%{encode(Kind.SEGMENT, segment_id)}%"
    rows = await raw_connection().fetch(_USERS, named)
    return await Segment.filter(id__in=[row["id"] for row in rows]).order_by("name")


_USERS = "select id from segment where type = 'DYNAMIC' and archived_at is null and rule::text like $1"


async def refuse_when_used(segment_id: UUID) -> None:
    """Raises SegmentInUse."""
    await _one_at_a_time()
    if users := await users_of(segment_id):
        raise SegmentInUse(segment.name for segment in users)


async def _one_at_a_time() -> None:
    await raw_connection().execute("select pg_advisory_xact_lock($1)", _LOCK)
