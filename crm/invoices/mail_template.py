"""The e-mail an invoice travels in, laid out: the words somebody chose, and what the invoice comes to. Pure.

Both parts say the same. The HTML part needs no pictures, no style sheet and nothing from the network.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from crm.documents.addresses import address_lines
from crm.documents.formats import Formats
from crm.documents.invoice import InvoiceDocument
from crm.documents.invoice_page import payment_details
from crm.documents.labels import Labels, labels_for, language_of

Row = tuple[str, str]

# Control characters, and those that would change the direction in which an amount is read.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True, slots=True)
class EmailContent:
    """The two alternative parts of one message."""

    text: str
    html: str


def render_invoice_email(document: InvoiceDocument, body: str) -> EmailContent:
    """Lay out an issued invoice's e-mail in the document's language, around a finished body.

    `body` is plain text; blank lines part its paragraphs. Nothing in it or in the document is read as markup.
    """
    labels = labels_for(document.language, seller_country=document.seller.address.country)
    values = {
        "language": language_of(document.language),
        "title": f"{labels.invoice} {document.number or ''}".strip(),
        "seller": _plain(document.seller.name),
        "paragraphs": [part.split("\n") for part in re.split(r"\n{2,}", _plain(body).strip()) if part],
        "summary": _cleaned(_summary(document, labels)),
        "payment_heading": labels.payment,
        "payment": _cleaned(payment_details(document, labels)) if document.due > 0 else [],
        "instructions": _lines(document.seller.payment_instructions) if document.due > 0 else [],
        "imprint": _lines("\n".join(_imprint(document, labels))),
    }
    return EmailContent(
        text=_environment().get_template("mail_template.txt.j2").render(values),
        html=_environment().get_template("mail_template.html.j2").render(values),
    )


def _summary(document: InvoiceDocument, labels: Labels) -> Iterator[tuple[str, str | None]]:
    formats = Formats.of(document.language, document.currency)
    yield labels.number, document.number
    yield labels.issue_date, formats.day(document.issue_date) if document.issue_date else None
    yield labels.due_date, formats.day(document.due_date) if document.due_date else None
    yield labels.customer_reference, document.customer_reference
    yield labels.order_number, document.order_number
    if document.paid:
        yield labels.gross, formats.money(document.gross)
        yield labels.paid, formats.money(document.paid)
    # The last row is the one that stands out.
    yield (labels.due if document.paid else labels.gross), formats.money(document.due)


def _imprint(document: InvoiceDocument, labels: Labels) -> Iterator[str]:
    seller = document.seller
    address = address_lines(
        seller.address, sent_from=document.buyer.address.country, language=document.language
    )
    yield seller.name
    yield ", ".join(address)
    yield " · ".join(
        reach for reach in (f"{labels.phone} {seller.phone}" if seller.phone else None, seller.email) if reach
    )
    yield " · ".join(
        f"{name} {value}"
        for name, value in (
            (labels.registration_number, seller.registration_number),
            (labels.vat_id, seller.vat_id),
        )
        if value
    )
    yield seller.footer or ""


def _cleaned(rows: Iterator[tuple[str, str | None]]) -> list[Row]:
    return [(name, " ".join(_plain(value).split(" "))) for name, value in rows if value and value.strip()]


def _lines(text: str | None) -> list[str]:
    return [line for line in _plain(text or "").split("\n") if line.strip()]


def _plain(text: str) -> str:
    return _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
