"""Keeping the promise of a delivery: what a worker does, once per delivery and try.

At least once: the message leaves inside the transaction that marks the delivery SENT, with the row locked and
looked at again immediately before. Only a death between the server's 250 and our commit makes a second copy,
and that has the same Message-ID.
"""

from email.message import EmailMessage
from uuid import UUID

from crm.customers.models import Customer
from crm.invoices.changes import told
from crm.invoices.deliveries import sender_of
from crm.invoices.events import InvoiceChanged
from crm.invoices.mail_template import render_invoice_email
from crm.invoices.models import Delivery, DeliveryState, Invoice
from crm.invoices.pdfs import MEDIA_TYPE, ensure_pdf, file_name, issued_document, pdf_of
from crm.invoices.rules import InvoiceState
from crm.kernel import mail
from crm.kernel.actor import kith
from crm.kernel.clock import now
from crm.kernel.events import emit
from crm.kernel.jobs import Claim, LostLease, still_mine
from crm.kernel.mail import Attachment, MailRefused, MailUnavailable
from crm.kernel.mailboxes import Mailbox
from crm.kernel.settings import settings
from crm.kernel.transaction import transaction

VOIDED = "The invoice was voided before it could be sent."
NOT_MADE = "The e-mail could not be made. An administrator sees why under failed jobs."
_ANSWERS_WITHIN = mail.MESSAGE_SECONDS + 20  # what a slow mail server may take of the open transaction


async def deliver(delivery_id: UUID, claim: Claim) -> None:
    """E-mail a QUEUED delivery: it is SENT afterwards, or FAILED with the reason when the server refused it.

    Raises MailUnavailable when another try is left; after the last one the delivery is FAILED. Any other
    failure of the last try marks it FAILED too, and is raised for the job's own record.
    """
    last = claim.attempt >= settings().job_max_attempts
    try:
        await _try(delivery_id, claim)
    except MailUnavailable as error:
        await _tried(delivery_id, claim, str(error), last=last)
        if not last:
            raise
    except LostLease:
        raise
    except Exception:
        await _tried(delivery_id, claim, NOT_MADE, last=last)
        raise


async def _try(delivery_id: UUID, claim: Claim) -> None:
    seen = await Delivery.get(id=delivery_id)
    if seen.state is not DeliveryState.QUEUED:
        return
    invoice = await ensure_pdf(seen.invoice_id)
    message = await _message(invoice, seen)
    async with mail.server() as server, transaction():
        await still_mine(claim, least_seconds=_ANSWERS_WITHIN)
        delivery = await _queued(delivery_id)
        if delivery is None:
            return
        invoice = await Invoice.get(id=delivery.invoice_id)
        if invoice.state is InvoiceState.VOID:
            await _ended(delivery, invoice, DeliveryState.FAILED, VOIDED)
            return
        try:
            await server.send(message)
        except MailRefused as error:
            await _ended(delivery, invoice, DeliveryState.FAILED, str(error))
        else:
            await _ended(delivery, invoice, DeliveryState.SENT, None)


async def _message(invoice: Invoice, delivery: Delivery) -> EmailMessage:
    pdf = Attachment(file_name(invoice), MEDIA_TYPE, await pdf_of(invoice))
    content = render_invoice_email(await issued_document(invoice), delivery.body)
    return mail.compose(
        sender=sender_of(invoice.frozen or {}),
        recipient=Mailbox(delivery.recipient, delivery.recipient_name),
        subject=delivery.subject,
        text=content.text,
        html=content.html,
        message_id=delivery.message_id,
        dated=now(),
        attachments=[pdf],
    )


async def _queued(delivery_id: UUID) -> Delivery | None:
    """The delivery, locked, if it still waits."""
    rows = Delivery.filter(id=delivery_id, state=DeliveryState.QUEUED)
    return await rows.select_for_update(no_key=True).get_or_none()


async def _tried(delivery_id: UUID, claim: Claim, reason: str, *, last: bool) -> None:
    """Record a try that came to nothing."""
    async with transaction():
        await still_mine(claim)
        delivery = await _queued(delivery_id)
        if delivery is None:
            return
        invoice = await Invoice.get(id=delivery.invoice_id)
        if last:
            await _ended(delivery, invoice, DeliveryState.FAILED, reason)
            return
        delivery.attempts += 1
        delivery.reason = reason
        await delivery.save(update_fields=["attempts", "reason"])
        changed = {"invoice_id": invoice.id, "customer_id": invoice.customer_id, "unit_id": invoice.unit_id}
        await emit(InvoiceChanged(**changed, action="try_delivery"))


async def _ended(delivery: Delivery, invoice: Invoice, state: DeliveryState, reason: str | None) -> None:
    """Record how the delivery went, and tell of it."""
    delivery.attempts += 1
    sent_at = now() if state is DeliveryState.SENT else None
    delivery.update_from_dict({"state": state, "reason": reason, "sent_at": sent_at})
    await delivery.save(update_fields=["attempts", "state", "reason", "sent_at"])
    customer = await Customer.get(id=invoice.customer_id)
    after = {"delivery": state, "recipient": delivery.recipient, "reason": reason}
    await told(invoice, customer, {"delivery": DeliveryState.QUEUED}, after, "deliver_invoice", kith())
