"""What callers send to change contacts."""

import strawberry

from api.customers import enums as _enums  # noqa: F401  declares Consent
from api.scalars import EmailAddress, PhoneNumber
from crm.customers.models import Consent


@strawberry.input(description="A new contact. The customer's first contact becomes its primary one.")
class CreateContactInput:
    customer_id: strawberry.ID = strawberry.field(description="The customer the person works for.")
    name: str = strawberry.field(description="Full name, at most 200 characters.")
    email: EmailAddress = strawberry.field(
        description="E-mail address; unique among the customer's contacts."
    )
    phone: PhoneNumber | None = strawberry.field(default=strawberry.UNSET, description="Telephone number.")
    title: str | None = strawberry.field(
        default=strawberry.UNSET, description="Position, at most 120 characters."
    )
    department: str | None = strawberry.field(
        default=strawberry.UNSET, description="Department, at most 120 characters."
    )
    handle: str | None = strawberry.field(default=strawberry.UNSET, description="Handle in a messenger.")
    consent: Consent | None = strawberry.field(
        default=strawberry.UNSET, description="Agreement to marketing; UNKNOWN if left out."
    )
    notes: str | None = strawberry.field(default=strawberry.UNSET, description="Remarks for staff only.")


@strawberry.input(description="Changes to a contact: fields left out stay as they are, null empties one.")
class UpdateContactInput:
    id: strawberry.ID = strawberry.field(description="The contact.")
    expected_version: int | None = strawberry.field(
        default=None, description="The version you read; a newer one is answered with VersionConflict."
    )
    name: str | None = strawberry.field(default=strawberry.UNSET, description="Full name; cannot be emptied.")
    email: EmailAddress | None = strawberry.field(
        default=strawberry.UNSET, description="E-mail address; cannot be emptied."
    )
    phone: PhoneNumber | None = strawberry.field(default=strawberry.UNSET, description="Telephone number.")
    title: str | None = strawberry.field(
        default=strawberry.UNSET, description="Position, at most 120 characters."
    )
    department: str | None = strawberry.field(
        default=strawberry.UNSET, description="Department, at most 120 characters."
    )
    handle: str | None = strawberry.field(default=strawberry.UNSET, description="Handle in a messenger.")
    consent: Consent | None = strawberry.field(
        default=strawberry.UNSET, description="Agreement to marketing."
    )
    notes: str | None = strawberry.field(default=strawberry.UNSET, description="Remarks for staff only.")


@strawberry.input(description="Names a contact.")
class ContactInput:
    id: strawberry.ID = strawberry.field(description="The contact.")
