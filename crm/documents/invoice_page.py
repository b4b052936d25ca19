"""From an invoice to the words on its pages. The template only puts in place what is made here."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import accumulate
from typing import TypeAlias

from crm.documents.addresses import address_lines
from crm.documents.fonts import families_for
from crm.documents.formats import Formats
from crm.documents.invoice import DocumentLine, InvoiceDocument
from crm.documents.labels import Labels, labels_for, language_of
from crm.documents.logo import picture_of
from crm.documents.text import (
    LONGEST_RUN,
    LONGEST_RUN_OF_OURS,
    clipped,
    is_right_to_left,
    one_line,
    paragraphs,
)
from crm.documents.units import unit_name

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
Row: TypeAlias = tuple[str, str]

# Where letters customarily show the address on the right.
_WINDOW_ON_THE_RIGHT = frozenset({"ES", "FR", "IT"})
_TIED_LINES = 2  # lines that stay on one page with the totals
_LONGEST_TIED = 400  # characters; a longer line may need a page of its own
_LONGEST_HEAD = 60  # characters of the buyer's name at the head of later pages
_LONGEST_FOOTNOTE = 900  # characters; the foot of the page must leave room for the page
_LONGEST_BOXED = 800  # characters of payment terms and instructions that are kept together
_MINUS = "\N{MINUS SIGN}"
_NO_BREAK = "\N{NO-BREAK SPACE}"
# A draft without a date still needs one in its file, and the same one every time.
_UNDATED = date(2000, 1, 1)


def invoice_page(document: InvoiceDocument, *, draft: bool) -> Mapping[str, JSON]:
    """Everything the template prints, in the reader's language, ready to be set."""
    labels = labels_for(document.language, seller_country=document.seller.address.country)
    formats = Formats.of(document.language, document.currency)
    dated = document.issue_date or _UNDATED
    number = one_line(document.number) if document.number else None
    return {
        "title": f"{labels.invoice} {number}" if number else labels.invoice,
        "author": one_line(document.seller.name),
        "date": (dated.year, dated.month, dated.day),
        "lang": language_of(document.language),
        "fonts": families_for(_all_text(document), document.buyer.address.country),
        "paper": document.paper.value,
        "draft": labels.draft if draft else None,
        "labels": _column_labels(labels, document.currency),
        "heading": labels.invoice,
        "number": number,
        "buyer-name": one_line(clipped(document.buyer.name, _LONGEST_HEAD)),
        **_letterhead(document, labels),
        "facts": _cleaned(_facts(document, labels, formats)),
        **_table(document, formats),
        "sums": tuple(_sums(document, labels, formats)),
        **_taxes(document, labels, formats),
        "payment": _payment(document, labels, formats),
        "notes": _said(document.notes),
        "footer": _footer(document, labels),
        "footnote": _said(clipped(document.seller.footer or "", _LONGEST_FOOTNOTE), LONGEST_RUN_OF_OURS),
        "page-words": tuple(re.split(r"\{pages?\}", labels.page)),
    }


def _said(text: str | None, longest_run: int = LONGEST_RUN) -> JSON:
    """Lines of text, each with whether it runs from right to left."""
    return [(line, is_right_to_left(line)) for line in paragraphs(text or "", longest_run)]


def _ours(text: str) -> str:
    return one_line(text, LONGEST_RUN_OF_OURS)


def _cleaned(rows: Iterator[tuple[str, str | None]]) -> list[Row]:
    """The rows that have something to say."""
    return [(name, one_line(value)) for name, value in rows if value and value.strip()]


def _all_text(document: InvoiceDocument) -> str:
    descriptions = (line.description for line in document.lines)
    return "\n".join((document.buyer.name, document.notes or "", *descriptions))


def _column_labels(labels: Labels, currency: str) -> Mapping[str, JSON]:
    return {
        "position": labels.position,
        "description": labels.description,
        "quantity": labels.quantity,
        "unit-price": labels.unit_price,
        "discount": labels.discount,
        "tax": labels.tax,
        "amount": f"{labels.amount}{_NO_BREAK}{one_line(currency)}",
        "carried-forward": labels.carried_forward,
        "brought-forward": labels.brought_forward,
        "tax-rate": labels.tax_rate,
        "tax-base": labels.tax_base,
        "tax-amount": labels.tax_amount,
    }


# ── Letterhead and facts ──


def _letterhead(document: InvoiceDocument, labels: Labels) -> Mapping[str, JSON]:
    seller, buyer = document.seller, document.buyer
    home, language = seller.address.country, document.language
    address = address_lines(seller.address, sent_from=buyer.address.country, language=language)
    reach = (f"{labels.phone} {seller.phone}" if seller.phone else "", seller.email, seller.website)
    buyer_lines = (
        buyer.name,
        buyer.contact or "",
        *address_lines(buyer.address, sent_from=home, language=language),
    )
    picture = picture_of(seller.logo) if seller.logo else None
    return {
        "logo": (picture.svg, picture.ratio) if picture else None,
        "window": "right" if home in _WINDOW_ON_THE_RIGHT else "left",
        "seller": {
            "name": one_line(seller.name),
            "lines": [_ours(line) for line in (*address, *reach) if line],
            "return-line": " · ".join(_ours(line) for line in (seller.name, *address[:2]) if line),
        },
        "buyer": _said("\n".join(one_line(line) for line in buyer_lines if line.strip())),
    }


def _facts(document: InvoiceDocument, labels: Labels, formats: Formats) -> Iterator[tuple[str, str | None]]:
    yield labels.number, document.number
    yield labels.issue_date, _day(document.issue_date, formats)
    yield labels.delivery_date, _day(document.delivery_date, formats)
    yield labels.due_date, _day(document.due_date, formats)
    yield labels.customer_reference, document.customer_reference
    yield labels.order_number, document.order_number
    yield labels.customer_vat_id, document.buyer.vat_id


def _day(value: date | None, formats: Formats) -> str | None:
    return formats.day(value) if value else None


# ── Lines ──


def _table(document: InvoiceDocument, formats: Formats) -> Mapping[str, JSON]:
    running = accumulate(line.net for line in document.lines)
    return {
        "with-discounts": any(line.discount for line in document.lines),
        "with-taxes": any(line.tax_category != "O" for line in document.lines),
        "tied": _tied(document.lines),
        "lines": [
            _line(place, line, formats.money(total), formats)
            for place, (line, total) in enumerate(zip(document.lines, running, strict=True), start=1)
        ],
    }


def _line(place: int, line: DocumentLine, carried: str, formats: Formats) -> JSON:
    return {
        "position": str(place),
        "description": _said(line.description),
        "quantity": formats.quantity(line.quantity),
        "unit": one_line(unit_name(line.unit, line.quantity, formats.locale.language)),
        "price": formats.price(line.unit_price),
        "discount": _line_discount(line, formats),
        "tax": _rate(line.tax_category, line.tax_rate, formats),
        "amount": formats.amount(line.net),
        "carried": carried,
    }


def _line_discount(line: DocumentLine, formats: Formats) -> str:
    if line.discount_percent:
        return _MINUS + formats.percent(line.discount_percent)
    return formats.amount(-line.discount) if line.discount else ""


def _rate(category: str, rate: Decimal, formats: Formats) -> str:
    return "\N{EN DASH}" if category == "O" else formats.percent(rate)


def _tied(lines: Sequence[DocumentLine]) -> int:
    """How many of the last lines keep the totals company; not those that may fill a page by themselves."""
    tied = 0
    for line in reversed(lines[-_TIED_LINES:]):
        if len(line.description) + 80 * line.description.count("\n") > _LONGEST_TIED:
            break
        tied += 1
    return tied


# ── Totals, taxes, payment ──


def _sums(document: InvoiceDocument, labels: Labels, formats: Formats) -> Iterator[tuple[str, str, str]]:
    money = formats.money
    if document.discount:
        share = f" {formats.percent(document.discount_percent)}" if document.discount_percent else ""
        yield labels.subtotal, money(document.lines_net), "plain"
        yield labels.document_discount + share, money(-document.discount), "plain"
    yield labels.net, money(document.net), "plain"
    only = document.taxes[0] if len(document.taxes) == 1 else None
    rate = f" {_rate(only.category, only.rate, formats)}" if only else ""
    yield labels.tax_total + rate, money(document.tax), "plain"
    yield labels.gross, money(document.gross), "grand"
    if document.paid:
        yield labels.paid, money(-document.paid), "plain"
        yield labels.due, money(document.due), "strong"


def _taxes(document: InvoiceDocument, labels: Labels, formats: Formats) -> Mapping[str, JSON]:
    categories = dict.fromkeys(tax.category for tax in document.taxes)
    return {
        "taxes": [
            (_rate(tax.category, tax.rate, formats), formats.amount(tax.base), formats.amount(tax.tax))
            for tax in document.taxes
        ],
        "tax-notes": [labels.tax_notes[category] for category in categories if category in labels.tax_notes],
    }


def _payment(document: InvoiceDocument, labels: Labels, formats: Formats) -> JSON:
    if document.due <= 0:
        terms = labels.settled if document.paid else ""
        return {"terms": _said(terms), "details": [], "instructions": [], "breakable": False}
    terms, instructions = payment_terms(document, labels, formats), document.seller.payment_instructions or ""
    return {
        "terms": _said(terms),
        "details": _cleaned(payment_details(document, labels)),
        "instructions": _said(instructions, LONGEST_RUN_OF_OURS),
        "breakable": len(terms) + len(instructions) > _LONGEST_BOXED,
    }


def payment_terms(document: InvoiceDocument, labels: Labels, formats: Formats) -> str:
    """The sentence that asks for what is due."""
    if document.payment_terms:
        return document.payment_terms
    amount = formats.money(document.due)
    if document.due_date:
        return labels.pay_by.format(amount=amount, date=formats.day(document.due_date))
    return labels.pay_now.format(amount=amount)


def payment_details(document: InvoiceDocument, labels: Labels) -> Iterator[tuple[str, str | None]]:
    """Where the money goes, and what to quote."""
    bank = document.seller.bank
    yield labels.account_holder, bank.holder
    yield labels.bank, bank.bank
    yield labels.iban, grouped(bank.iban or "")
    yield labels.bic, bank.bic
    yield labels.payment_reference, document.payment_reference or document.number


def grouped(iban: str) -> str:
    """An IBAN in groups of four, as ISO 13616 prints it, kept on one line."""
    bare = "".join(iban.split())
    return _NO_BREAK.join(bare[start : start + 4] for start in range(0, len(bare), 4))


def _footer(document: InvoiceDocument, labels: Labels) -> JSON:
    seller, bank = document.seller, document.seller.bank
    address = address_lines(
        seller.address, sent_from=document.buyer.address.country, language=document.language
    )
    registered = ((labels.registration_number, seller.registration_number), (labels.vat_id, seller.vat_id))
    banked = ((labels.iban, grouped(bank.iban or "")), (labels.bic, bank.bic))
    columns = (
        [seller.name, ", ".join(address)],
        [*(f"{name} {value}" for name, value in _cleaned(iter(registered))), seller.email, seller.website],
        [bank.bank, *(f"{name} {value}" for name, value in _cleaned(iter(banked)))],
    )
    said = [[_ours(line) for line in column if line] for column in columns]
    return [column for column in said if column]
