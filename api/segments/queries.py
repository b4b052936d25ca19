"""Reads of segments."""

from typing import TYPE_CHECKING, Annotated, Any, cast

import strawberry

from api.context import Info, actor_of
from api.customers.filters import CustomerFilter
from api.filters import to_rule
from api.ids import key_of, optional_key
from api.nodes import fetches
from api.paging import Connection, connection
from api.segments.types import Segment
from crm.kernel.ids import Kind
from crm.segments import queries
from crm.segments.models import SegmentType

if TYPE_CHECKING:
    from api.customers.types import Customer

SAMPLE = 5

fetches(Kind.SEGMENT)(queries.by_id)
fetches(Kind.SEGMENT_MEMBERSHIP)(queries.membership_by_id)


@strawberry.type(description="Whom a dynamic segment with a rule would have at this moment.")
class SegmentPreview:
    matching: strawberry.Private[Any]

    @strawberry.field(description="How many customers.")
    def count(self) -> int:
        return cast("int", self.matching.count())

    @strawberry.field(description="The first five of them, by name.")
    def sample(self) -> list[Annotated["Customer", strawberry.lazy("api.customers.types")]]:
        return cast("list[Customer]", self.matching.limit(SAMPLE))


@strawberry.type
class SegmentQuery:
    @strawberry.field(description="A segment by its id; null when there is none, or none you may see.")
    def segment(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its id, `seg_…`.")]
    ) -> Segment | None:
        return cast("Segment | None", queries.by_id(actor_of(info), key_of(Kind.SEGMENT, id)))

    @connection(description="The segments of your business units, by name; for admins also those over all.")
    def segments(
        self,
        info: Info,
        type: Annotated[
            SegmentType | None, strawberry.argument(description="Only static ones, or dynamic ones.")
        ] = None,
        search: Annotated[
            str | None,
            strawberry.argument(description="Words in name or description, whatever case and accents."),
        ] = None,
        archived: Annotated[
            bool, strawberry.argument(description="true: archived ones instead of those in use.")
        ] = False,
    ) -> Connection[Segment]:
        visible = queries.visible_to(actor_of(info))
        found = queries.listed(visible, kind=type, search=search, archived=archived)
        return cast("Connection[Segment]", found)

    @strawberry.field(description="Whom a dynamic segment with this rule would have; nothing is kept.")
    def preview_segment(
        self,
        info: Info,
        rule: Annotated[
            CustomerFilter,
            strawberry.argument(description="Whom it would want; archived customers are never in it."),
        ],
        unit_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="The segment's business unit; all you reach if left out."),
        ] = None,
    ) -> SegmentPreview:
        unit = optional_key(Kind.BUSINESS_UNIT, unit_id, "unitId")
        found = queries.preview(to_rule(rule), unit_id=unit, actor=actor_of(info))
        return SegmentPreview(matching=found)
