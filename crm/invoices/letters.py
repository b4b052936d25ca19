"""The words of the e-mail an invoice travels in: templates with placeholders, and what fills them. Pure.

mail_template.py lays them out.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from crm.documents.formats import Formats
from crm.documents.labels import language_of
from crm.invoices.models import Invoice
from crm.invoices.parties import Parties
from crm.kernel.errors import Problem

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class Placeholder(StrEnum):
    NUMBER = "number"
    SELLER = "seller"
    CUSTOMER = "customer"
    CONTACT = "contact"
    TOTAL = "total"
    ISSUE_DATE = "issueDate"
    DUE_DATE = "dueDate"
    REFERENCE = "reference"


PLACEHOLDERS: Mapping[Placeholder, str] = MappingProxyType(
    {
        Placeholder.NUMBER: "the invoice's number",
        Placeholder.SELLER: "the legal entity that issued it",
        Placeholder.CUSTOMER: "the customer's name",
        Placeholder.CONTACT: "the recipient's name, or the customer's where it is not known",
        Placeholder.TOTAL: "the gross total with its currency",
        Placeholder.ISSUE_DATE: "the day of issue",
        Placeholder.DUE_DATE: "the day by which to pay",
        Placeholder.REFERENCE: "the customer's reference, which may be empty",
    }
)


@dataclass(frozen=True, slots=True)
class Letter:
    """Subject and body, with placeholders or filled in."""

    subject: str
    body: str


_DEFAULTS: Mapping[str, Letter] = MappingProxyType(
    {
        "en": Letter(
            "Invoice {number} from {seller}",
            "Dear {contact},\n\n"
            "Please find attached invoice {number} of {issueDate} for {total}, due on {dueDate}.\n\n"
            "Thank you for your business.\n\n{seller}",
        ),
        "de": Letter(
            "Rechnung {number} von {seller}",
            "Guten Tag {contact},\n\n"
            "anbei erhalten Sie die Rechnung {number} vom {issueDate} über {total}, fällig am {dueDate}.\n\n"
            "Vielen Dank für Ihren Auftrag.\n\n{seller}",
        ),
        "fr": Letter(
            "Facture {number} de {seller}",
            "Bonjour {contact},\n\n"
            "Veuillez trouver ci-joint la facture {number} du {issueDate} d’un montant de {total}, "
            "à régler avant le {dueDate}.\n\n"
            "Nous vous remercions de votre confiance.\n\n{seller}",
        ),
        "es": Letter(
            "Factura {number} de {seller}",
            "Hola, {contact}:\n\n"
            "Adjuntamos la factura {number} del {issueDate} por un importe de {total}, "
            "con vencimiento el {dueDate}.\n\n"
            "Gracias por su confianza.\n\n{seller}",
        ),
    }
)


def default_letter(language: str) -> Letter:
    """The words used where a legal entity has none of its own for a BCP 47 language."""
    return _DEFAULTS[language_of(language)]


def letter_problems(letter: Letter) -> Iterator[Problem]:
    """Placeholders nobody fills, and braces without a partner."""
    for path, text in (("subject", letter.subject), ("body", letter.body)):
        for name in _PLACEHOLDER.findall(text):
            if name not in PLACEHOLDERS:
                known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
                yield Problem((path,), "PLACEHOLDER_UNKNOWN", f"{{{name[:40]}}} is not known. Use {known}.")
        if set("{}") & set(_PLACEHOLDER.sub("", text)):
            yield Problem((path,), "BRACE_UNMATCHED", "A brace has no partner.")


def filled(letter: Letter, facts: Mapping[Placeholder, str]) -> Letter:
    """The letter as it is sent. What fills a placeholder is never read for placeholders itself."""

    def fact(match: re.Match[str]) -> str:
        return facts[Placeholder(match[1])]

    subject = " ".join(_PLACEHOLDER.sub(fact, letter.subject).split())
    return Letter(subject, _PLACEHOLDER.sub(fact, letter.body))


def facts_of(invoice: Invoice, parties: Parties, contact: str) -> dict[Placeholder, str]:
    """What an issued invoice says of itself, in its own language, to the recipient of this name."""
    formats = Formats.of(invoice.language, invoice.currency)
    customer: str = parties["buyer"]["name"]
    return {
        Placeholder.NUMBER: invoice.number or "",
        Placeholder.SELLER: parties["seller"]["name"],
        Placeholder.CUSTOMER: customer,
        Placeholder.CONTACT: contact or customer,
        Placeholder.TOTAL: formats.money(Decimal(invoice.gross_total)),
        Placeholder.ISSUE_DATE: formats.day(invoice.issue_date) if invoice.issue_date else "",
        Placeholder.DUE_DATE: formats.day(invoice.due_date) if invoice.due_date else "",
        Placeholder.REFERENCE: invoice.customer_reference or "",
    }
