"""Every read of contacts: un-awaited QuerySets, already narrowed to what the actor may see."""

from uuid import UUID

from tortoise.queryset import QuerySet, QuerySetSingle

from crm.contacts.models import Contact
from crm.customers.queries import in_units
from crm.kernel.actor import Actor


def visible_to(actor: Actor) -> QuerySet[Contact]:
    """Contacts of customers in the actor's units."""
    return Contact.filter(in_units(actor))


def by_id(actor: Actor, contact_id: UUID) -> QuerySetSingle[Contact | None]:
    return visible_to(actor).get_or_none(id=contact_id)


def primary_first(contacts: QuerySet[Contact]) -> QuerySet[Contact]:
    """DOMAIN §3: the primary contact leads, then by name."""
    return contacts.order_by("-is_primary", "name", "id")
