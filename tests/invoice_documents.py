"""Invoices as they are printed, of any length, reckoned by the real rules; and ways to look at a PDF."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Any

from PIL import Image
from pypdf import PdfReader

from crm.documents.addresses import PostalAddress
from crm.documents.invoice import BankAccount, Buyer, DocumentLine, DocumentTax, InvoiceDocument, Seller
from crm.invoices.lines import Discount, LineInput
from crm.invoices.totals import totals_of

SELLER = Seller(
    name="Lindqvist & Sons Wholesale GmbH",
    address=PostalAddress(street="Speicherstraße 12", city="Hamburg", postcode="20457", country="DE"),
    registration_number="HRB 123456 Hamburg",
    vat_id="DE123456789",
    email="billing@lindqvist.example",
    phone="+49 40 1234560",
    website="www.lindqvist.example",
    bank=BankAccount(
        holder="Lindqvist & Sons", bank="Hansebank", iban="DE89370400440532013000", bic="HASPDEHHXXX"
    ),
    footer="Managing directors: Anna Becker, Jonas Lund.",
)
BUYER = Buyer(
    name="Brasserie du Port SARL",
    contact="Hélène Martin",
    address=PostalAddress(street="4 quai des Belges", city="Marseille", postcode="13001", country="FR"),
    vat_id="FR40303265045",
)


def make_document(
    lines: int | Sequence[LineInput] = 3, *, discount: Discount | None = None, **changes: Any
) -> InvoiceDocument:
    inputs = [_line(place) for place in range(1, lines + 1)] if isinstance(lines, int) else list(lines)
    currency = changes.pop("currency", "EUR")
    totals = totals_of(inputs, currency=currency, discount=discount)
    document = InvoiceDocument(
        currency=currency,
        language="en",
        number="INV-2026-00042",
        issue_date=date(2026, 11, 21),
        due_date=date(2026, 12, 21),
        delivery_date=date(2026, 11, 18),
        customer_reference="PO 4711",
        order_number="SO-99812",
        seller=SELLER,
        buyer=BUYER,
        lines=tuple(
            DocumentLine(
                description=line.description,
                quantity=line.quantity,
                unit=line.unit,
                unit_price=line.unit_price,
                tax_category=line.tax_category,
                tax_rate=line.tax_rate,
                net=total.net,
                discount=total.discount,
                discount_percent=line.discount.percent if line.discount else None,
            )
            for line, total in zip(inputs, totals.lines, strict=True)
        ),
        taxes=tuple(
            DocumentTax(category=group.category, rate=group.rate, base=group.base, tax=group.tax)
            for group in totals.groups
        ),
        lines_net=totals.lines_net,
        discount=totals.discount,
        discount_percent=discount.percent if discount else None,
        net=totals.net,
        tax=totals.tax,
        gross=totals.gross,
        due=totals.gross,
        notes="Goods remain our property until paid in full.",
    )
    return replace(document, **changes)


def _line(place: int) -> LineInput:
    description = f"Article {place:04}" + (
        ", with a description that runs over two lines" if place % 5 == 0 else ""
    )
    rate = Decimal(7) if place % 3 == 0 else Decimal(19)
    off = Discount(percent=Decimal("12.5")) if place % 7 == 0 else None
    return LineInput(description, Decimal(place), Decimal("9.95"), rate, unit="XBX", discount=off)


def read_pages(pdf: bytes) -> list[str]:
    """The text of each page, as a reader would copy it."""
    return [page.extract_text() for page in PdfReader(BytesIO(pdf)).pages]


def make_logo(kind: str = "PNG", size: tuple[int, int] = (300, 100)) -> bytes:
    picture = BytesIO()
    Image.new("RGB", size, "#1d4f73").save(picture, kind)
    return picture.getvalue()
