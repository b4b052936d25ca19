"""Changes to invoices."""

from typing import cast
from uuid import UUID

import strawberry

from api.context import Info, actor_of
from api.ids import key_of, public_id
from api.invoices.inputs import (
    CreateAndSendInvoiceInput,
    CreateInvoiceInput,
    DeliveryInput,
    InvoiceInput,
    MarkInvoicePaidInput,
    RecordPaymentInput,
    ResendInvoiceInput,
    SendInvoiceInput,
    UpdateInvoiceInput,
    VoidInvoiceInput,
    lines_of,
    recipients_of,
    values_of,
)
from api.invoices.types import Delivery, Invoice
from api.mutations import Payload, mutation, provided
from api.scalars import Url
from crm.invoices import deliveries, drafts, issuing, models, payments, pdfs, queries, voiding
from crm.kernel.ids import Kind


@strawberry.type(description="The invoice as it is after the change.")
class InvoicePayload(Payload):
    invoice_id: strawberry.Private[UUID | None] = None

    @strawberry.field(description="The invoice; null when the change was refused.")
    def invoice(self, info: Info) -> Invoice | None:
        if self.invoice_id is None:
            return None
        return cast("Invoice | None", queries.by_id(actor_of(info), self.invoice_id))


@strawberry.type(description="What was deleted.")
class DeleteInvoicePayload(Payload):
    invoice_id: strawberry.Private[UUID | None] = None

    @strawberry.field(description="The id of the draft that is gone; null when the deletion was refused.")
    def deleted_id(self) -> strawberry.ID | None:
        return None if self.invoice_id is None else public_id(Kind.INVOICE, self.invoice_id)


@strawberry.type(description="Where a draft can be looked at.")
class PreviewInvoicePayload(Payload):
    invoice_id: strawberry.Private[UUID | None] = None

    @strawberry.field(
        description="A link to the PDF with its DRAFT mark, made when the link is opened within ten minutes; null when refused."
    )
    def url(self) -> Url | None:
        return None if self.invoice_id is None else Url(pdfs.preview_link(self.invoice_id))


@strawberry.type(description="The delivery as it is after the change.")
class DeliveryPayload(Payload):
    delivery_id: strawberry.Private[UUID | None] = None

    @strawberry.field(description="The delivery; null when the change was refused.")
    def delivery(self, info: Info) -> Delivery | None:
        if self.delivery_id is None:
            return None
        return cast("Delivery | None", queries.delivery_by_id(actor_of(info), self.delivery_id))


def _told(invoice: models.Invoice) -> InvoicePayload:
    return InvoicePayload(invoice_id=invoice.id)


def _key(id: str) -> UUID:
    return key_of(Kind.INVOICE, id)


@strawberry.type
class InvoiceMutation:
    @mutation(description="Saves a draft for a LIVE customer who is not blocked. It has no number yet.")
    async def create_invoice(self, info: Info, input: CreateInvoiceInput) -> InvoicePayload:
        customer_id = key_of(Kind.CUSTOMER, input.customer_id, "customerId")
        values, lines = values_of(input), lines_of(input.lines)
        return _told(await drafts.create_invoice(customer_id, values, lines, actor=actor_of(info)))

    @mutation(description="Changes a draft. Nothing else can be changed once it is issued.")
    async def update_invoice(self, info: Info, input: UpdateInvoiceInput) -> InvoicePayload:
        lines = None if input.lines in (None, strawberry.UNSET) else lines_of(input.lines or ())
        return _told(
            await drafts.update_invoice(
                _key(input.id),
                values_of(input),
                lines,
                expected_version=input.expected_version,
                actor=actor_of(info),
            )
        )

    @mutation(description="Deletes a draft for good. An issued invoice can never be deleted.")
    async def delete_invoice(self, info: Info, input: InvoiceInput) -> DeleteInvoicePayload:
        invoice = await drafts.delete_invoice(_key(input.id), actor=actor_of(info))
        return DeleteInvoicePayload(invoice_id=invoice.id)

    @mutation(description="Makes a new draft of any invoice's lines and terms.")
    async def duplicate_invoice(self, info: Info, input: InvoiceInput) -> InvoicePayload:
        return _told(await drafts.duplicate_invoice(_key(input.id), actor=actor_of(info)))

    @mutation(description="Shows a draft as the PDF it would become. Nothing is stored or changed.")
    async def preview_invoice(self, info: Info, input: InvoiceInput) -> PreviewInvoicePayload:
        invoice = await pdfs.preview_invoice(_key(input.id), actor=actor_of(info))
        return PreviewInvoicePayload(invoice_id=invoice.id)

    @mutation(
        description="Issues a draft: it gets its number, is frozen, and a worker makes the PDF and e-mails it. A failed e-mail does not take it back."
    )
    async def send_invoice(self, info: Info, input: SendInvoiceInput) -> InvoicePayload:
        return _told(
            await issuing.send_invoice(
                _key(input.id),
                recipients=recipients_of(input.recipients),
                issue_date=input.issue_date,
                expected_version=input.expected_version,
                actor=actor_of(info),
            )
        )

    @mutation(description="`createInvoice` and `sendInvoice` in one: both happen, or neither.")
    async def create_and_send_invoice(self, info: Info, input: CreateAndSendInvoiceInput) -> InvoicePayload:
        return _told(
            await issuing.create_and_send_invoice(
                key_of(Kind.CUSTOMER, input.customer_id, "customerId"),
                values_of(input),
                lines_of(input.lines),
                recipients=recipients_of(input.recipients),
                issue_date=input.issue_date,
                actor=actor_of(info),
            )
        )

    @mutation(description="E-mails a SENT invoice once more: the very same PDF.")
    async def resend_invoice(self, info: Info, input: ResendInvoiceInput) -> InvoicePayload:
        chosen = recipients_of(input.recipients)
        return _told(await deliveries.resend_invoice(_key(input.id), recipients=chosen, actor=actor_of(info)))

    @mutation(description="Tries a FAILED delivery of a SENT invoice again, with the same words.")
    async def retry_delivery(self, info: Info, input: DeliveryInput) -> DeliveryPayload:
        delivery = await deliveries.retry_delivery(key_of(Kind.DELIVERY, input.id), actor=actor_of(info))
        return DeliveryPayload(delivery_id=delivery.id)

    @mutation(description="Records money received for a SENT invoice; it is PAID once nothing is due.")
    async def record_payment(self, info: Info, input: RecordPaymentInput) -> InvoicePayload:
        values = provided(input)
        invoice_id, version = _key(values.pop("id")), values.pop("expected_version")
        return _told(
            await payments.record_payment(invoice_id, values, expected_version=version, actor=actor_of(info))
        )

    @mutation(description="Records all that is still due on a SENT invoice as paid.")
    async def mark_invoice_paid(self, info: Info, input: MarkInvoicePaidInput) -> InvoicePayload:
        values = provided(input)
        invoice_id, version = _key(values.pop("id")), values.pop("expected_version")
        return _told(
            await payments.mark_invoice_paid(
                invoice_id, values, expected_version=version, actor=actor_of(info)
            )
        )

    @mutation(
        description="Takes back a SENT invoice on which nothing was paid. Its number stays used. For managers."
    )
    async def void_invoice(self, info: Info, input: VoidInvoiceInput) -> InvoicePayload:
        return _told(
            await voiding.void_invoice(
                _key(input.id), input.reason, expected_version=input.expected_version, actor=actor_of(info)
            )
        )
