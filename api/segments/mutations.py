"""Changes to segments."""

from typing import cast
from uuid import UUID

import strawberry

from api.context import Info, actor_of
from api.filters import to_rule
from api.ids import key_of, optional_key, public_id
from api.mutations import Payload, mutation, provided
from api.segments.inputs import (
    CreateDynamicSegmentInput,
    CreateStaticSegmentInput,
    SegmentCustomersInput,
    SegmentInput,
    UpdateSegmentInput,
)
from api.segments.types import Segment
from crm.kernel.ids import Kind
from crm.segments import members, queries, service


@strawberry.type(description="The segment as it is after the change.")
class SegmentPayload(Payload):
    segment_id: strawberry.Private[UUID | None] = None

    @strawberry.field(description="The segment; null when the change was refused.")
    def segment(self, info: Info) -> Segment | None:
        if self.segment_id is None:
            return None
        return cast("Segment | None", queries.by_id(actor_of(info), self.segment_id))


@strawberry.type(description="The segment after customers were added or removed.")
class SegmentCustomersPayload(SegmentPayload):
    changed: int = strawberry.field(
        default=0, description="How many entered or left; the others were as asked already."
    )


@strawberry.type(description="What was deleted.")
class DeleteSegmentPayload(Payload):
    segment_id: strawberry.Private[UUID | None] = None

    @strawberry.field(description="The id of the segment that is gone; null when the deletion was refused.")
    def deleted_id(self) -> strawberry.ID | None:
        return None if self.segment_id is None else public_id(Kind.SEGMENT, self.segment_id)


@strawberry.type
class SegmentMutation:
    @mutation(description="Makes a segment whose members are added by hand.")
    async def create_static_segment(self, info: Info, input: CreateStaticSegmentInput) -> SegmentPayload:
        values = provided(input)
        unit_id = optional_key(Kind.BUSINESS_UNIT, values.pop("unit_id"), "unitId")
        segment = await service.create_static_segment(values, unit_id=unit_id, actor=actor_of(info))
        return SegmentPayload(segment_id=segment.id)

    @mutation(
        description="Makes a segment whose members are those a rule wants. A worker fetches them; `staleSince` is set "
        "until it has."
    )
    async def create_dynamic_segment(self, info: Info, input: CreateDynamicSegmentInput) -> SegmentPayload:
        values = provided(input)
        unit_id = optional_key(Kind.BUSINESS_UNIT, values.pop("unit_id"), "unitId")
        rule = to_rule(values.pop("rule"))
        segment = await service.create_dynamic_segment(
            values, rule=rule, unit_id=unit_id, actor=actor_of(info)
        )
        return SegmentPayload(segment_id=segment.id)

    @mutation(
        description="Changes a segment's name, description or rule; a new rule is followed by a refresh."
    )
    async def update_segment(self, info: Info, input: UpdateSegmentInput) -> SegmentPayload:
        values = provided(input)
        key, version = key_of(Kind.SEGMENT, values.pop("id")), values.pop("expected_version")
        if values.get("rule") is not None:
            values["rule"] = to_rule(values["rule"])
        segment = await service.update_segment(key, values, expected_version=version, actor=actor_of(info))
        return SegmentPayload(segment_id=segment.id)

    @mutation(
        description="Takes a segment out of use; its members stay as they are. `restoreSegment` undoes it."
    )
    async def archive_segment(self, info: Info, input: SegmentInput) -> SegmentPayload:
        segment = await service.archive_segment(key_of(Kind.SEGMENT, input.id), actor=actor_of(info))
        return SegmentPayload(segment_id=segment.id)

    @mutation(description="Brings an archived segment back; a dynamic one is refreshed.")
    async def restore_segment(self, info: Info, input: SegmentInput) -> SegmentPayload:
        segment = await service.restore_segment(key_of(Kind.SEGMENT, input.id), actor=actor_of(info))
        return SegmentPayload(segment_id=segment.id)

    @mutation(description="Deletes a segment and the record of who was in it, for good; customers stay.")
    async def delete_segment(self, info: Info, input: SegmentInput) -> DeleteSegmentPayload:
        segment = await service.delete_segment(key_of(Kind.SEGMENT, input.id), actor=actor_of(info))
        return DeleteSegmentPayload(segment_id=segment.id)

    @mutation(
        description="Has every member of a dynamic segment decided anew. A worker does it; `staleSince` is set until "
        "it has, and `segmentChanged` tells."
    )
    async def refresh_segment(self, info: Info, input: SegmentInput) -> SegmentPayload:
        segment = await service.refresh_segment(key_of(Kind.SEGMENT, input.id), actor=actor_of(info))
        return SegmentPayload(segment_id=segment.id)

    @mutation(description="Adds customers to a static segment; one that is in already stays as it is.")
    async def add_customers_to_segment(
        self, info: Info, input: SegmentCustomersInput
    ) -> SegmentCustomersPayload:
        key, keys = _keys(input)
        moves = await members.add_customers(key, keys, actor=actor_of(info))
        return SegmentCustomersPayload(segment_id=key, changed=len(moves))

    @mutation(description="Removes customers from a static segment; one that is not in is no error.")
    async def remove_customers_from_segment(
        self, info: Info, input: SegmentCustomersInput
    ) -> SegmentCustomersPayload:
        key, keys = _keys(input)
        moves = await members.remove_customers(key, keys, actor=actor_of(info))
        return SegmentCustomersPayload(segment_id=key, changed=len(moves))


def _keys(input: SegmentCustomersInput) -> tuple[UUID, list[UUID]]:
    wanted = [
        key_of(Kind.CUSTOMER, each, "customerIds", str(number))
        for number, each in enumerate(input.customer_ids)
    ]
    return key_of(Kind.SEGMENT, input.id), wanted
