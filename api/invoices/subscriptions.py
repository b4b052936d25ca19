"""Following invoices as they change."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from api.context import Info, actor_of
from api.ids import key_of, public_id
from api.invoices.types import Invoice
from api.subscriptions import events
from crm.invoices import queries
from crm.invoices.events import INVOICES, InvoiceChanged, invoice_topic, unit_topic
from crm.kernel.actor import Actor
from crm.kernel.errors import NotFound
from crm.kernel.ids import Kind

DELETED = "delete_invoice"


@strawberry.type(description="Something that happened to an invoice.")
class InvoiceChange:
    action: str = strawberry.field(
        description="What was done: `create_invoice`, `update_invoice`, `send_invoice`, `render_invoice` (its PDF is there), "
        "`try_delivery`, `deliver_invoice` (an e-mail is SENT or FAILED), `record_payment` and so on."
    )
    id: strawberry.ID = strawberry.field(description="The invoice's id.")
    invoice: Invoice | None = strawberry.field(
        description="The invoice as it is now; null once a draft is deleted."
    )


@strawberry.type
class InvoiceSubscription:
    @strawberry.subscription(
        description="Tells of each change to an invoice, or to all you may see. Ends with NOT_FOUND at once for an invoice you may not see."
    )
    async def invoice_changed(
        self,
        info: Info,
        id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Only this invoice; all you may see if left out."),
        ] = None,
    ) -> AsyncGenerator[InvoiceChange, None]:
        async for message in events(info, *await _topics(info, id)):
            if message["type"] == InvoiceChanged.__name__:
                change = await _change(actor_of(info), message["data"])
                if change is not None:
                    yield change


async def _change(actor: Actor, data: dict[str, Any]) -> InvoiceChange | None:
    """None when the listener may not see it, as of now."""
    key = UUID(data["invoice_id"])
    there = await queries.visible_to(actor).filter(id=key).exists()
    if not there and not (data["action"] == DELETED and actor.reaches(UUID(data["unit_id"]))):
        return None
    return InvoiceChange(
        action=data["action"],
        id=public_id(Kind.INVOICE, key),
        invoice=cast("Invoice | None", queries.by_id(actor, key)),
    )


async def _topics(info: Info, id: str | None) -> list[str]:
    actor = actor_of(info)
    if id is None:
        return [INVOICES] if actor.sees_all_units else [unit_topic(unit) for unit in actor.unit_ids]
    key = key_of(Kind.INVOICE, id)
    if await queries.by_id(actor, key) is None:
        raise NotFound(Kind.INVOICE, "id")
    return [invoice_topic(key)]
