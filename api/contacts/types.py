"""How a contact looks to callers."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from api.customers import enums as _enums  # noqa: F401  declares Consent
from api.nodes import Node, id_field, node_type
from api.scalars import EmailAddress, PhoneNumber
from crm.contacts import models
from crm.customers.models import Consent
from crm.kernel.ids import Kind

if TYPE_CHECKING:
    from api.customers.types import Customer


@node_type(
    model=models.Contact,
    description="A person at a customer. A customer with contacts has exactly one primary one.",
)
class Contact(Node):
    id: strawberry.ID = id_field(Kind.CONTACT)
    customer: Annotated["Customer", strawberry.lazy("api.customers.types")] = strawberry.field(
        description="The customer this person works for."
    )
    name: str = strawberry.field(description="Full name, at most 200 characters.")
    email: EmailAddress = strawberry.field(
        description="E-mail address; unique among the customer's contacts."
    )
    phone: PhoneNumber | None = strawberry.field(description="Telephone number.")
    title: str | None = strawberry.field(description="Position, such as `Head of Purchasing`.")
    department: str | None = strawberry.field(description="Department, such as `Accounts`.")
    handle: str | None = strawberry.field(description="Handle in a messenger, such as a Skype name.")
    is_primary: bool = strawberry.field(description="Whether this is the customer's primary contact.")
    consent: Consent = strawberry.field(description="Whether the person agreed to marketing.")
    consent_at: datetime | None = strawberry.field(description="When consent was given or withdrawn.")
    notes: str | None = strawberry.field(description="Remarks for staff only.")
    version: int = strawberry.field(description="Grows with every change; pass it as `expectedVersion`.")
    created_at: datetime = strawberry.field(description="When the contact was created.")
    updated_at: datetime = strawberry.field(description="When the contact was last changed.")
