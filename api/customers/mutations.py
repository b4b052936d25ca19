"""Changes to customers."""

from typing import cast
from uuid import UUID

import strawberry

from api.context import Info, actor_of
from api.customers.inputs import (
    AssignManagerInput,
    CreateCustomerInput,
    CustomerInput,
    CustomerReasonInput,
    MoveCustomerInput,
    RecordCustomerConsentInput,
    SetCustomerInvoiceTypesInput,
    SetCustomerStageInput,
    TagCustomerInput,
    UpdateCustomerInput,
    customer_key,
    manager_keys,
    values_of,
)
from api.customers.types import Customer
from api.ids import key_of, keys_of, optional_key, public_id
from api.mutations import Payload, mutation
from crm.customers import lifecycle, models, queries, service
from crm.kernel.ids import Kind


@strawberry.type(description="The customer as it is after the change.")
class CustomerPayload(Payload):
    customer_id: strawberry.Private[UUID | None] = None

    @strawberry.field(description="The customer; null when the change was refused.")
    def customer(self, info: Info) -> Customer | None:
        if self.customer_id is None:
            return None
        return cast("Customer | None", queries.by_id(actor_of(info), self.customer_id))


@strawberry.type(description="What was deleted.")
class DeleteCustomerPayload(Payload):
    customer_id: strawberry.Private[UUID | None] = None

    @strawberry.field(description="The id of the customer that is gone; null when the deletion was refused.")
    def deleted_id(self) -> strawberry.ID | None:
        return None if self.customer_id is None else public_id(Kind.CUSTOMER, self.customer_id)


def _told(customer: models.Customer) -> CustomerPayload:
    return CustomerPayload(customer_id=customer.id)


@strawberry.type
class CustomerMutation:
    @mutation(description="Creates a customer. It begins as a prospect; `goLiveCustomer` makes it LIVE.")
    async def create_customer(self, info: Info, input: CreateCustomerInput) -> CustomerPayload:
        unit_id = optional_key(Kind.BUSINESS_UNIT, input.unit_id or None, "unitId")
        return _told(await service.create_customer(values_of(input), unit_id=unit_id, actor=actor_of(info)))

    @mutation(description="Changes a customer's fields. Its state changes by actions of their own.")
    async def update_customer(self, info: Info, input: UpdateCustomerInput) -> CustomerPayload:
        key, values = key_of(Kind.CUSTOMER, input.id), values_of(input)
        return _told(await service.update_customer(key, values, input.expected_version, actor=actor_of(info)))

    @mutation(description="Moves a prospect along the pipeline, in any order before LIVE.")
    async def set_customer_stage(self, info: Info, input: SetCustomerStageInput) -> CustomerPayload:
        return _told(await lifecycle.set_stage(customer_key(input), input.stage, actor=actor_of(info)))

    @mutation(
        description="Makes a prospect a LIVE, ACTIVE customer. It needs registration number, account number, "
        "contract dates, an account manager of its unit, a primary contact with e-mail and phone, and what admins "
        "require; everything missing is named at once."
    )
    async def go_live_customer(self, info: Info, input: CustomerInput) -> CustomerPayload:
        return _told(await lifecycle.go_live(customer_key(input), actor=actor_of(info)))

    @mutation(description="ACTIVE → INACTIVE.")
    async def deactivate_customer(self, info: Info, input: CustomerInput) -> CustomerPayload:
        return _told(await lifecycle.deactivate(customer_key(input), actor=actor_of(info)))

    @mutation(description="INACTIVE or CHURNED → ACTIVE.")
    async def activate_customer(self, info: Info, input: CustomerInput) -> CustomerPayload:
        return _told(await lifecycle.activate(customer_key(input), actor=actor_of(info)))

    @mutation(description="ACTIVE or INACTIVE → CHURNED: the customer has left us.")
    async def churn_customer(self, info: Info, input: CustomerReasonInput) -> CustomerPayload:
        return _told(await lifecycle.churn(customer_key(input), input.reason, actor=actor_of(info)))

    @mutation(description="Stops new invoices, sends and portal logins. For managers.")
    async def block_customer(self, info: Info, input: CustomerReasonInput) -> CustomerPayload:
        return _told(await lifecycle.block(customer_key(input), input.reason, actor=actor_of(info)))

    @mutation(description="Lifts a block. For managers.")
    async def unblock_customer(self, info: Info, input: CustomerInput) -> CustomerPayload:
        return _told(await lifecycle.unblock(customer_key(input), actor=actor_of(info)))

    @mutation(
        description="Hides a customer from lists and frees its unique values; everything stays. For managers."
    )
    async def archive_customer(self, info: Info, input: CustomerInput) -> CustomerPayload:
        return _told(await lifecycle.archive(customer_key(input), actor=actor_of(info)))

    @mutation(
        description="Brings an archived customer back; DuplicateRecord names one that took a unique value. For managers."
    )
    async def restore_customer(self, info: Info, input: CustomerInput) -> CustomerPayload:
        return _told(await lifecycle.restore(customer_key(input), actor=actor_of(info)))

    @mutation(
        description="Deletes a customer for good, with its contacts and activities; not one with invoices. For managers."
    )
    async def delete_customer(self, info: Info, input: CustomerInput) -> DeleteCustomerPayload:
        customer = await lifecycle.delete(customer_key(input), actor=actor_of(info))
        return DeleteCustomerPayload(customer_id=customer.id)

    @mutation(
        description="Makes a member of the customer's unit responsible for it; nobody only before LIVE."
    )
    async def assign_account_manager(self, info: Info, input: AssignManagerInput) -> CustomerPayload:
        user_id = optional_key(Kind.USER, input.user_id, "userId")
        return _told(await service.assign_account_manager(customer_key(input), user_id, actor=actor_of(info)))

    @mutation(description="Makes a member of the customer's unit look after its service.")
    async def assign_service_manager(self, info: Info, input: AssignManagerInput) -> CustomerPayload:
        user_id = optional_key(Kind.USER, input.user_id, "userId")
        return _told(await service.assign_service_manager(customer_key(input), user_id, actor=actor_of(info)))

    @mutation(description="Moves a customer to another business unit. For managers of both, and admins.")
    async def move_customer(self, info: Info, input: MoveCustomerInput) -> CustomerPayload:
        unit_id, managers = key_of(Kind.BUSINESS_UNIT, input.unit_id, "unitId"), manager_keys(input)
        moved = await service.move_customer(
            customer_key(input), unit_id, managers=managers, actor=actor_of(info)
        )
        return _told(moved)

    @mutation(description="Notes what a customer said about marketing, with the time and who noted it.")
    async def record_customer_consent(self, info: Info, input: RecordCustomerConsentInput) -> CustomerPayload:
        return _told(await service.record_consent(customer_key(input), input.consent, actor=actor_of(info)))

    @mutation(description="Adds and removes tags, whoever else changes the customer meanwhile.")
    async def tag_customer(self, info: Info, input: TagCustomerInput) -> CustomerPayload:
        key = customer_key(input)
        return _told(
            await service.tag_customer(key, add=input.add, remove=input.remove, actor=actor_of(info))
        )

    @mutation(description="Says which kinds of invoices a customer may get.")
    async def set_customer_invoice_types(
        self, info: Info, input: SetCustomerInvoiceTypesInput
    ) -> CustomerPayload:
        items = keys_of(Kind.PICK_LIST_ITEM, input.invoice_type_ids, "invoiceTypeIds")
        return _told(await service.set_invoice_types(customer_key(input), items, actor=actor_of(info)))
