"""What callers send to set up legal entities."""

from typing import Any

import strawberry
from strawberry import UNSET
from strawberry.file_uploads import Upload

from api.customers.inputs import AddressInput
from api.invoices import enums as _enums  # noqa: F401  declares the enums
from api.mutations import provided
from api.scalars import CurrencyCode, EmailAddress, LanguageCode, PhoneNumber, Url
from crm.invoices.models import DocumentKind

_PLACEHOLDERS = (
    "`{number}`, `{seller}`, `{customer}`, `{contact}`, `{total}`, `{issueDate}`, `{dueDate}`, `{reference}`"
)
_PATTERN = (
    "Such as `INV-{year}-{seq:5}`, at most 60 characters: `{seq}` once (`{seq:5}` fills up with zeros), `{year}` or `{yy}`, "
    "and perhaps `{month}` and `{entity}`."
)


def _optional(description: str) -> Any:
    return strawberry.field(default=UNSET, description=description)


@strawberry.input(description="Where to pay. Parts left out stay as they are, null empties one.")
class BankAccountInput:
    name: str | None = _optional("The bank; at most 120 characters.")
    iban: str | None = _optional("IBAN, with or without spaces.")
    bic: str | None = _optional("BIC, 8 or 11 characters.")


@strawberry.input(description="The fields of a legal entity that may be left out.")
class LegalEntityFieldsInput:
    code: str | None = _optional("What `{entity}` stands for in number patterns; 1 to 12 letters and digits.")
    registration_number: str | None = _optional("Number in the company register; at most 60 characters.")
    vat_id: str | None = _optional("VAT or tax id; at most 30 characters.")
    email: EmailAddress | None = _optional(
        "Shown on invoices, and their e-mails' sender: the mail server must be allowed to send for its domain."
    )
    phone: PhoneNumber | None = _optional("Telephone number shown on invoices.")
    website: Url | None = _optional("Web address shown on invoices.")
    bank: BankAccountInput | None = _optional("Where its invoices are paid; null empties it.")
    payment_instructions: str | None = _optional("How to pay, in its own words; at most 2,000 characters.")
    footer: str | None = _optional("Small print at the foot of invoices; at most 2,000 characters.")
    language: LanguageCode | None = _optional("Default language of its invoices; `en` if never given.")
    time_zone: str | None = _optional(
        "IANA time zone in which its days begin and invoices fall due, such as `Europe/Berlin`; `UTC` if never given."
    )
    payment_terms_days: int | None = _optional(
        "Days until its invoices are due by default, 0 to 730; 30 if never given."
    )


@strawberry.input(description="A new legal entity.")
class CreateLegalEntityInput(LegalEntityFieldsInput):
    name: str = strawberry.field(description="Registered name, at most 200 characters; unique.")
    address: AddressInput = strawberry.field(description="Its address; the country is required.")
    currency: CurrencyCode = strawberry.field(description="Default currency of its invoices.")
    number_pattern: str | None = strawberry.field(
        default=None, description=f"How it numbers invoices; `INV-{{year}}-{{seq:5}}` if left out. {_PATTERN}"
    )


@strawberry.input(
    description="Changes to a legal entity: fields left out stay as they are, null empties one."
)
class UpdateLegalEntityInput(LegalEntityFieldsInput):
    id: strawberry.ID = strawberry.field(description="The legal entity.")
    expected_version: int = strawberry.field(
        description="The version you read; a newer one is answered with VersionConflict."
    )
    name: str | None = _optional("Registered name; cannot be emptied.")
    address: AddressInput | None = _optional("Its address; the country cannot be emptied.")
    currency: CurrencyCode | None = _optional("Default currency of its invoices; cannot be emptied.")


@strawberry.input(description="Names a legal entity.")
class LegalEntityInput:
    id: strawberry.ID = strawberry.field(description="The legal entity.")


@strawberry.input(description="A picture for the top of a legal entity's invoices.")
class SetEntityLogoInput:
    id: strawberry.ID = strawberry.field(description="The legal entity.")
    file: Upload = strawberry.field(
        description="A PNG, JPEG or WebP picture, at most 2 MB; judged by its content. It is encoded anew, 800 pixels at most."
    )


@strawberry.input(description="How a legal entity numbers a kind of document from now on.")
class SetNumberSeriesInput:
    legal_entity_id: strawberry.ID = strawberry.field(description="The legal entity.")
    kind: DocumentKind = strawberry.field(default=DocumentKind.INVOICE, description="The kind of document.")
    pattern: str = strawberry.field(description=f"{_PATTERN} The running number goes on where it was.")


@strawberry.input(
    description="A legal entity's own words for e-mails in one language, in place of any it had."
)
class SetEmailTemplateInput:
    legal_entity_id: strawberry.ID = strawberry.field(description="The legal entity.")
    language: LanguageCode = strawberry.field(
        description="The language; one without a region serves all its regions."
    )
    subject: str = strawberry.field(
        description=f"Subject line, at most 200 characters. Placeholders: {_PLACEHOLDERS}."
    )
    body: str = strawberry.field(
        description=f"Plain text, at most 10,000 characters; the HTML part is made from it. Placeholders: {_PLACEHOLDERS}."
    )


@strawberry.input(description="Names an e-mail template.")
class EmailTemplateInput:
    id: strawberry.ID = strawberry.field(description="The template.")


_ADDRESS = ("building", "street", "city", "state", "postcode", "country")
_BANK = {"name": "bank_name", "iban": "iban", "bic": "bic"}
_BESIDE = ("id", "expected_version", "number_pattern", "address", "bank")


def values_of(input: CreateLegalEntityInput | UpdateLegalEntityInput) -> dict[str, Any]:
    """The given fields as the service takes them: address and bank by their columns."""
    values = provided(input)
    parts: dict[str, Any] = {}
    if "address" in values:
        given = provided(values["address"]) if values["address"] else dict.fromkeys(_ADDRESS)
        parts |= {f"address_{name}": value for name, value in given.items()}
    if "bank" in values:
        given = provided(values["bank"]) if values["bank"] else dict.fromkeys(_BANK)
        parts |= {_BANK[name]: value for name, value in given.items()}
    return {name: value for name, value in values.items() if name not in _BESIDE} | parts
