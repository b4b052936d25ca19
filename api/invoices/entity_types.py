"""How legal entities look to callers."""

from datetime import datetime
from typing import cast

import strawberry

from api.customers.types import Address
from api.invoices import enums as _enums  # noqa: F401  declares the enums
from api.nodes import Node, id_field, node_type
from api.scalars import CountryCode, CurrencyCode, EmailAddress, LanguageCode, PhoneNumber, Url
from crm.invoices import models
from crm.invoices.entities import logo_link
from crm.invoices.models import DocumentKind
from crm.kernel.ids import Kind


@node_type(model=models.NumberSeries, description="How a legal entity numbers one kind of document.")
class NumberSeries(Node):
    id: strawberry.ID = id_field(Kind.NUMBER_SERIES)
    kind: DocumentKind = strawberry.field(description="The kind of document.")
    pattern: str = strawberry.field(
        description="Such as `INV-{year}-{seq:5}`: `{year}`, `{yy}`, `{month}`, `{entity}` and `{seq}`, which starts again each year."
    )


@node_type(
    model=models.EmailTemplate,
    description="A legal entity's own words, in one language, for the e-mails its invoices travel in.",
)
class EmailTemplate(Node):
    id: strawberry.ID = id_field(Kind.EMAIL_TEMPLATE)
    language: LanguageCode = strawberry.field(description="The language it is written in.")
    subject: str = strawberry.field(description="Subject line, with placeholders such as `{number}`.")
    body: str = strawberry.field(description="Plain text, with placeholders; the HTML part is made from it.")
    version: int = strawberry.field(description="Grows with every change.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")


@strawberry.type(description="Where to pay.")
class BankAccount:
    name: str | None = strawberry.field(description="The bank.")
    iban: str | None = strawberry.field(description="IBAN, without spaces.")
    bic: str | None = strawberry.field(description="BIC.")


@node_type(model=models.LegalEntity, description="A company of the organisation that issues invoices.")
class LegalEntity(Node):
    id: strawberry.ID = id_field(Kind.LEGAL_ENTITY)
    name: str = strawberry.field(description="Registered name; unique among those not archived.")
    code: str | None = strawberry.field(description="What `{entity}` stands for in number patterns.")
    registration_number: str | None = strawberry.field(description="Number in the company register.")
    vat_id: str | None = strawberry.field(description="VAT or tax id.")
    email: EmailAddress | None = strawberry.field(
        description="Shown on invoices, and their e-mails' sender; without one, the server's own address is."
    )
    phone: PhoneNumber | None = strawberry.field(description="Telephone number shown on invoices.")
    website: Url | None = strawberry.field(description="Web address shown on invoices.")
    payment_instructions: str | None = strawberry.field(description="How to pay, in its own words.")
    footer: str | None = strawberry.field(description="Small print at the foot of invoices.")
    currency: CurrencyCode = strawberry.field(description="Default currency of its invoices.")
    language: LanguageCode = strawberry.field(description="Default language of its invoices.")
    time_zone: str = strawberry.field(
        description="IANA time zone, in which its days begin and invoices fall due, such as `Europe/Berlin`."
    )
    payment_terms_days: int = strawberry.field(description="Days until its invoices are due, by default.")
    archived_at: datetime | None = strawberry.field(
        description="When it was archived; it issues nothing since."
    )
    version: int = strawberry.field(description="Grows with every change; pass it as `expectedVersion`.")
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")

    @strawberry.field(description="Its address, shown on invoices.")
    def address(self) -> Address:
        row = cast("models.LegalEntity", self)
        return Address(
            building=row.address_building,
            street=row.address_street,
            city=row.address_city,
            state=row.address_state,
            postcode=row.address_postcode,
            country=CountryCode(row.address_country),
        )

    @strawberry.field(description="Where its invoices are paid.")
    def bank(self) -> BankAccount:
        row = cast("models.LegalEntity", self)
        return BankAccount(name=row.bank_name, iban=row.iban, bic=row.bic)

    @strawberry.field(description="A link to its logo that works for ten minutes; null without a logo.")
    def logo_url(self) -> Url | None:
        return cast("Url | None", logo_link(cast("models.LegalEntity", self)))

    @strawberry.field(description="How it numbers its documents.")
    def number_series(self) -> list[NumberSeries]:
        row = cast("models.LegalEntity", self)
        return cast("list[NumberSeries]", row.number_series.order_by("kind"))

    @strawberry.field(
        description="Its own words for e-mails, by language; in any other language the built-in ones are used."
    )
    def email_templates(self) -> list[EmailTemplate]:
        row = cast("models.LegalEntity", self)
        return cast("list[EmailTemplate]", row.email_templates.order_by("language"))
