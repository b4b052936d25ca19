"""Making and changing segments. Who is in them is kept by members.py, refresh.py and evaluation.py."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from crm.audit import service as audit
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.errors import (
    DomainError,
    DuplicateRecord,
    InvalidInput,
    InvalidTransition,
    Problem,
    VersionConflict,
)
from crm.kernel.events import emit
from crm.kernel.fields import absent, clean, refuse
from crm.kernel.ids import Kind, uuid7
from crm.kernel.integrity import refusing
from crm.kernel.transaction import transaction
from crm.segments.access import segment_to_change, segment_to_manage, unit_for_segment
from crm.segments.errors import SegmentIsStatic
from crm.segments.events import SegmentChanged
from crm.segments.models import Segment, SegmentType
from crm.segments.queries import rule_problems
from crm.segments.references import reference_problems, refuse_when_used
from crm.segments.refresh import promise_refresh
from crm.segments.rules import FIELDS

Values = Mapping[str, Any]


async def create_static_segment(values: Values, *, actor: Actor, unit_id: UUID | None = None) -> Segment:
    """A segment whose members are added by hand, in the actor's only unit unless one is named.

    An admin who names no unit makes one over all units. Raises Forbidden, NotFound, UnitArchived, InvalidInput or
    DuplicateRecord.
    """
    async with transaction():
        segment = Segment(id=uuid7(), type=SegmentType.STATIC)
        return await _create(segment, values, unit_id, actor)


async def create_dynamic_segment(
    values: Values, *, rule: Values, actor: Actor, unit_id: UUID | None = None
) -> Segment:
    """A segment whose members are those `rule`, the shared customer filter, wants; a worker fetches them.

    Raises as `create_static_segment`; InvalidInput also names what is wrong with the rule.
    """
    async with transaction():
        segment = Segment(id=uuid7(), type=SegmentType.DYNAMIC, rule=dict(rule))
        await _create(segment, values, unit_id, actor)
        await promise_refresh(Segment.filter(id=segment.id))
        return segment


async def update_segment(
    segment_id: UUID, values: Values, *, expected_version: int | None, actor: Actor
) -> Segment:
    """Changes name, description or `rule`; a new rule is followed by a refresh.

    Raises NotFound, Forbidden, SegmentArchived, VersionConflict, SegmentIsStatic, InvalidInput or DuplicateRecord.
    """
    async with transaction():
        segment = await segment_to_change(segment_id, actor=actor)
        if expected_version not in {None, segment.version}:
            raise VersionConflict(Kind.SEGMENT, segment.id, segment.version)
        checked = await _checked(values, segment, actor)
        changed = {name: value for name, value in checked.items() if value != getattr(segment, name)}
        if not changed:
            return segment
        before = {name: getattr(segment, name) for name in changed}
        await _save(segment, changed)
        if "rule" in changed:
            await promise_refresh(Segment.filter(id=segment.id))
        await _tell(segment, before, changed, "update_segment", actor)
        return segment


async def archive_segment(segment_id: UUID, *, actor: Actor) -> Segment:
    """Takes a segment out of use; its members stay as they are.

    Raises NotFound, Forbidden, InvalidTransition or SegmentInUse.
    """
    async with transaction():
        segment = await segment_to_manage(segment_id, actor=actor)
        if segment.archived_at is not None:
            raise InvalidTransition("archiveSegment", "archived", ["restoreSegment", "deleteSegment"])
        await refuse_when_used(segment.id)
        archived = {"archived_at": now(), "stale_since": None}
        await _save(segment, archived)
        await _tell(segment, {}, {"archived_at": segment.archived_at}, "archive_segment", actor)
        return segment


async def restore_segment(segment_id: UUID, *, actor: Actor) -> Segment:
    """Brings an archived segment back; a dynamic one is refreshed.

    Raises NotFound, Forbidden, InvalidTransition, InvalidInput when its rule lost its meaning, or DuplicateRecord
    when its name was given away meanwhile.
    """
    async with transaction():
        segment = await segment_to_manage(segment_id, actor=actor)
        if segment.archived_at is None:
            raise InvalidTransition("restoreSegment", "in use", ["archiveSegment", "deleteSegment"])
        before = {"archived_at": segment.archived_at}
        await _checked({} if segment.rule is None else {"rule": segment.rule}, segment, actor)
        await _save(segment, {"archived_at": None})
        await promise_refresh(Segment.filter(id=segment.id))
        await _tell(segment, before, {}, "restore_segment", actor)
        return segment


async def delete_segment(segment_id: UUID, *, actor: Actor) -> Segment:
    """Deletes a segment and its memberships, past ones too, for good. Raises NotFound, Forbidden or SegmentInUse."""
    async with transaction():
        segment = await segment_to_manage(segment_id, actor=actor)
        await refuse_when_used(segment.id)
        await segment.delete()
        gone = {name: getattr(segment, name) for name in (*FIELDS, "type", "rule")}
        await _tell(segment, gone, {}, "delete_segment", actor)
        return segment


async def refresh_segment(segment_id: UUID, *, actor: Actor) -> Segment:
    """Has a worker decide anew on every member. Raises NotFound, Forbidden, SegmentArchived or SegmentIsStatic."""
    async with transaction():
        segment = await segment_to_change(segment_id, actor=actor)
        if segment.type is SegmentType.STATIC:
            raise SegmentIsStatic
        await promise_refresh(Segment.filter(id=segment.id))
        await _tell(segment, {}, {}, "refresh_segment", actor)
        return segment


async def _create(segment: Segment, values: Values, unit_id: UUID | None, actor: Actor) -> Segment:
    segment.unit_id = await unit_for_segment(unit_id, actor=actor)
    given = dict(values) if segment.rule is None else {**values, "rule": segment.rule}
    cleaned = await _checked(given, segment, actor, absent(values, FIELDS))
    segment.created_by_id = actor.user_id
    await _save(segment, cleaned, new=True)
    told = {"unit_id": segment.unit_id, "type": segment.type, **cleaned}
    await _tell(segment, {}, told, "create_segment", actor)
    return segment


async def _checked(
    values: Values, segment: Segment, actor: Actor, lacking: Iterable[Problem] = ()
) -> dict[str, Any]:
    """The values as they are kept. Raises SegmentIsStatic, or InvalidInput with `lacking` and all else wrong."""
    cleaned, problems = clean({k: v for k, v in values.items() if k in FIELDS}, FIELDS)
    if "rule" in values:
        if segment.type is SegmentType.STATIC:
            raise SegmentIsStatic("rule")
        cleaned["rule"] = rule = values["rule"]
        wrong = rule_problems(rule)
        problems += wrong or await reference_problems(rule, segment_id=segment.id, actor=actor)
    refuse([*lacking, *problems])
    return cleaned


async def _save(segment: Segment, values: Values, *, new: bool = False) -> None:
    for name, value in values.items():
        setattr(segment, name, value)
    if not new:
        segment.version += 1
        segment.updated_at = now()
    async with refusing({"segment_name": lambda: _taken(segment)}):
        await segment.save(
            force_create=new, update_fields=None if new else [*values, "version", "updated_at"]
        )


async def _taken(segment: Segment) -> DomainError:
    same = Segment.filter(unit_id=segment.unit_id, name__iexact=segment.name, archived_at__isnull=True)
    other = await same.exclude(id=segment.id).first()
    if other is None:
        message = f"The name '{segment.name}' was just taken. Try again."
        return InvalidInput.one(message, "name", code="DUPLICATE_RECORD")
    message = f"There is a segment '{other.name}' already. Use another name, or change that segment."
    return DuplicateRecord(message, "name", kind=Kind.SEGMENT, existing_id=other.id)


async def _tell(segment: Segment, before: Values, after: Values, action: str, actor: Actor) -> None:
    await audit.record(
        actor=actor,
        subject_kind=Kind.SEGMENT,
        subject_id=segment.id,
        unit_id=segment.unit_id,
        action=action,
        changes=audit.diff(before, after, {"unit_id": Kind.BUSINESS_UNIT}),
    )
    await emit(SegmentChanged(segment_id=segment.id, action=action))
