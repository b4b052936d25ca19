"""How an activity looks to callers."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from api.enums import describe
from api.nodes import Node, id_field, node_type
from crm.activities import models
from crm.activities.models import ActivityType, Outcome
from crm.invoices import models as invoices
from crm.kernel.ids import Kind

if TYPE_CHECKING:
    from api.accounts.types import User
    from api.contacts.types import Contact
    from api.customers.types import Customer
    from api.invoices.types import Invoice

describe(
    ActivityType,
    description="What sort of thing was done.",
    values={
        "CALL": "A telephone or video call; it may have a duration.",
        "EMAIL": "An e-mail. Kith logs the invoices it sends by itself.",
        "MEETING": "A meeting; it may have a duration.",
        "NOTE": "Something worth remembering.",
        "TASK": "Something to be done, or that was done.",
        "DEAL_UPDATE": "A deal changed its stage; logged by Kith only.",
    },
)
describe(
    Outcome,
    description="How it went.",
    values={
        "POSITIVE": "Well: the customer is nearer to what we want.",
        "NEUTRAL": "Neither well nor badly.",
        "NEGATIVE": "Badly: the customer is further from what we want.",
    },
)


@node_type(model=models.Activity, description="Something done with or for a customer, on its timeline.")
class Activity(Node):
    id: strawberry.ID = id_field(Kind.ACTIVITY)
    customer: Annotated["Customer", strawberry.lazy("api.customers.types")] = strawberry.field(
        description="The customer it concerns."
    )
    contact: Annotated["Contact", strawberry.lazy("api.contacts.types")] | None = strawberry.field(
        description="The person at the customer it was with; null when none was named or they were deleted."
    )
    user: Annotated["User", strawberry.lazy("api.accounts.types")] | None = strawberry.field(
        description="Who did it; null when Kith did."
    )
    type: ActivityType = strawberry.field(description="What sort of thing it was.")
    title: str = strawberry.field(description="One line saying what it was about.")
    description: str | None = strawberry.field(description="The whole story, as plain text.")
    occurred_at: datetime = strawberry.field(description="When it happened, or is planned for.")
    duration_minutes: int | None = strawberry.field(
        description="How long it took, in minutes; calls and meetings only."
    )
    outcome: Outcome | None = strawberry.field(description="How it went.")
    version: int = strawberry.field(description="Grows with every change; pass it as `expectedVersion`.")
    created_at: datetime = strawberry.field(description="When it was logged.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")

    @strawberry.field(description="The invoice a logged e-mail carried.")
    def invoice(self) -> Annotated["Invoice", strawberry.lazy("api.invoices.types")] | None:
        # Its customer is this row's customer, so who sees the one sees the other.
        found = invoices.Invoice.get_or_none(id=cast("models.Activity", self).invoice_id)
        return cast("Invoice | None", found)
