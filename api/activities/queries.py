"""Reads of activities."""

from typing import Annotated, cast

import strawberry

from api.activities.inputs import ActivityFilter
from api.activities.types import Activity
from api.context import Info, actor_of
from api.filters import to_rule
from api.ids import key_of
from api.nodes import fetches
from api.paging import Connection, connection
from crm.activities import queries
from crm.kernel.ids import Kind

fetches(Kind.ACTIVITY)(queries.by_id)


@strawberry.type
class ActivityQuery:
    @strawberry.field(description="An activity by its id; null when there is none, or none you may see.")
    def activity(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The activity.")]
    ) -> Activity | None:
        return cast("Activity | None", queries.by_id(actor_of(info), key_of(Kind.ACTIVITY, id)))

    @connection(description="Activities with all customers you may see, newest first.")
    def activities(
        self,
        info: Info,
        filter: Annotated[
            ActivityFilter | None, strawberry.argument(description="Conditions they all fulfil.")
        ] = None,
        search: Annotated[
            str | None, strawberry.argument(description="Words that stand in the title or the description.")
        ] = None,
    ) -> Connection[Activity]:
        rule = to_rule(filter) if filter else None
        found = queries.timeline(queries.visible_to(actor_of(info)), rule=rule, search=search)
        return cast("Connection[Activity]", found)
