"""Who may change a segment. Fetching and authorising are one step: what an actor may not see is not there."""

from uuid import UUID

from crm.accounts.errors import UnitArchived
from crm.accounts.models import BusinessUnit
from crm.accounts.rules import Permission, require
from crm.kernel.actor import Actor
from crm.kernel.errors import InvalidInput, NotFound
from crm.kernel.ids import Kind
from crm.segments.errors import SegmentArchived
from crm.segments.models import Segment
from crm.segments.queries import visible_to


async def segment_to_manage(segment_id: UUID, *, actor: Actor, path: str = "id") -> Segment:
    """The row, locked, archived or not. Raises NotFound or Forbidden."""
    segment = await visible_to(actor).select_for_update(no_key=True).get_or_none(id=segment_id)
    if segment is None:
        raise NotFound(Kind.SEGMENT, path)
    require(actor, Permission.MANAGE_SEGMENTS)
    return segment


async def segment_to_change(segment_id: UUID, *, actor: Actor, path: str = "id") -> Segment:
    """The row, locked, and not archived. Raises NotFound, Forbidden or SegmentArchived."""
    segment = await segment_to_manage(segment_id, actor=actor, path=path)
    if segment.archived_at is not None:
        raise SegmentArchived
    return segment


async def unit_for_segment(unit_id: UUID | None, *, actor: Actor) -> UUID | None:
    """The unit a new segment belongs to. Without one: the actor's only unit, or all units for an admin.

    Raises Forbidden, NotFound, UnitArchived, or InvalidInput when the actor has several units and named none.
    """
    require(actor, Permission.MANAGE_SEGMENTS)
    if unit_id is None:
        if actor.sees_all_units:
            return None
        if len(actor.unit_ids) != 1:
            raise InvalidInput.one("Say which business unit it belongs to.", "unitId", code="REQUIRED")
        (unit_id,) = actor.unit_ids
    unit = await BusinessUnit.get_or_none(id=unit_id) if actor.reaches(unit_id) else None
    if unit is None:
        raise NotFound(Kind.BUSINESS_UNIT, "unitId")
    if unit.archived_at is not None:
        raise UnitArchived(unit.name, "unitId")
    return unit_id
