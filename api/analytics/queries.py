"""Reads of aggregates."""

from typing import Annotated, Any, cast

import strawberry

from api.activities.inputs import ActivityFilter
from api.analytics.inputs import (
    ActivityAggregateOrder,
    ActivityGrouping,
    CustomerAggregateOrder,
    CustomerGrouping,
    InvoiceAggregateOrder,
    InvoiceGrouping,
    to_groupings,
    to_orders,
)
from api.analytics.types import (
    ActivityAggregate,
    CustomerAggregate,
    InvoiceAggregate,
    activity_group,
    customer_group,
    invoice_group,
)
from api.context import Info, actor_of
from api.customers.filters import CustomerFilter
from api.filters import to_rule
from api.fusion import Rows
from api.invoices.filters import InvoiceFilter
from crm.analytics import queries
from crm.analytics.rules import (
    DEFAULT_GROUPS,
    MAX_GROUPINGS,
    MAX_GROUPS,
    MAX_ORDERS,
    ActivityDimension,
    CustomerDimension,
    InvoiceDimension,
    Wanted,
)

_GROUP_BY = strawberry.argument(
    description=f"What they are grouped by, {MAX_GROUPINGS} fields at most; one group of all of them if left out."
)
_ORDER_BY = strawberry.argument(
    description=f"The order of the groups, {MAX_ORDERS} parts at most; by their keys if left out."
)
_FILTER = strawberry.argument(description="Conditions they meet, as in the list.")
_SEARCH = strawberry.argument(description="Words to find, as in the list.")
First = Annotated[int, strawberry.argument(description=f"The most groups to answer with, 1 to {MAX_GROUPS}.")]
TimeZone = Annotated[
    str,
    strawberry.argument(
        description="IANA time zone in which the days of instants begin, such as `Europe/Berlin`."
    ),
]
Search = Annotated[str | None, _SEARCH]


def _rule(filter: Any) -> Any:
    return to_rule(filter) if filter else None


@strawberry.type
class AnalyticsQuery:
    @strawberry.field(
        description="Count, pipeline and contract values of the customers that `customers` lists, in groups. Archived "
        "ones only if the filter speaks of them."
    )
    def customers_aggregate(
        self,
        info: Info,
        filter: Annotated[CustomerFilter | None, _FILTER] = None,
        search: Search = None,
        group_by: Annotated[list[CustomerGrouping] | None, _GROUP_BY] = None,
        order_by: Annotated[list[CustomerAggregateOrder] | None, _ORDER_BY] = None,
        first: First = DEFAULT_GROUPS,
        time_zone: TimeZone = "UTC",
    ) -> list[CustomerAggregate]:
        orders = to_orders(order_by, CustomerDimension)
        wanted = Wanted(to_groupings(group_by), orders, first, time_zone)
        found = queries.customers(actor_of(info), wanted, rule=_rule(filter), search=search)
        return cast("list[CustomerAggregate]", Rows(found, customer_group))

    @strawberry.field(
        description="Count and amounts of the invoices that `invoices` lists, in groups. Drafts and voided ones count: "
        "filter by `state` for revenue."
    )
    def invoices_aggregate(
        self,
        info: Info,
        filter: Annotated[InvoiceFilter | None, _FILTER] = None,
        search: Search = None,
        group_by: Annotated[list[InvoiceGrouping] | None, _GROUP_BY] = None,
        order_by: Annotated[list[InvoiceAggregateOrder] | None, _ORDER_BY] = None,
        first: First = DEFAULT_GROUPS,
    ) -> list[InvoiceAggregate]:
        wanted = Wanted(to_groupings(group_by), to_orders(order_by, InvoiceDimension), first)
        found = queries.invoices(actor_of(info), wanted, rule=_rule(filter), search=search)
        return cast("list[InvoiceAggregate]", Rows(found, invoice_group))

    @strawberry.field(description="Count and duration of the activities that `activities` lists, in groups.")
    def activities_aggregate(
        self,
        info: Info,
        filter: Annotated[ActivityFilter | None, _FILTER] = None,
        search: Search = None,
        group_by: Annotated[list[ActivityGrouping] | None, _GROUP_BY] = None,
        order_by: Annotated[list[ActivityAggregateOrder] | None, _ORDER_BY] = None,
        first: First = DEFAULT_GROUPS,
        time_zone: TimeZone = "UTC",
    ) -> list[ActivityAggregate]:
        orders = to_orders(order_by, ActivityDimension)
        wanted = Wanted(to_groupings(group_by), orders, first, time_zone)
        found = queries.activities(actor_of(info), wanted, rule=_rule(filter), search=search)
        return cast("list[ActivityAggregate]", Rows(found, activity_group))
