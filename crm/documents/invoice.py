"""An invoice as it is printed: everything on the page, and nothing that has to be looked up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from crm.documents.addresses import PostalAddress


class DocumentKind(StrEnum):
    INVOICE = "INVOICE"


class Paper(StrEnum):
    A4 = "a4"
    LETTER = "us-letter"


@dataclass(frozen=True, slots=True, kw_only=True)
class BankAccount:
    holder: str | None = None
    bank: str | None = None
    iban: str | None = None
    bic: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """The legal entity as it was at issue. `logo` is a PNG, JPEG or WebP picture."""

    name: str
    address: PostalAddress
    registration_number: str | None = None
    vat_id: str | None = None
    email: str | None = None
    phone: str | None = None
    website: str | None = None
    bank: BankAccount = field(default_factory=BankAccount)
    payment_instructions: str | None = None
    footer: str | None = None
    logo: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    name: str
    address: PostalAddress
    contact: str | None = None
    vat_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLine:
    """`unit` is a UN/ECE Recommendation 20 code; `tax_category` one of UNCL5305; `net` is after `discount`."""

    description: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    tax_category: str
    tax_rate: Decimal
    net: Decimal
    discount_percent: Decimal | None = None
    discount: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentTax:
    """One row of the tax table: `tax` on `base` at `rate` per cent."""

    category: str
    rate: Decimal
    base: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceDocument:
    """What an invoice says. Amounts are in `currency` (ISO 4217), `language` is a BCP 47 tag.

    Only a draft may lack its number and issue date. `payment_terms` replaces the sentence that asks for
    payment by the due date. `payment_reference` is the number unless given.
    """

    currency: str
    language: str
    seller: Seller
    buyer: Buyer
    lines: tuple[DocumentLine, ...]
    taxes: tuple[DocumentTax, ...]
    lines_net: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal
    due: Decimal
    discount_percent: Decimal | None = None
    discount: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    kind: DocumentKind = DocumentKind.INVOICE
    number: str | None = None
    issue_date: date | None = None
    due_date: date | None = None
    delivery_date: date | None = None
    customer_reference: str | None = None
    order_number: str | None = None
    payment_terms: str | None = None
    payment_reference: str | None = None
    notes: str | None = None
    paper: Paper = Paper.A4


_JSON = TypeAdapter(InvoiceDocument)


def freeze(document: InvoiceDocument) -> dict[str, Any]:
    """The document as JSON values to be kept; the logo is not among them, as pictures are kept elsewhere."""
    frozen: dict[str, Any] = _JSON.dump_python(document, mode="json", exclude={"seller": {"logo"}})
    return frozen


def thaw(frozen: Mapping[str, Any], *, logo: bytes | None = None) -> InvoiceDocument:
    """The very document that was frozen, given its logo again."""
    return _JSON.validate_python({**frozen, "seller": {**frozen["seller"], "logo": logo}})
