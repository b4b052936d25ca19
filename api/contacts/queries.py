"""Reads of contacts."""

from typing import Annotated, cast

import strawberry

from api.contacts.types import Contact
from api.context import Info, actor_of
from api.ids import key_of
from api.nodes import fetches
from crm.contacts import queries
from crm.kernel.ids import Kind

fetches(Kind.CONTACT)(queries.by_id)


@strawberry.type
class ContactQuery:
    @strawberry.field(description="A contact by its id; null when there is none, or none you may see.")
    def contact(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The contact.")]
    ) -> Contact | None:
        return cast("Contact | None", queries.by_id(actor_of(info), key_of(Kind.CONTACT, id)))
