"""Issuing: a draft gets its number, is frozen, and is promised to its recipients, all at once or not at all."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from crm.activities.service import log_sent_invoice
from crm.contacts.models import Contact
from crm.customers.models import Customer
from crm.documents.formats import Formats
from crm.invoices.access import check_billable, customer_to_bill, invoice_to_change
from crm.invoices.changes import check_version, save, snapshot, told
from crm.invoices.contents import LineDraft
from crm.invoices.deliveries import addresses, queue
from crm.invoices.drafts import new_draft
from crm.invoices.errors import LegalEntityArchived, NumberTaken
from crm.invoices.models import Invoice, LegalEntity
from crm.invoices.numbers import IssuedNumber, take_number
from crm.invoices.parties import parties_of
from crm.invoices.recipients import Recipient, mailboxes_of
from crm.invoices.rules import InvoiceAction, InvoiceState
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.ids import Kind
from crm.kernel.integrity import refusing
from crm.kernel.mailboxes import Mailbox
from crm.kernel.transaction import transaction

_ISSUED = (
    *("state", "number", "number_year", "number_seq", "issue_date", "due_date", "time_zone"),
    *("frozen", "sent_at", "sent_by_id"),
)
_TOLD = ("state", "number", "issue_date", "due_date")


async def send_invoice(
    invoice_id: UUID,
    *,
    recipients: Sequence[Recipient] = (),
    issue_date: date | None = None,
    expected_version: int | None = None,
    actor: Actor,
) -> Invoice:
    """Issues a draft and promises its e-mails, to the primary contact unless recipients are chosen.

    `issue_date`: today where the legal entity is, unless given; see `take_number`. Raises NotFound, Forbidden,
    CustomerArchived, CustomerBlocked, CustomerNotLive, InvalidTransition, VersionConflict,
    LegalEntityArchived, NoNumberSeries, NoRecipient, NumberTaken, UnsafeHeader or InvalidInput.
    """
    async with transaction():
        invoice, customer = await invoice_to_change(invoice_id, InvoiceAction.SEND, actor=actor)
        check_version(Kind.INVOICE, invoice, expected_version)
        check_billable(customer, "id")
        mailboxes = await mailboxes_of(customer, recipients)
        await _issue(invoice, customer, mailboxes, issue_date, actor)
        return invoice


async def create_and_send_invoice(
    customer_id: UUID,
    values: dict[str, Any],
    lines: Sequence[LineDraft],
    *,
    recipients: Sequence[Recipient] = (),
    issue_date: date | None = None,
    actor: Actor,
) -> Invoice:
    """`create_invoice` and `send_invoice` in one: when either is refused, nothing is kept."""
    async with transaction():
        customer = await customer_to_bill(customer_id, actor=actor)
        invoice = await new_draft(customer, values, lines, action="create_invoice", actor=actor)
        mailboxes = await mailboxes_of(customer, recipients)
        await _issue(invoice, customer, mailboxes, issue_date, actor)
        return invoice


async def _issue(
    invoice: Invoice,
    customer: Customer,
    mailboxes: Sequence[Mailbox],
    issue_date: date | None,
    actor: Actor,
) -> None:
    entity = await LegalEntity.get(id=invoice.legal_entity_id)
    if entity.archived_at is not None:
        raise LegalEntityArchived("id")
    before = snapshot(invoice, _TOLD)
    contact = await Contact.get_or_none(customer_id=customer.id, is_primary=True)
    frozen = parties_of(entity, customer, contact.name if contact else None)
    number = await take_number(entity, issued_on=issue_date)
    _freeze(invoice, number, entity, frozen, actor)
    async with refusing({"invoice_number": lambda: NumberTaken(number.number)}):
        await save(invoice, *_ISSUED)
    await queue(invoice, mailboxes, actor)
    await _log(invoice, customer, mailboxes, actor)
    after = snapshot(invoice, _TOLD) | {"recipients": addresses(mailboxes)}
    await told(invoice, customer, before, after, "send_invoice", actor)


def _freeze(
    invoice: Invoice, number: IssuedNumber, entity: LegalEntity, frozen: dict[str, Any], actor: Actor
) -> None:
    invoice.state = InvoiceState.SENT
    invoice.number, invoice.number_year, invoice.number_seq = number.number, number.year, number.sequence
    invoice.issue_date = number.issued_on
    invoice.due_date = number.issued_on + timedelta(days=invoice.payment_terms_days)
    invoice.time_zone = entity.time_zone
    invoice.frozen = frozen
    invoice.sent_at, invoice.sent_by_id = now(), actor.user_id


async def _log(invoice: Invoice, customer: Customer, mailboxes: Sequence[Mailbox], actor: Actor) -> None:
    total = Formats.of("en", invoice.currency).money(invoice.gross_total)
    await log_sent_invoice(
        customer,
        invoice_id=invoice.id,
        title=f"Invoice {invoice.number} sent",
        description=f"{total}, to {', '.join(addresses(mailboxes))}",
        actor=actor,
    )
