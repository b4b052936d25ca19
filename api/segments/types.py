"""How a segment and its members look to callers."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry
from strawberry.scalars import JSON

from api.customers.filters import ORDER_COLUMNS, CustomerFilter, CustomerOrder
from api.enums import describe
from api.filters import ordering, to_rule
from api.nodes import Node, id_field, node_type
from api.paging import Connection, connection
from crm.customers import queries as customers
from crm.customers.filters import filters_of_members
from crm.kernel.ids import Kind
from crm.segments import models, queries
from crm.segments.models import SegmentType

if TYPE_CHECKING:
    from api.accounts.types import BusinessUnit, User
    from api.customers.types import Customer

describe(
    SegmentType,
    description="Who says who is in a segment.",
    values={
        "STATIC": "People: members are added and removed by hand.",
        "DYNAMIC": "Its rule: Kith keeps the members those whom the rule wants.",
    },
)

CurrentArgument = Annotated[
    bool, strawberry.argument(description="true: only who is in now; false: past memberships as well.")
]


@node_type(
    model=models.SegmentMembership,
    description="A stay of a customer in a segment. One that comes back begins another.",
)
class SegmentMembership(Node):
    id: strawberry.ID = id_field(Kind.SEGMENT_MEMBERSHIP)
    segment: "Segment" = strawberry.field(description="The segment.")
    customer: Annotated["Customer", strawberry.lazy("api.customers.types")] = strawberry.field(
        description="The customer."
    )
    entered_at: datetime = strawberry.field(description="When the customer entered.")
    left_at: datetime | None = strawberry.field(description="When the customer left; null while it is in.")
    added_by: Annotated["User", strawberry.lazy("api.accounts.types")] | None = strawberry.field(
        description="Who added it by hand; null when the rule did."
    )


@node_type(model=models.Segment, description="A group of customers: by hand, or by a rule that is kept true.")
class Segment(Node):
    id: strawberry.ID = id_field(Kind.SEGMENT)
    name: str = strawberry.field(
        description="Name, at most 120 characters; unique in its unit while not archived."
    )
    description: str | None = strawberry.field(description="What it is for.")
    type: SegmentType = strawberry.field(description="Who says who is in it.")
    rule: JSON | None = strawberry.field(
        description="Whom a dynamic segment wants, as the `CustomerFilter` it was given; null for a static one."
    )
    unit: Annotated["BusinessUnit", strawberry.lazy("api.accounts.types")] | None = strawberry.field(
        description="The business unit whose customers it groups; null: those of every unit, for admins only."
    )
    refreshed_at: datetime | None = strawberry.field(
        description="When every member was last decided anew; null for a static segment. Single customers follow "
        "their changes within seconds."
    )
    stale_since: datetime | None = strawberry.field(
        description="Since when a refresh is awaited; null once it is done."
    )
    archived_at: datetime | None = strawberry.field(description="When it was archived.")
    version: int = strawberry.field(description="Grows with every change; pass it as `expectedVersion`.")
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    created_by: Annotated["User", strawberry.lazy("api.accounts.types")] | None = strawberry.field(
        description="Who created it."
    )

    @strawberry.field(description="How many customers are in it now, archived ones left out.")
    def member_count(self) -> int:
        row = cast("models.Segment", self)
        return cast("int", queries.members_of(row.id).count())

    @connection(description="The customers in it now, archived ones left out.")
    def customers(
        self,
        filter: Annotated[
            CustomerFilter | None,
            strawberry.argument(
                description="Conditions they meet; `segments` are those of the customer's business unit."
            ),
        ] = None,
        order_by: Annotated[
            list[CustomerOrder] | None, strawberry.argument(description="The order; by name if left out.")
        ] = None,
    ) -> Connection[Annotated["Customer", strawberry.lazy("api.customers.types")]]:
        row = cast("models.Segment", self)
        wanted = customers.matching(to_rule(filter) if filter else None, filters_of_members())
        order = customers.named_within(ordering(order_by, ORDER_COLUMNS, customers.DEFAULT_ORDER))
        return cast("Connection[Customer]", queries.members_of(row.id).filter(wanted).order_by(*order))

    @connection(description="Who entered it and when, latest first.")
    def memberships(self, current: CurrentArgument = True) -> Connection[SegmentMembership]:
        row = cast("models.Segment", self)
        return cast("Connection[SegmentMembership]", queries.memberships_of(row.id, current=current))
