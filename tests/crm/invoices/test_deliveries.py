"""E-mailing an issued invoice over real SMTP: what arrives, what is refused, what is tried again."""

import hashlib
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest
from factories import make_contact
from invoicing import Shop, deliver_queued, make_sent, nothing_changes
from PIL import Image

from crm.audit.models import HistoryEntry
from crm.contacts.models import Contact
from crm.customers.models import Customer
from crm.invoices import deliveries, payments, templates, voiding
from crm.invoices.deliveries import DELIVER
from crm.invoices.delivering import VOIDED
from crm.invoices.errors import CustomerBlocked, DocumentLost
from crm.invoices.models import Delivery, DeliveryState, Invoice, LegalEntity
from crm.invoices.recipients import Recipient
from crm.invoices.rules import InvoiceState
from crm.kernel import storage
from crm.kernel.actor import kith
from crm.kernel.clock import now
from crm.kernel.errors import InvalidTransition, NotFound
from crm.kernel.ids import uuid7
from crm.kernel.models import JobState, OutboxJob
from crm.kernel.settings import settings
from stack.mail_catcher import MailCatcher

QUEUED, SENT, FAILED = DeliveryState


async def only_delivery(invoice: Invoice) -> Delivery:
    return await Delivery.get(invoice_id=invoice.id)


async def test_the_primary_contact_gets_the_pdf_with_text_and_html(shop: Shop, mail: MailCatcher) -> None:
    await LegalEntity.filter(id=shop.entity.id).update(email="billing@quillmere.example", name="Köhler & Co")
    await Customer.filter(id=shop.customer.id).update(language="de")
    invoice = await make_sent(shop)

    await deliver_queued()

    (kept,) = mail.messages()
    contact = await Contact.get(customer_id=shop.customer.id)
    delivery, invoice = await only_delivery(invoice), await Invoice.get(id=invoice.id)
    assert (kept.envelope_from, kept.envelope_to) == ("billing@quillmere.example", [contact.email])
    message = cast("EmailMessage", kept.message)
    assert message["From"] == "Köhler & Co <billing@quillmere.example>"
    assert message["To"] == f"{contact.name} <{contact.email}>"
    assert message["Subject"] == f"Rechnung {invoice.number} von Köhler & Co" == delivery.subject
    assert message["Message-ID"] == f"<{delivery.id.hex}@quillmere.example>"
    assert "119,00" in (kept.text() or "")
    assert "Guten Tag" in (kept.html() or "")
    assert invoice.number in (kept.html() or "")
    (pdf,) = message.iter_attachments()
    content = pdf.get_content()
    assert (pdf.get_filename(), pdf.get_content_type()) == (f"{invoice.number}.pdf", "application/pdf")
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (invoice.pdf_sha256, invoice.pdf_size)
    assert content.startswith(b"%PDF-")


async def test_a_delivery_says_when_it_was_sent_and_history_tells(shop: Shop, mail: MailCatcher) -> None:
    invoice = await make_sent(shop)

    await deliver_queued()

    delivery = await only_delivery(invoice)
    assert (delivery.state, delivery.attempts, delivery.reason) == (SENT, 1, None)
    assert delivery.sent_at is not None
    entry = await HistoryEntry.get(subject_id=invoice.id, action="deliver_invoice")
    assert entry.user_id is None
    assert {"field": "delivery", "before": "QUEUED", "after": "SENT"} in entry.changes
    assert (await OutboxJob.get(kind=DELIVER)).state is JobState.DONE
    assert len(mail.messages()) == 1


async def test_doing_the_job_again_sends_nothing(shop: Shop, mail: MailCatcher) -> None:
    await make_sent(shop)
    await deliver_queued()

    await OutboxJob.filter(kind=DELIVER).update(state=JobState.PENDING, finished_at=None)
    await deliver_queued()

    assert len(mail.messages()) == 1


async def test_a_refused_recipient_fails_at_once_with_the_servers_words(
    shop: Shop, mail: MailCatcher
) -> None:
    mail.reject = lambda address: "550 5.1.1 No such mailbox here" if "gone" in address else None
    await make_contact(shop.customer, email="gone@customer.example")
    invoice = await make_sent(shop)
    await deliveries.resend_invoice(
        invoice.id, recipients=[Recipient(email="gone@customer.example")], actor=shop.manager.actor
    )

    await deliver_queued()

    good, gone = await Delivery.filter(invoice_id=invoice.id).order_by("id")
    assert good.state is SENT
    assert (gone.state, gone.attempts) == (FAILED, 1)
    assert (
        gone.reason
        == "The mail server refused the message to gone@customer.example: 550 5.1.1 No such mailbox here"
    )
    assert (await Invoice.get(id=invoice.id)).state is InvoiceState.SENT
    assert len(mail.messages()) == 1


async def test_a_server_that_is_busy_is_tried_again_and_says_why_meanwhile(
    shop: Shop, mail: MailCatcher
) -> None:
    mail.refuse = lambda _: "451 4.3.0 Come back later"
    invoice = await make_sent(shop)

    await deliver_queued(tries=2)

    waiting = await only_delivery(invoice)
    assert (waiting.state, waiting.attempts) == (QUEUED, 2)
    assert waiting.reason == "The mail server did not take the message: 451 4.3.0 Come back later"
    mail.refuse = None
    await deliver_queued()
    sent = await only_delivery(invoice)
    assert (sent.state, sent.attempts, sent.reason) == (SENT, 3, None)


async def test_a_dead_server_leaves_the_invoice_sent_and_the_delivery_failed_until_it_is_retried(
    shop: Shop, mail: MailCatcher
) -> None:
    invoice = await make_sent(shop)
    message_id = (await only_delivery(invoice)).message_id
    seen: list[str] = []
    mail.refuse = lambda envelope: seen.append(_message_id(envelope.original_content)) or "421 4.3.2 Down"

    await deliver_queued(tries=settings().job_max_attempts)

    failed = await only_delivery(invoice)
    assert (failed.state, failed.attempts) == (FAILED, settings().job_max_attempts)
    assert "421 4.3.2 Down" in (failed.reason or "")
    assert (await Invoice.get(id=invoice.id)).state is InvoiceState.SENT
    assert (await OutboxJob.get(kind=DELIVER)).state is JobState.DONE
    mail.refuse = None
    await deliveries.retry_delivery(failed.id, actor=shop.manager.actor)
    await deliver_queued()
    sent = await only_delivery(invoice)
    assert (sent.state, sent.reason) == (SENT, None)
    (kept,) = mail.messages()
    assert {*seen, kept.header("Message-ID")} == {f"<{message_id}>"}


def _message_id(raw: bytes) -> str:
    return next(line for line in raw.decode().splitlines() if line.startswith("Message-ID:")).split()[1]


async def test_nobody_listening_is_told_plainly(shop: Shop) -> None:
    invoice = await make_sent(shop)

    await deliver_queued()

    delivery = await only_delivery(invoice)
    assert delivery.state is QUEUED
    assert (delivery.reason or "").startswith("The mail server does not answer: ")


async def test_only_a_failed_delivery_of_a_sent_invoice_is_retried(shop: Shop, mail: MailCatcher) -> None:
    mail.reject = lambda _: "550 No"
    queued, failed = await make_sent(shop), await make_sent(shop)
    delivery = await only_delivery(queued)

    async def refused_with(error: type[Exception], delivery: Delivery) -> None:
        async with nothing_changes():
            with pytest.raises(error):
                await deliveries.retry_delivery(delivery.id, actor=shop.manager.actor)

    await refused_with(InvalidTransition, delivery)
    await refused_with(NotFound, Delivery(id=uuid7()))
    await deliver_queued()
    await Customer.filter(id=shop.customer.id).update(blocked_at=now(), blocked_reason="Fraud")
    await refused_with(CustomerBlocked, await only_delivery(failed))
    await Customer.filter(id=shop.customer.id).update(blocked_at=None, blocked_reason=None)
    await payments.mark_invoice_paid(failed.id, {}, actor=shop.manager.actor)
    await refused_with(InvalidTransition, await only_delivery(failed))


async def test_resending_sends_the_very_same_bytes_under_a_new_message_id(
    shop: Shop, mail: MailCatcher
) -> None:
    invoice = await make_sent(shop)
    await deliver_queued()
    await Customer.filter(id=shop.customer.id).update(name="Renamed")

    await deliveries.resend_invoice(
        invoice.id, recipients=[Recipient(email="boss@x.example")], actor=shop.manager.actor
    )
    await deliver_queued()

    first, second = mail.messages()
    assert second.envelope_to == ["boss@x.example"]
    assert first.header("Message-ID") != second.header("Message-ID")
    assert _pdf(first.message) == _pdf(second.message)


def _pdf(message: object) -> bytes:
    (attachment,) = cast("EmailMessage", message).iter_attachments()
    content: bytes = attachment.get_content()
    return content


async def test_a_blocked_customer_gets_nothing_again(shop: Shop) -> None:
    invoice = await make_sent(shop)
    await Customer.filter(id=shop.customer.id).update(blocked_at=now(), blocked_reason="Fraud")

    async with nothing_changes():
        with pytest.raises(CustomerBlocked):
            await deliveries.resend_invoice(invoice.id, actor=shop.manager.actor)


async def test_an_invoice_voided_before_its_email_left_is_not_sent(shop: Shop, mail: MailCatcher) -> None:
    invoice = await make_sent(shop)
    await voiding.void_invoice(invoice.id, "Wrong", actor=shop.manager.actor)

    await deliver_queued()

    delivery = await only_delivery(invoice)
    assert (delivery.state, delivery.reason) == (FAILED, VOIDED)
    assert mail.messages() == []


async def test_a_legal_entitys_own_words_are_used_in_their_language(shop: Shop, mail: MailCatcher) -> None:
    words = {
        "language": "de",
        "subject": "{number} für {customer}",
        "body": "An {contact}: {total}\n\n<b>{dueDate}</b>",
    }
    await templates.set_email_template(shop.entity.id, words, actor=kith())
    invoice = await make_sent(shop, language="de-CH")

    await deliver_queued()

    (kept,) = mail.messages()
    assert kept.header("Subject") == f"{invoice.number} für {shop.customer.name}"
    contact = await Contact.get(customer_id=shop.customer.id)
    assert (kept.text() or "").startswith(f"An {contact.name}: ")
    assert "&lt;b&gt;" in (kept.html() or "")


async def test_a_lost_file_is_made_again_and_recognised(shop: Shop, mail: MailCatcher) -> None:
    invoice = await make_sent(shop)
    await deliver_queued()
    stored = await Invoice.get(id=invoice.id)
    await storage.delete(stored.pdf_key or "")

    await deliveries.resend_invoice(invoice.id, actor=shop.manager.actor)
    await deliver_queued()

    first, second = mail.messages()
    assert _pdf(first.message) == _pdf(second.message)


async def test_a_file_that_cannot_be_had_again_is_never_replaced_by_another(
    shop: Shop, mail: MailCatcher
) -> None:
    logo = await storage.put_bytes("logos", _png())
    await LegalEntity.filter(id=shop.entity.id).update(logo_key=logo.key)
    invoice = await make_sent(shop)
    await deliver_queued()
    stored = await Invoice.get(id=invoice.id)
    await storage.delete(stored.pdf_key or "")
    _overwrite(logo.key, _png(colour="red"))

    await deliveries.resend_invoice(invoice.id, actor=shop.manager.actor)
    await deliver_queued(tries=settings().job_max_attempts)

    assert len(mail.messages()) == 1
    last = await Delivery.filter(invoice_id=invoice.id).order_by("-id").first()
    assert last is not None
    assert (last.state, last.attempts) == (FAILED, settings().job_max_attempts)
    dead = await OutboxJob.filter(kind=DELIVER).order_by("-id").first()
    assert dead is not None
    assert dead.state is JobState.DEAD
    assert DocumentLost.__name__ in (dead.last_error or "")


def _png(colour: str = "blue") -> bytes:
    out = BytesIO()
    Image.new("RGB", (40, 20), colour).save(out, "PNG")
    return out.getvalue()


def _overwrite(key: str, content: bytes) -> None:
    (Path(urlsplit(settings().storage_url).path) / key).write_bytes(content)
