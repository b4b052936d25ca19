"""Changes to contacts."""

from typing import cast
from uuid import UUID

import strawberry

from api.contacts.inputs import ContactInput, CreateContactInput, UpdateContactInput
from api.contacts.types import Contact
from api.context import Info, actor_of
from api.ids import key_of, public_id
from api.mutations import Payload, mutation, provided
from crm.contacts import queries, service
from crm.kernel.ids import Kind


@strawberry.type(description="The contact as it is after the change.")
class ContactPayload(Payload):
    contact_id: strawberry.Private[UUID | None] = None

    @strawberry.field(description="The contact; null when the change was refused.")
    def contact(self, info: Info) -> Contact | None:
        if self.contact_id is None:
            return None
        return cast("Contact | None", queries.by_id(actor_of(info), self.contact_id))


@strawberry.type(description="What was deleted.")
class DeleteContactPayload(Payload):
    contact_id: strawberry.Private[UUID | None] = None

    @strawberry.field(description="The id of the contact that is gone; null when the deletion was refused.")
    def deleted_id(self) -> strawberry.ID | None:
        return None if self.contact_id is None else public_id(Kind.CONTACT, self.contact_id)


@strawberry.type
class ContactMutation:
    @mutation(description="Adds a person to a customer.")
    async def create_contact(self, info: Info, input: CreateContactInput) -> ContactPayload:
        values = provided(input)
        customer_id = key_of(Kind.CUSTOMER, values.pop("customer_id"), "customerId")
        contact = await service.create_contact(customer_id, values, actor=actor_of(info))
        return ContactPayload(contact_id=contact.id)

    @mutation(description="Changes a contact's fields.")
    async def update_contact(self, info: Info, input: UpdateContactInput) -> ContactPayload:
        values = provided(input)
        contact_id, version = key_of(Kind.CONTACT, values.pop("id")), values.pop("expected_version")
        contact = await service.update_contact(
            contact_id, values, expected_version=version, actor=actor_of(info)
        )
        return ContactPayload(contact_id=contact.id)

    @mutation(description="Makes a contact the customer's primary one, in the place of the one that was.")
    async def set_primary_contact(self, info: Info, input: ContactInput) -> ContactPayload:
        contact = await service.set_primary_contact(key_of(Kind.CONTACT, input.id), actor=actor_of(info))
        return ContactPayload(contact_id=contact.id)

    @mutation(description="Deletes a contact for good. The primary contact cannot be deleted.")
    async def delete_contact(self, info: Info, input: ContactInput) -> DeleteContactPayload:
        contact = await service.delete_contact(key_of(Kind.CONTACT, input.id), actor=actor_of(info))
        return DeleteContactPayload(contact_id=contact.id)
