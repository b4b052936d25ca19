"""Who an invoice is e-mailed to."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from crm.contacts.models import Contact
from crm.customers.models import Customer
from crm.invoices.errors import NoRecipient
from crm.kernel.errors import InvalidInput, NotFound, Problem
from crm.kernel.fields import refuse
from crm.kernel.ids import Kind
from crm.kernel.mailboxes import Mailbox, UnsafeHeader, header_text
from crm.kernel.values import InvalidValue, email_key, parse_email

MOST_RECIPIENTS = 20


@dataclass(frozen=True, slots=True)
class Recipient:
    """One of the customer's contacts, or any e-mail address; exactly one of the two."""

    contact_id: UUID | None = None
    email: str | None = None


async def mailboxes_of(customer: Customer, chosen: Sequence[Recipient]) -> list[Mailbox]:
    """The chosen recipients, each address once; the primary contact when none is chosen.

    Raises NoRecipient, NotFound for a contact that is not the customer's, or InvalidInput.
    """
    if not chosen:
        return [_mailbox(await _primary(customer))]
    if len(chosen) > MOST_RECIPIENTS:
        sentence = f"An invoice is sent to {MOST_RECIPIENTS} recipients at most at once."
        raise InvalidInput.one(sentence, "recipients", code="TOO_MANY_RECIPIENTS")
    problems: list[Problem] = []
    found = [await _found(customer, each, place, problems) for place, each in enumerate(chosen)]
    refuse(problems)
    return list({email_key(mailbox.email): mailbox for mailbox in reversed(found)}.values())[::-1]


async def _primary(customer: Customer) -> Contact:
    contact = await Contact.get_or_none(customer_id=customer.id, is_primary=True)
    if contact is None:
        raise NoRecipient
    return contact


async def _found(customer: Customer, chosen: Recipient, place: int, problems: list[Problem]) -> Mailbox:
    path = ("recipients", str(place))
    if chosen.contact_id is not None:
        contact = await Contact.get_or_none(id=chosen.contact_id, customer_id=customer.id)
        if contact is None:
            raise NotFound(Kind.CONTACT, *path, "contactId")
        return _mailbox(contact)
    try:
        return Mailbox(parse_email(chosen.email or ""))
    except InvalidValue as error:
        problems.append(Problem((*path, "email"), error.code.value, error.message))
        return Mailbox("")


def _mailbox(contact: Contact) -> Mailbox:
    """With the person's name, unless it could not stand in a header."""
    try:
        return Mailbox(contact.email, header_text(contact.name))
    except UnsafeHeader:
        return Mailbox(contact.email)
