"""Changes to what customers are made of: pick lists and required fields. For admins."""

from typing import cast
from uuid import UUID

import strawberry

from api.context import Info, actor_of
from api.customers.inputs import (
    CreatePickListItemInput,
    MovePickListItemInput,
    PickListItemInput,
    RenamePickListItemInput,
    SetRequiredFieldsInput,
    item_key,
)
from api.customers.types import PickListItem, RequiredField
from api.ids import public_id
from api.mutations import Payload, mutation
from crm.customers import models, picklists, queries, requirements
from crm.kernel.ids import Kind


@strawberry.type(description="The choice as it is after the change.")
class PickListItemPayload(Payload):
    item_id: strawberry.Private[UUID | None] = None

    @strawberry.field(description="The choice; null when the change was refused.")
    def item(self, info: Info) -> PickListItem | None:
        if self.item_id is None:
            return None
        return cast("PickListItem | None", queries.pick_list_item(actor_of(info), self.item_id))


@strawberry.type(description="What became of a choice that was to be deleted.")
class DeletePickListItemPayload(PickListItemPayload):
    deleted_key: strawberry.Private[UUID | None] = None

    @strawberry.field(
        description="Its id if it is gone; null when it was in use and so only archived, or refused."
    )
    def deleted_id(self) -> strawberry.ID | None:
        return None if self.deleted_key is None else public_id(Kind.PICK_LIST_ITEM, self.deleted_key)


@strawberry.type(description="The required fields after the change.")
class RequiredFieldsPayload(Payload):
    @strawberry.field(description="What admins require beyond the built-in fields.")
    def required_fields(self) -> list[RequiredField]:
        return cast("list[RequiredField]", queries.required_fields())


def _told(item: models.PickListItem) -> PickListItemPayload:
    return PickListItemPayload(item_id=item.id)


@strawberry.type
class CustomerSettingsMutation:
    @mutation(description="Adds a choice to a pick list. For admins.")
    async def create_pick_list_item(self, info: Info, input: CreatePickListItemInput) -> PickListItemPayload:
        return _told(
            await picklists.create_item(input.list, input.name, status=input.status, actor=actor_of(info))
        )

    @mutation(description="Renames a choice, also where it is used. For admins.")
    async def rename_pick_list_item(self, info: Info, input: RenamePickListItemInput) -> PickListItemPayload:
        return _told(await picklists.rename_item(item_key(input), input.name, actor=actor_of(info)))

    @mutation(description="Puts a choice at another place of its list. For admins.")
    async def move_pick_list_item(self, info: Info, input: MovePickListItemInput) -> PickListItemPayload:
        return _told(await picklists.move_item(item_key(input), input.position, actor=actor_of(info)))

    @mutation(description="Takes a choice out of use; customers that have it keep it. For admins.")
    async def archive_pick_list_item(self, info: Info, input: PickListItemInput) -> PickListItemPayload:
        return _told(await picklists.archive_item(item_key(input), actor=actor_of(info)))

    @mutation(description="Puts an archived choice back to use. For admins.")
    async def restore_pick_list_item(self, info: Info, input: PickListItemInput) -> PickListItemPayload:
        return _told(await picklists.restore_item(item_key(input), actor=actor_of(info)))

    @mutation(description="Deletes a choice; one in use is archived instead. For admins.")
    async def delete_pick_list_item(self, info: Info, input: PickListItemInput) -> DeletePickListItemPayload:
        item, archived = await picklists.delete_item(item_key(input), actor=actor_of(info))
        if archived:
            return DeletePickListItemPayload(item_id=item.id)
        return DeletePickListItemPayload(deleted_key=item.id)

    @mutation(description="Replaces what every customer must have beyond the built-in fields. For admins.")
    async def set_required_fields(self, info: Info, input: SetRequiredFieldsInput) -> RequiredFieldsPayload:
        await requirements.set_required_fields(input.phase, input.fields, actor=actor_of(info))
        return RequiredFieldsPayload()
