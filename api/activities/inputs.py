"""What callers send to log activities, and to find them."""

from datetime import datetime

import strawberry

from api.activities import types as _types  # noqa: F401  declares the enums
from api.customers.filters import ActivityTypeFilter, OutcomeFilter
from api.filters import DateTimeFilter, IdFilter, IntFilter, TextFilter
from crm.activities.models import ActivityType, Outcome


@strawberry.input(description="Conditions on activities; all that are given hold together.")
class ActivityFilter:
    and_: list["ActivityFilter"] | None = strawberry.field(
        default=strawberry.UNSET, name="and", description="All of these hold."
    )
    or_: list["ActivityFilter"] | None = strawberry.field(
        default=strawberry.UNSET, name="or", description="At least one of these holds."
    )
    not_: "ActivityFilter | None" = strawberry.field(
        default=strawberry.UNSET, name="not", description="This does not hold."
    )
    type: ActivityTypeFilter | None = strawberry.field(
        default=strawberry.UNSET, description="What sort of thing it was."
    )
    outcome: OutcomeFilter | None = strawberry.field(default=strawberry.UNSET, description="How it went.")
    title: TextFilter | None = strawberry.field(default=strawberry.UNSET, description="What it was about.")
    user: IdFilter | None = strawberry.field(default=strawberry.UNSET, description="Who did it.")
    contact: IdFilter | None = strawberry.field(default=strawberry.UNSET, description="Whom it was with.")
    customer: IdFilter | None = strawberry.field(
        default=strawberry.UNSET, description="The customer it concerns."
    )
    occurred_at: DateTimeFilter | None = strawberry.field(
        default=strawberry.UNSET, description="When it happened."
    )
    duration_minutes: IntFilter | None = strawberry.field(
        default=strawberry.UNSET, description="How long it took, in minutes."
    )


@strawberry.input(description="Something that was done, or is planned.")
class LogActivityInput:
    customer_id: strawberry.ID = strawberry.field(description="The customer it concerns.")
    contact_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The customer's contact it was with."
    )
    type: ActivityType = strawberry.field(description="What sort of thing it was; not DEAL_UPDATE.")
    title: str = strawberry.field(description="One line, at most 200 characters.")
    description: str | None = strawberry.field(
        default=strawberry.UNSET, description="The whole story, at most 20,000 characters."
    )
    occurred_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="When; now if left out."
    )
    duration_minutes: int | None = strawberry.field(
        default=strawberry.UNSET, description="Minutes, 0 to 1440; calls and meetings only."
    )
    outcome: Outcome | None = strawberry.field(default=strawberry.UNSET, description="How it went.")


@strawberry.input(description="Changes to an activity: fields left out stay as they are, null empties one.")
class UpdateActivityInput:
    id: strawberry.ID = strawberry.field(description="The activity.")
    expected_version: int | None = strawberry.field(
        default=None, description="The version you read; a newer one is answered with VersionConflict."
    )
    contact_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The customer's contact it was with."
    )
    type: ActivityType | None = strawberry.field(
        default=strawberry.UNSET, description="What sort of thing it was; not DEAL_UPDATE."
    )
    title: str | None = strawberry.field(default=strawberry.UNSET, description="One line; cannot be emptied.")
    description: str | None = strawberry.field(default=strawberry.UNSET, description="The whole story.")
    occurred_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="When; cannot be emptied."
    )
    duration_minutes: int | None = strawberry.field(
        default=strawberry.UNSET, description="Minutes; calls and meetings only."
    )
    outcome: Outcome | None = strawberry.field(default=strawberry.UNSET, description="How it went.")


@strawberry.input(description="Names an activity.")
class ActivityInput:
    id: strawberry.ID = strawberry.field(description="The activity.")
