"""What callers send to write, issue and settle invoices."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import strawberry
from strawberry import UNSET

from api.customers.inputs import DiscountInput
from api.ids import key_of, optional_key
from api.invoices import enums as _enums  # noqa: F401  declares the enums
from api.mutations import provided
from api.scalars import CurrencyCode, EmailAddress, LanguageCode
from crm.invoices.contents import LineDraft
from crm.invoices.lines import Discount, TaxCategory
from crm.invoices.models import PaymentMethod
from crm.invoices.recipients import Recipient
from crm.kernel.ids import Kind

T = TypeVar("T")

_VERSION = "The version you read; a newer one is answered with VersionConflict."


def _optional(description: str) -> Any:
    return strawberry.field(default=UNSET, description=description)


@strawberry.input(description="A line of a draft.")
class InvoiceLineInput:
    description: str = strawberry.field(
        description="What is delivered; at most 5,000 characters, over several lines."
    )
    quantity: Decimal = strawberry.field(
        description="How many, with up to six decimals; below 0 for a return."
    )
    unit_price: Decimal = strawberry.field(
        description="Price of one unit before tax in the invoice's currency, with up to six decimals; never below 0."
    )
    unit: str = strawberry.field(
        default="C62",
        description="Unit of the quantity, a code of UN/ECE Recommendation 20 such as `C62` (piece) or `HUR` (hour).",
    )
    discount: DiscountInput | None = _optional("What is taken off the line.")
    tax_rate: Decimal | None = _optional("Tax rate in percent; the customer's default if left out.")
    tax_category: TaxCategory | None = _optional("How it is taxed; STANDARD if left out.")


@strawberry.input(description="The fields of a draft that may be left out.")
class InvoiceFieldsInput:
    legal_entity_id: strawberry.ID | None = _optional(
        "Who issues it; when it is created without, the customer's own, or the only one there is."
    )
    invoice_type_id: strawberry.ID | None = _optional("An INVOICE_TYPE the customer may get.")
    currency: CurrencyCode | None = _optional(
        "The currency of all its amounts; the customer's if never given."
    )
    language: LanguageCode | None = _optional("The language it is written in; the customer's if never given.")
    payment_terms_days: int | None = _optional(
        "Days from issue until it is due, 0 to 730; the customer's, then the legal entity's, if never given."
    )
    delivery_date: date | None = _optional("Day of delivery or performance.")
    customer_reference: str | None = _optional(
        "The customer's own reference, such as its order number; at most 120 characters."
    )
    notes: str | None = _optional("A text below the lines; at most 5,000 characters.")
    discount: DiscountInput | None = _optional(
        "What is taken off all lines; the customer's default when it is created without, null for nothing."
    )


@strawberry.input(description="A new draft.")
class CreateInvoiceInput(InvoiceFieldsInput):
    customer_id: strawberry.ID = strawberry.field(description="Who is billed; LIVE and not blocked.")
    lines: list[InvoiceLineInput] = strawberry.field(description="Its lines, in order; 1 to 1,000.")


@strawberry.input(description="Changes to a draft: fields left out stay as they are, null empties one.")
class UpdateInvoiceInput(InvoiceFieldsInput):
    id: strawberry.ID = strawberry.field(description="The draft.")
    expected_version: int = strawberry.field(description=_VERSION)
    lines: list[InvoiceLineInput] | None = _optional("All its lines from now on; left out, they stay.")


@strawberry.input(description="Names an invoice.")
class InvoiceInput:
    id: strawberry.ID = strawberry.field(description="The invoice.")


@strawberry.input(one_of=True, description="Somebody an invoice is e-mailed to.")
class RecipientInput:
    contact_id: strawberry.ID | None = _optional("One of the customer's contacts.")
    email: EmailAddress | None = _optional("Any e-mail address.")


@strawberry.input(description="How a draft is issued.")
class SendInvoiceInput:
    id: strawberry.ID = strawberry.field(description="The draft.")
    expected_version: int | None = strawberry.field(default=None, description=_VERSION)
    recipients: list[RecipientInput] | None = strawberry.field(
        default=None, description="Who gets it, 20 at most; the customer's primary contact if left out."
    )
    issue_date: date | None = strawberry.field(
        default=None,
        description="Day of issue; today where the legal entity is if left out. Never in the future, and never before that of the legal entity's last invoice.",
    )


@strawberry.input(
    description="A new invoice that is issued at once: when that is refused, no draft is kept either."
)
class CreateAndSendInvoiceInput(CreateInvoiceInput):
    recipients: list[RecipientInput] | None = strawberry.field(
        default=None, description="Who gets it, 20 at most; the customer's primary contact if left out."
    )
    issue_date: date | None = strawberry.field(
        default=None, description="Day of issue, as in SendInvoiceInput."
    )


@strawberry.input(description="Who gets an issued invoice once more.")
class ResendInvoiceInput:
    id: strawberry.ID = strawberry.field(description="The invoice.")
    recipients: list[RecipientInput] | None = strawberry.field(
        default=None, description="Who gets it, 20 at most; the customer's primary contact if left out."
    )


@strawberry.input(description="Names a delivery.")
class DeliveryInput:
    id: strawberry.ID = strawberry.field(description="The delivery.")


@strawberry.input(description="Money received for an invoice.")
class RecordPaymentInput:
    id: strawberry.ID = strawberry.field(description="The invoice.")
    expected_version: int | None = strawberry.field(default=None, description=_VERSION)
    amount: Decimal = strawberry.field(
        description="How much, in the invoice's currency: more than 0, and not more than is due."
    )
    paid_on: date | None = _optional("The day it was made, not in the future; today if left out.")
    method: PaymentMethod = strawberry.field(description="How it came in.")
    reference: str | None = _optional("What the bank statement says, or the like; at most 120 characters.")


@strawberry.input(description="How the rest of an invoice was paid.")
class MarkInvoicePaidInput:
    id: strawberry.ID = strawberry.field(description="The invoice.")
    expected_version: int | None = strawberry.field(default=None, description=_VERSION)
    paid_on: date | None = _optional("The day it was made, not in the future; today if left out.")
    method: PaymentMethod = strawberry.field(
        default=PaymentMethod.BANK_TRANSFER, description="How it came in."
    )
    reference: str | None = _optional("What the bank statement says, or the like; at most 120 characters.")


@strawberry.input(description="Why an issued invoice is taken back.")
class VoidInvoiceInput:
    id: strawberry.ID = strawberry.field(description="The invoice.")
    expected_version: int | None = strawberry.field(default=None, description=_VERSION)
    reason: str = strawberry.field(description="Why; at most 500 characters.")


def values_of(input: InvoiceFieldsInput) -> dict[str, Any]:
    """The given fields of a draft as the service takes them, without its lines."""
    values = {
        name: value for name, value in provided(input).items() if name in InvoiceFieldsInput.__annotations__
    }
    if "legal_entity_id" in values:
        values["legal_entity_id"] = optional_key(
            Kind.LEGAL_ENTITY, values["legal_entity_id"], "legalEntityId"
        )
    if "invoice_type_id" in values:
        values["invoice_type_id"] = optional_key(
            Kind.PICK_LIST_ITEM, values["invoice_type_id"], "invoiceTypeId"
        )
    if "discount" in values:
        values["discount"] = discount_of(values["discount"])
    return values


def lines_of(lines: Sequence[InvoiceLineInput]) -> list[LineDraft]:
    return [
        LineDraft(
            description=line.description,
            quantity=line.quantity,
            unit_price=line.unit_price,
            unit=line.unit,
            discount=discount_of(line.discount),
            tax_rate=_given(line.tax_rate),
            tax_category=_given(line.tax_category),
        )
        for line in lines
    ]


def discount_of(discount: DiscountInput | None) -> Discount | None:
    """None for what was left out, or is null."""
    if not discount:
        return None
    return Discount(percent=_given(discount.percent), amount=_given(discount.amount))


def recipients_of(recipients: Sequence[RecipientInput] | None) -> list[Recipient]:
    return [_recipient(each, place) for place, each in enumerate(recipients or ())]


def _recipient(recipient: RecipientInput, place: int) -> Recipient:
    contact: UUID | None = None
    if _given(recipient.contact_id) is not None:
        contact = key_of(Kind.CONTACT, recipient.contact_id or "", "recipients", str(place), "contactId")
    return Recipient(contact, _given(recipient.email))


def _given(value: T | None) -> T | None:
    """None for what was left out too."""
    return None if value is UNSET else value
