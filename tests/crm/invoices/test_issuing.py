"""Issuing: all at once or not at all."""

from datetime import timedelta
from decimal import Decimal

import pytest
from factories import make_contact, make_user
from invoicing import LINE, Shop, make_draft, make_sent, make_shop, nothing_changes

from crm.activities.models import Activity, ActivityType
from crm.audit.models import HistoryEntry
from crm.contacts.models import Contact
from crm.customers.models import Customer
from crm.invoices import entities, issuing, payments
from crm.invoices.contents import LineDraft
from crm.invoices.deliveries import DELIVER
from crm.invoices.errors import (
    CustomerBlocked,
    LegalEntityArchived,
    NoNumberSeries,
    NoRecipient,
    NumberTaken,
)
from crm.invoices.models import Delivery, DeliveryState, Invoice, LegalEntity, NumberSeries
from crm.invoices.recipients import Recipient
from crm.invoices.rules import InvoiceState
from crm.kernel.actor import Role, kith
from crm.kernel.clock import now, today
from crm.kernel.errors import Forbidden, InvalidInput, NotFound, VersionConflict
from crm.kernel.mailboxes import UnsafeHeader
from crm.kernel.models import OutboxJob

D = Decimal


async def test_a_sent_invoice_has_a_number_dates_and_what_was_frozen(shop: Shop) -> None:
    await LegalEntity.filter(id=shop.entity.id).update(time_zone="Asia/Tokyo", iban="DE89370400440532013000")
    draft = await make_draft(shop, payment_terms_days=14)

    invoice = await issuing.send_invoice(draft.id, expected_version=1, actor=shop.manager.actor)

    day = today("Asia/Tokyo")
    stored = await Invoice.get(id=invoice.id)
    assert (stored.state, stored.number) == (InvoiceState.SENT, f"INV-{day.year}-00001")
    assert (stored.issue_date, stored.due_date) == (day, day + timedelta(days=14))
    assert (stored.time_zone, stored.sent_by_id) == ("Asia/Tokyo", shop.manager.user.id)
    assert (stored.version, stored.due_total) == (2, D(119))
    assert stored.frozen is not None
    contact = await Contact.get(customer_id=shop.customer.id)
    assert stored.frozen["seller"]["iban"] == "DE89370400440532013000"
    assert stored.frozen["buyer"]["name"] == shop.customer.name
    assert stored.frozen["buyer"]["address"]["city"] == "Bremen"
    assert stored.frozen["buyer"]["contact"] == contact.name


async def test_what_was_frozen_stays_when_everybody_moves(shop: Shop) -> None:
    invoice = await make_sent(shop)
    await Customer.filter(id=shop.customer.id).update(name="New Ltd", address_city="Ghent")
    await LegalEntity.filter(id=shop.entity.id).update(name="Newer SA")

    frozen = (await Invoice.get(id=invoice.id)).frozen

    assert frozen is not None
    assert frozen["buyer"]["name"] == shop.customer.name
    assert frozen["buyer"]["address"]["city"] == "Bremen"
    assert frozen["seller"]["name"] == shop.entity.name


async def test_the_billing_address_is_frozen_where_it_is_another(shop: Shop) -> None:
    await Customer.filter(id=shop.customer.id).update(
        billing_same=False, billing_street="Kai 3", billing_city="Kiel", billing_country="DE"
    )

    invoice = await make_sent(shop)

    assert invoice.frozen is not None
    assert invoice.frozen["buyer"]["address"]["city"] == "Kiel"


async def test_sending_promises_an_email_logs_an_activity_and_tells_the_history(shop: Shop) -> None:
    invoice = await make_sent(shop)

    contact = await Contact.get(customer_id=shop.customer.id)
    delivery = await Delivery.get(invoice_id=invoice.id)
    assert (delivery.recipient, delivery.state) == (contact.email, DeliveryState.QUEUED)
    assert delivery.message_id == f"{delivery.id.hex}@kith.example"
    job = await OutboxJob.get(kind=DELIVER)
    assert job.payload == {"delivery_id": str(delivery.id)}
    activity = await Activity.get(invoice_id=invoice.id)
    assert (activity.type, activity.title) == (ActivityType.EMAIL, f"Invoice {invoice.number} sent")
    assert contact.email in (activity.description or "")
    entry = await HistoryEntry.get(subject_id=invoice.id, action="send_invoice")
    told = {change["field"]: change["after"] for change in entry.changes}
    assert told["state"] == "SENT"
    assert told["recipients"] == [contact.email]


async def test_chosen_recipients_get_it_each_once(shop: Shop) -> None:
    other = await make_contact(shop.customer, email="Ada@Customer.example")
    draft = await make_draft(shop)
    chosen = [
        Recipient(contact_id=other.id),
        Recipient(email="ada@customer.example"),
        Recipient(email="x@y.example"),
    ]

    await issuing.send_invoice(draft.id, recipients=chosen, actor=shop.manager.actor)

    sent = await Delivery.filter(invoice_id=draft.id).order_by("id")
    assert [(d.recipient, d.recipient_name) for d in sent] == [
        ("Ada@Customer.example", other.name),
        ("x@y.example", ""),
    ]


async def test_recipients_who_cannot_be_written_to_are_refused(shop: Shop) -> None:
    draft = await make_draft(shop)
    stranger = await make_contact((await make_shop()).customer)

    async def send_to(*recipients: Recipient) -> None:
        await issuing.send_invoice(draft.id, recipients=recipients, actor=shop.manager.actor)

    async with nothing_changes():
        with pytest.raises(InvalidInput) as wrong:
            await send_to(*map(_address, ("a@b.example", "a@b", "a@b.example\r\nBcc: c@d.example")))
        with pytest.raises(NotFound) as unknown:
            await send_to(Recipient(contact_id=stranger.id))
        with pytest.raises(InvalidInput) as many:
            await send_to(*(_address(f"a{n}@b.example") for n in range(21)))

    assert [(p.path, p.code) for p in wrong.value.problems] == [
        (("recipients", "1", "email"), "INVALID_EMAIL"),
        (("recipients", "2", "email"), "CONTROL_CHARACTERS"),
    ]
    assert unknown.value.path == ("recipients", "0", "contactId")
    assert many.value.problems[0].code == "TOO_MANY_RECIPIENTS"


def _address(email: str) -> Recipient:
    return Recipient(email=email)


async def test_an_invoice_that_may_not_be_issued_stays_a_draft_without_a_number(shop: Shop) -> None:
    draft = await make_draft(shop)

    async def refused_with(error: type[Exception]) -> None:
        async with nothing_changes():
            with pytest.raises(error):
                await issuing.send_invoice(draft.id, actor=shop.manager.actor)

    await Customer.filter(id=shop.customer.id).update(blocked_at=now(), blocked_reason="Fraud")
    await refused_with(CustomerBlocked)
    await Customer.filter(id=shop.customer.id).update(blocked_at=None, blocked_reason=None)
    await LegalEntity.filter(id=shop.entity.id).update(archived_at=now())
    await refused_with(LegalEntityArchived)
    await LegalEntity.filter(id=shop.entity.id).update(archived_at=None)
    await NumberSeries.filter(legal_entity_id=shop.entity.id).delete()
    await refused_with(NoNumberSeries)
    await NumberSeries.create(legal_entity_id=shop.entity.id, kind="INVOICE", pattern="{year}-{seq}")
    await Contact.filter(customer_id=shop.customer.id).delete()
    await refused_with(NoRecipient)


async def test_a_name_that_would_break_the_subject_line_is_refused(shop: Shop) -> None:
    await LegalEntity.filter(id=shop.entity.id).update(name="=?utf-8?q?a=0D=0ABcc:x@y.example?=")
    draft = await make_draft(shop)

    async with nothing_changes():
        with pytest.raises(UnsafeHeader):
            await issuing.send_invoice(draft.id, actor=shop.manager.actor)


async def test_a_contact_whose_name_could_break_a_header_is_written_to_without_it(shop: Shop) -> None:
    await Contact.filter(customer_id=shop.customer.id).update(name="=?utf-8?q?a=0D=0ABcc:x@y.example?=")

    invoice = await make_sent(shop)

    assert (await Delivery.get(invoice_id=invoice.id)).recipient_name == ""


async def test_an_older_version_is_not_issued(shop: Shop) -> None:
    draft = await make_draft(shop)

    async with nothing_changes():
        with pytest.raises(VersionConflict):
            await issuing.send_invoice(draft.id, expected_version=7, actor=shop.manager.actor)


async def test_create_and_send_does_both(shop: Shop) -> None:
    invoice = await issuing.create_and_send_invoice(
        shop.customer.id, {"notes": "Thanks"}, [LINE], actor=shop.manager.actor
    )

    assert (invoice.state, invoice.number_seq, invoice.notes) == (InvoiceState.SENT, 1, "Thanks")
    assert await Delivery.filter(invoice_id=invoice.id).count() == 1
    actions = await HistoryEntry.filter(subject_id=invoice.id).order_by("id").values_list("action", flat=True)
    assert actions == ["create_invoice", "send_invoice"]


async def test_create_and_send_leaves_no_draft_when_sending_is_refused(shop: Shop) -> None:
    await Contact.filter(customer_id=shop.customer.id).delete()

    async with nothing_changes():
        with pytest.raises(NoRecipient):
            await issuing.create_and_send_invoice(shop.customer.id, {}, [LINE], actor=shop.manager.actor)


async def test_the_number_a_refused_invoice_would_have_had_goes_to_the_next(shop: Shop) -> None:
    refused = await make_draft(shop)
    with pytest.raises(InvalidInput):
        await issuing.send_invoice(refused.id, recipients=[Recipient(email="@")], actor=shop.manager.actor)

    invoice = await make_sent(shop)

    assert invoice.number_seq == 1


async def test_a_day_of_issue_can_be_chosen_but_never_before_the_last_or_in_the_future(shop: Shop) -> None:
    day = today() - timedelta(days=40)
    first, second, third = [await make_draft(shop, payment_terms_days=30) for _ in range(3)]
    sent = await issuing.send_invoice(first.id, issue_date=day, actor=shop.manager.actor)
    assert (sent.issue_date, sent.due_date) == (day, day + timedelta(days=30))

    async with nothing_changes():
        with pytest.raises(InvalidInput) as earlier:
            await issuing.send_invoice(
                second.id, issue_date=day - timedelta(days=1), actor=shop.manager.actor
            )
        with pytest.raises(InvalidInput) as future:
            await issuing.send_invoice(
                second.id, issue_date=today() + timedelta(days=2), actor=shop.manager.actor
            )

    assert [p.code for p in earlier.value.problems] == ["BEFORE_LAST_ISSUED"]
    assert [p.code for p in future.value.problems] == ["IN_THE_FUTURE"]
    assert (await issuing.send_invoice(second.id, issue_date=day, actor=shop.manager.actor)).issue_date == day
    assert (await issuing.send_invoice(third.id, actor=shop.manager.actor)).issue_date == today()


async def test_numbering_starts_again_each_year(shop: Shop) -> None:
    old, new = await make_draft(shop), await make_draft(shop)
    last_year = today().replace(month=1, day=1) - timedelta(days=1)

    first = await issuing.send_invoice(old.id, issue_date=last_year, actor=shop.manager.actor)
    second = await issuing.send_invoice(new.id, actor=shop.manager.actor)

    assert first.number == f"INV-{last_year.year}-00001"
    assert second.number == f"INV-{today().year}-00001"


async def test_a_changed_pattern_that_repeats_a_number_is_refused_by_name(shop: Shop) -> None:
    admin = kith()
    await entities.set_number_series(shop.entity.id, "{yy}1{seq}", actor=admin)
    await make_sent(shop)
    for _ in range(9):
        await make_sent(shop)
    await entities.set_number_series(shop.entity.id, "{yy}{seq}", actor=admin)
    draft = await make_draft(shop)

    async with nothing_changes():
        with pytest.raises(NumberTaken):  # the eleventh: 26 and 11 read as 26, 1 and 1
            await issuing.send_invoice(draft.id, actor=shop.manager.actor)


async def test_an_invoice_of_nothing_is_issued_and_paid_without_a_payment(shop: Shop) -> None:
    invoice = await make_sent(shop, LineDraft("Sample", D(1), D(0), tax_rate=D(19)))

    paid = await payments.mark_invoice_paid(invoice.id, {}, actor=shop.manager.actor)

    assert (paid.state, paid.paid_total) == (InvoiceState.PAID, D(0))
    assert not await paid.payments.all().exists()


async def test_only_those_who_may_edit_the_customer_send(shop: Shop) -> None:
    draft = await make_draft(shop)
    colleague = await make_user(Role.AGENT, [shop.unit])
    analyst = await make_user(Role.ANALYST, [shop.unit])
    stranger = await make_user(Role.MANAGER)

    async with nothing_changes():
        for person, error in ((colleague, Forbidden), (analyst, Forbidden), (stranger, NotFound)):
            with pytest.raises(error):
                await issuing.send_invoice(draft.id, actor=person.actor)
