"""Changes to activities."""

from typing import cast
from uuid import UUID

import strawberry

from api.activities.inputs import ActivityInput, LogActivityInput, UpdateActivityInput
from api.activities.types import Activity
from api.context import Info, actor_of
from api.ids import key_of, optional_key, public_id
from api.mutations import Payload, mutation, provided
from crm.activities import queries, service
from crm.kernel.ids import Kind


@strawberry.type(description="The activity as it is after the change.")
class ActivityPayload(Payload):
    activity_id: strawberry.Private[UUID | None] = None

    @strawberry.field(description="The activity; null when the change was refused.")
    def activity(self, info: Info) -> Activity | None:
        if self.activity_id is None:
            return None
        return cast("Activity | None", queries.by_id(actor_of(info), self.activity_id))


@strawberry.type(description="What was deleted.")
class DeleteActivityPayload(Payload):
    activity_id: strawberry.Private[UUID | None] = None

    @strawberry.field(description="The id of the activity that is gone; null when the deletion was refused.")
    def deleted_id(self) -> strawberry.ID | None:
        return None if self.activity_id is None else public_id(Kind.ACTIVITY, self.activity_id)


@strawberry.type
class ActivityMutation:
    @mutation(description="Logs a call, e-mail, meeting, note or task with a customer.")
    async def log_activity(self, info: Info, input: LogActivityInput) -> ActivityPayload:
        values = provided(input)
        customer_id = key_of(Kind.CUSTOMER, values.pop("customer_id"), "customerId")
        contact_id = optional_key(Kind.CONTACT, values.pop("contact_id", None), "contactId")
        activity = await service.log_activity(
            customer_id, values, contact_id=contact_id, actor=actor_of(info)
        )
        return ActivityPayload(activity_id=activity.id)

    @mutation(description="Changes an activity. What Kith logged by itself cannot be changed.")
    async def update_activity(self, info: Info, input: UpdateActivityInput) -> ActivityPayload:
        values = provided(input)
        activity_id, version = key_of(Kind.ACTIVITY, values.pop("id")), values.pop("expected_version")
        if "contact_id" in values:
            values["contact_id"] = optional_key(Kind.CONTACT, values["contact_id"], "contactId")
        activity = await service.update_activity(
            activity_id, values, expected_version=version, actor=actor_of(info)
        )
        return ActivityPayload(activity_id=activity.id)

    @mutation(description="Deletes an activity for good. What Kith logged by itself cannot be deleted.")
    async def delete_activity(self, info: Info, input: ActivityInput) -> DeleteActivityPayload:
        activity = await service.delete_activity(key_of(Kind.ACTIVITY, input.id), actor=actor_of(info))
        return DeleteActivityPayload(activity_id=activity.id)
