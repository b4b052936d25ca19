"""Following customers as they change."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from api.context import Info, actor_of
from api.customers.types import Customer
from api.ids import key_of, keys_of, public_id
from api.subscriptions import events
from crm.customers import access, queries
from crm.customers.events import CUSTOMERS, CustomerChanged, customer_topic, unit_topic
from crm.kernel.ids import Kind


@strawberry.type(description="Something that happened to a customer.")
class CustomerChange:
    id: strawberry.ID = strawberry.field(description="The customer's id.")
    action: str = strawberry.field(description="What was done, such as `go_live` or `create_contact`.")
    fields: list[str] = strawberry.field(
        description="Names of the customer's own fields that changed, such as `address_city`; empty for what hangs on it."
    )
    customer: Customer | None = strawberry.field(
        description="The customer as it is now; null once it is deleted."
    )


@strawberry.type
class CustomerSubscription:
    @strawberry.subscription(
        description="Tells of each change to a customer, its contacts and its invoices. Ends with NOT_FOUND at once for "
        "a customer you may not see."
    )
    async def customer_changed(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The customer.")],
    ) -> AsyncGenerator[CustomerChange, None]:
        key = key_of(Kind.CUSTOMER, id)
        await access.customer_to_read(key, actor=actor_of(info))
        async for change in _seen(info, events(info, customer_topic(key))):
            yield change

    @strawberry.subscription(description="Tells of each change to the customers of your business units.")
    async def customers_changed(
        self,
        info: Info,
        unit_ids: Annotated[
            list[strawberry.ID] | None,
            strawberry.argument(description="Only of these business units; of all you reach if left out."),
        ] = None,
    ) -> AsyncGenerator[CustomerChange, None]:
        found = events(info, *_topics(info, unit_ids))
        async for change in _seen(info, found, only=CustomerChanged.__name__):
            yield change


def _topics(info: Info, unit_ids: list[strawberry.ID] | None) -> list[str]:
    actor = actor_of(info)
    if unit_ids is None:
        return [CUSTOMERS] if actor.sees_all_units else [unit_topic(key) for key in actor.unit_ids]
    wanted = keys_of(Kind.BUSINESS_UNIT, unit_ids, "unitIds")
    return [unit_topic(key) for key in wanted if actor.reaches(key)]


async def _seen(
    info: Info, messages: AsyncIterator[dict[str, Any]], only: str | None = None
) -> AsyncIterator[CustomerChange]:
    """The changes whose customer the listener may see as of now."""
    async for message in messages:
        change = await _change(info, message["data"]) if only in {None, message["type"]} else None
        if change is not None:
            yield change


async def _change(info: Info, data: dict[str, Any]) -> CustomerChange | None:
    actor, key = actor_of(info), UUID(data["customer_id"])
    there = await queries.visible_to(actor).filter(id=key).exists()
    deleted = data["action"] == "delete_customer" and actor.reaches(UUID(data["unit_id"]))
    if not there and not deleted:
        return None
    return CustomerChange(
        id=public_id(Kind.CUSTOMER, key),
        action=data["action"],
        fields=data.get("fields", []),
        customer=cast("Customer | None", queries.by_id(actor, key)),
    )
