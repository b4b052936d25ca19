"""E-mails of issued invoices: promised here, kept by a worker (see delivering.py)."""

from collections.abc import Sequence
from uuid import UUID

from crm.invoices.access import check_billable, invoice_to_change
from crm.invoices.changes import told
from crm.invoices.letters import facts_of, filled
from crm.invoices.models import Delivery, DeliveryState, Invoice
from crm.invoices.parties import Parties
from crm.invoices.queries import delivery_by_id
from crm.invoices.recipients import Recipient, mailboxes_of
from crm.invoices.rules import InvoiceAction
from crm.invoices.templates import letter_of
from crm.kernel.actor import Actor
from crm.kernel.errors import InvalidTransition, NotFound
from crm.kernel.ids import Kind, uuid7
from crm.kernel.mailboxes import Mailbox, domain_of, header_text
from crm.kernel.outbox import enqueue
from crm.kernel.settings import settings
from crm.kernel.transaction import transaction

DELIVER = "deliver_invoice"
"""The kind of job that e-mails one delivery."""

RETRY = "retryDelivery"


async def resend_invoice(invoice_id: UUID, *, recipients: Sequence[Recipient] = (), actor: Actor) -> Invoice:
    """The stored PDF once more, to the chosen recipients or the primary contact.

    Raises NotFound, Forbidden, CustomerArchived, CustomerBlocked, CustomerNotLive, InvalidTransition,
    NoRecipient or InvalidInput.
    """
    async with transaction():
        invoice, customer = await invoice_to_change(invoice_id, InvoiceAction.RESEND, actor=actor)
        check_billable(customer, "id")
        mailboxes = await mailboxes_of(customer, recipients)
        await queue(invoice, mailboxes, actor)
        await told(invoice, customer, {}, {"recipients": addresses(mailboxes)}, "resend_invoice", actor)
        return invoice


async def retry_delivery(delivery_id: UUID, *, actor: Actor) -> Delivery:
    """Tries a FAILED delivery again, with the same words and the same Message-ID.

    Raises NotFound, Forbidden, CustomerArchived, CustomerBlocked, CustomerNotLive, or InvalidTransition when the
    delivery has not failed or the invoice is no longer SENT.
    """
    async with transaction():
        seen = await delivery_by_id(actor, delivery_id)
        if seen is None:
            raise NotFound(Kind.DELIVERY, "id")
        invoice, customer = await invoice_to_change(seen.invoice_id, InvoiceAction.RESEND, actor=actor)
        check_billable(customer, "id")
        delivery = await Delivery.filter(id=delivery_id).select_for_update(no_key=True).get()
        if delivery.state is not DeliveryState.FAILED:
            raise InvalidTransition(RETRY, delivery.state, ())
        delivery.state = DeliveryState.QUEUED
        await delivery.save(update_fields=["state"])
        await _promise(delivery)
        after = {"delivery": DeliveryState.QUEUED, "recipient": delivery.recipient}
        await told(invoice, customer, {"delivery": DeliveryState.FAILED}, after, "retry_delivery", actor)
        return delivery


async def queue(invoice: Invoice, mailboxes: Sequence[Mailbox], actor: Actor) -> None:
    """Promise an e-mail of an issued invoice to each; within the caller's transaction. Raises UnsafeHeader."""
    parties: Parties = invoice.frozen or {}
    letter = await letter_of(invoice.legal_entity_id, invoice.language)
    sender = sender_of(parties)
    header_text(sender.name)  # here, not when it is too late: an invoice that has its number keeps this name
    domain = domain_of(sender.email)
    for mailbox in mailboxes:
        said = filled(letter, facts_of(invoice, parties, mailbox.name))
        delivery_id = uuid7()
        delivery = await Delivery.create(
            id=delivery_id,
            invoice_id=invoice.id,
            recipient=mailbox.email,
            recipient_name=mailbox.name,
            message_id=f"{delivery_id.hex}@{domain}",
            subject=header_text(said.subject[:300]),
            body=said.body,
            created_by_id=actor.user_id,
        )
        await _promise(delivery)


def sender_of(parties: Parties) -> Mailbox:
    """The legal entity, at its own address if it has one."""
    seller = parties["seller"]
    return Mailbox(seller["email"] or settings().mail_from, seller["name"])


def addresses(mailboxes: Sequence[Mailbox]) -> list[str]:
    return [mailbox.email for mailbox in mailboxes]


async def _promise(delivery: Delivery) -> None:
    await enqueue(DELIVER, {"delivery_id": str(delivery.id)}, dedupe_key=f"{DELIVER}:{delivery.id.hex}")
