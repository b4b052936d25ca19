"""Following a segment as customers enter and leave."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any, cast

import strawberry
from tortoise.queryset import QuerySetSingle

from api.context import Info, actor_of
from api.ids import key_of
from api.segments.types import Segment
from api.subscriptions import events
from crm.kernel.errors import NotFound
from crm.kernel.ids import Kind
from crm.segments import queries
from crm.segments.events import segment_topic
from crm.segments.models import Segment as Row


@strawberry.type(description="Something that happened to a segment.")
class SegmentChange:
    segment: Segment = strawberry.field(description="The segment as it is now.")
    action: str = strawberry.field(
        description="What was done: `membership` when customers entered or left; else such as `update_segment`, or "
        "`refresh` for a refresh that moved nobody."
    )
    entered: int = strawberry.field(description="How many customers entered.")
    left: int = strawberry.field(description="How many customers left.")


@strawberry.type
class SegmentSubscription:
    @strawberry.subscription(
        description="Tells of each change to a segment and who is in it. Ends with NOT_FOUND at once for a segment you "
        "may not see, and when it is deleted."
    )
    async def segment_changed(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The segment.")]
    ) -> AsyncGenerator[SegmentChange, None]:
        key = key_of(Kind.SEGMENT, id)
        await _seen(info, key)
        async for message in events(info, segment_topic(key)):
            await _seen(info, key)
            yield _change(queries.by_id(actor_of(info), key), message["data"])


async def _seen(info: Info, key: Any) -> None:
    if not await queries.visible_to(actor_of(info)).filter(id=key).exists():
        raise NotFound(Kind.SEGMENT, "id")


def _change(segment: QuerySetSingle[Row | None], data: dict[str, Any]) -> SegmentChange:
    return SegmentChange(
        segment=cast("Segment", segment),
        action=data.get("action", "membership"),
        entered=data.get("entered", 0),
        left=data.get("left", 0),
    )
