"""Changing contacts. A customer with contacts has exactly one primary contact, always."""

from typing import Any
from uuid import UUID

from tortoise.expressions import F

from crm.audit import service as audit
from crm.contacts.errors import LiveCustomerNeedsContact, PrimaryContactCannotBeDeleted
from crm.contacts.events import ContactChanged
from crm.contacts.models import Contact
from crm.contacts.queries import visible_to
from crm.contacts.rules import FIELDS, fields_in
from crm.customers.access import customer_to_edit
from crm.customers.models import Consent, Customer, Stage
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.errors import DuplicateRecord, NotFound, VersionConflict
from crm.kernel.events import emit
from crm.kernel.fields import absent, clean, refuse
from crm.kernel.ids import Kind, uuid7
from crm.kernel.integrity import refusing
from crm.kernel.transaction import transaction


async def create_contact(customer_id: UUID, values: dict[str, Any], *, actor: Actor) -> Contact:
    """A new contact; the customer's first becomes primary.

    Raises NotFound, Forbidden, InvalidInput, or DuplicateRecord when the customer has a contact with this e-mail.
    """
    async with transaction():
        customer = await customer_to_edit(customer_id, actor=actor, path="customerId")
        cleaned, problems = clean(values, fields_in(customer.address_country))
        refuse([*absent(values, FIELDS | {"consent": FIELDS["phone"]}), *problems])
        first = not await Contact.filter(customer_id=customer.id).exists()
        contact = Contact(
            id=uuid7(),
            customer_id=customer.id,
            is_primary=first,
            created_by_id=actor.user_id,
            **_consented(cleaned),
        )
        async with refusing({"contact_email": lambda: _taken(customer.id, contact.email)}):
            await contact.save(force_create=True)
        await _told(contact, customer, {}, cleaned, "create_contact", actor)
        return contact


async def update_contact(
    contact_id: UUID, values: dict[str, Any], *, expected_version: int | None, actor: Actor
) -> Contact:
    """Changes the fields in `values`; None empties one, and what is so already is no change.

    Raises NotFound, Forbidden, VersionConflict, InvalidInput, DuplicateRecord or LiveCustomerNeedsContact.
    """
    async with transaction():
        contact, customer = await _contact_to_edit(contact_id, actor)
        if expected_version not in {None, contact.version}:
            raise VersionConflict(Kind.CONTACT, contact.id, contact.version)
        cleaned, problems = clean(values, fields_in(customer.address_country))
        refuse(problems)
        if contact.is_primary and customer.stage is Stage.LIVE and not cleaned.get("phone", contact.phone):
            raise LiveCustomerNeedsContact("phone")
        changed = {name: value for name, value in cleaned.items() if value != getattr(contact, name)}
        if not changed:
            return contact
        before = {name: getattr(contact, name) for name in changed}
        contact.update_from_dict(_consented(changed))
        async with refusing({"contact_email": lambda: _taken(customer.id, contact.email)}):
            await _save(contact)
        await _told(contact, customer, before, changed, "update_contact", actor)
        return contact


async def set_primary_contact(contact_id: UUID, *, actor: Actor) -> Contact:
    """Moves the flag. Raises NotFound, Forbidden or LiveCustomerNeedsContact."""
    async with transaction():
        contact, customer = await _contact_to_edit(contact_id, actor)
        if contact.is_primary:
            return contact
        if customer.stage is Stage.LIVE and not contact.phone:
            raise LiveCustomerNeedsContact("id")
        former = Contact.filter(customer_id=customer.id, is_primary=True)
        await former.update(is_primary=False, version=F("version") + 1, updated_at=now())
        contact.is_primary = True
        await _save(contact)
        await _told(
            contact, customer, {"is_primary": False}, {"is_primary": True}, "set_primary_contact", actor
        )
        return contact


async def delete_contact(contact_id: UUID, *, actor: Actor) -> Contact:
    """Deletes a contact for good; activities stay. Raises NotFound, Forbidden or PrimaryContactCannotBeDeleted."""
    async with transaction():
        contact, customer = await _contact_to_edit(contact_id, actor)
        if contact.is_primary:
            raise PrimaryContactCannotBeDeleted
        await contact.delete()
        gone = {name: getattr(contact, name) for name in FIELDS}
        await _told(contact, customer, gone, {}, "delete_contact", actor)
        return contact


async def _contact_to_edit(contact_id: UUID, actor: Actor) -> tuple[Contact, Customer]:
    """The contact and its customer, both locked."""
    seen = await visible_to(actor).get_or_none(id=contact_id)
    if seen is None:
        raise NotFound(Kind.CONTACT, "id")
    customer = await customer_to_edit(seen.customer_id, actor=actor)
    contact = await Contact.filter(id=contact_id).select_for_update().get_or_none()
    if contact is None:
        raise NotFound(Kind.CONTACT, "id")
    return contact, customer


def _consented(cleaned: dict[str, Any]) -> dict[str, Any]:
    """With when consent was given or withdrawn; nobody was asked while it is UNKNOWN."""
    if "consent" not in cleaned:
        return cleaned
    return cleaned | {"consent_at": None if cleaned["consent"] is Consent.UNKNOWN else now()}


async def _save(contact: Contact) -> None:
    contact.version += 1
    contact.updated_at = now()
    await contact.save()


async def _taken(customer_id: UUID, email: str) -> DuplicateRecord:
    other = await Contact.get(customer_id=customer_id, email__iexact=email)
    message = "This customer has a contact with this e-mail address already. Change that one instead."
    return DuplicateRecord(message, "email", kind=Kind.CONTACT, existing_id=other.id)


async def _told(
    contact: Contact,
    customer: Customer,
    before: dict[str, Any],
    after: dict[str, Any],
    action: str,
    actor: Actor,
) -> None:
    await audit.record(
        actor=actor,
        subject_kind=Kind.CONTACT,
        subject_id=contact.id,
        customer_id=customer.id,
        unit_id=customer.unit_id,
        action=action,
        changes=audit.diff(before, after),
    )
    await emit(
        ContactChanged(
            contact_id=contact.id, customer_id=customer.id, unit_id=customer.unit_id, action=action
        )
    )
