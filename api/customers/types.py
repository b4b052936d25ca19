"""How a customer looks to callers."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Protocol, cast

import strawberry

from api.accounts.types import BusinessUnit, User
from api.activities.inputs import ActivityFilter
from api.audit.types import HistoryEntry
from api.customers import enums as _enums  # noqa: F401  declares the enums
from api.filters import to_rule
from api.fusion import present
from api.nodes import Node, id_field, node_type
from api.paging import Connection, connection
from api.scalars import CountryCode, CurrencyCode, EmailAddress, LanguageCode, Money, PhoneNumber, Url, money
from crm.activities.queries import timeline
from crm.audit.queries import history_of_customer
from crm.customers import models
from crm.customers.fields import CUSTOMER_FIELDS, FieldKind
from crm.customers.models import Consent, Phase, PickList, Stage, Status
from crm.invoices import queries as invoices
from crm.kernel.ids import Kind
from crm.segments import queries as segments

if TYPE_CHECKING:
    from api.activities.types import Activity
    from api.contacts.types import Contact
    from api.invoices.entity_types import LegalEntity
    from api.invoices.types import CustomerBalance, Invoice
    from api.segments.types import Segment, SegmentMembership


@node_type(model=models.PickListItem, description="A choice of a pick list.")
class PickListItem(Node):
    id: strawberry.ID = id_field(Kind.PICK_LIST_ITEM)
    list: PickList = strawberry.field(description="The list it belongs to.")
    name: str = strawberry.field(description="Its name, unique among the list's choices in use.")
    position: int = strawberry.field(description="Its place in the list, 0 the first.")
    status: Status | None = strawberry.field(
        description="What a STATUS_LABEL stands for; null for the others."
    )
    archived_at: datetime | None = strawberry.field(
        description="When it was taken out of use: customers that have it keep it, nobody else may choose it."
    )
    version: int = strawberry.field(description="Grows with every change.")
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")


@strawberry.type(description="A postal address.")
class Address:
    building: str | None = strawberry.field(description="Building, floor or suite.")
    street: str | None = strawberry.field(description="Street and number.")
    city: str | None = strawberry.field(description="City or town.")
    state: str | None = strawberry.field(description="State, region or province.")
    postcode: str | None = strawberry.field(description="Postcode, as written in its country.")
    country: CountryCode | None = strawberry.field(description="Country.")


@strawberry.type(description="What a customer gets off each invoice: a percentage or an amount.")
class Discount:
    percent: Decimal | None = strawberry.field(description="Percent, 0 to 100.")
    amount: Money | None = strawberry.field(description="A fixed amount.")


@strawberry.type(description="Whether a customer agreed to marketing.")
class MarketingConsent:
    state: Consent = strawberry.field(description="What is known.")
    at: datetime | None = strawberry.field(description="When it was noted.")
    by: User | None = strawberry.field(description="Who noted it.")


@strawberry.type(description="Why a customer gets no new invoices, sends or portal logins.")
class Block:
    at: datetime = strawberry.field(description="When it was blocked.")
    reason: str = strawberry.field(description="Why.")
    by: User | None = strawberry.field(description="Who did it; null when Kith did.")


@strawberry.type(description="How a customer was lost.")
class Churn:
    at: datetime | None = strawberry.field(description="When.")
    reason: str = strawberry.field(description="Why.")


def _pick(description: str) -> PickListItem | None:
    return cast("PickListItem | None", strawberry.field(description=description))


def _text(description: str) -> str | None:
    return cast("str | None", strawberry.field(description=description))


def _day(description: str) -> date | None:
    return cast("date | None", strawberry.field(description=description))


class _Discounted(Protocol):
    """Whatever can have a discount."""

    discount_percent: Decimal | None
    discount_amount: Decimal | None
    currency: str


def discount_of(row: _Discounted) -> Discount | None:
    """The discount as it was given; None for nothing."""
    given = (row.discount_percent, row.discount_amount)
    return present(
        given,
        lambda: Discount(percent=row.discount_percent, amount=money(row.discount_amount, row.currency)),
    )


@node_type(
    model=models.Customer,
    description="A company or person the organisation does, or wants to do, business with.",
)
class Customer(Node):
    id: strawberry.ID = id_field(Kind.CUSTOMER)
    unit: BusinessUnit = strawberry.field(description="The business unit it belongs to.")
    name: str = strawberry.field(description="Name, at most 200 characters.")
    email: EmailAddress = strawberry.field(description="The customer's own e-mail address.")
    phone: PhoneNumber | None = strawberry.field(description="Telephone number.")
    fax: PhoneNumber | None = strawberry.field(description="Fax number.")
    website: Url | None = strawberry.field(description="Web address.")
    description: str | None = _text("Anything worth knowing, as plain text.")
    stage: Stage = strawberry.field(description="Where it stands in the sales pipeline.")
    status: Status = strawberry.field(description="How the relationship stands.")
    status_label: PickListItem | None = _pick("A finer word for the status.")
    customer_group: PickListItem | None = _pick("The group it is sorted into.")
    industry: PickListItem | None = _pick("What it lives on.")
    source: PickListItem | None = _pick("How it came to us.")
    service_provision: PickListItem | None = _pick("What service it gets.")
    account_manager: User | None = strawberry.field(description="Who is responsible for it.")
    service_manager: User | None = strawberry.field(description="Who looks after its service.")
    billing_same: bool = strawberry.field(description="Whether it is billed at its main address.")
    registration_number: str | None = _text("Number in the company register.")
    vat_id: str | None = _text("VAT or tax id.")
    account_number: str | None = _text("Our number for it; unique in its business unit.")
    external_id: str | None = _text("Its id in another system; unique in its business unit.")
    contract_start: date | None = _day("First day of the contract.")
    contract_end: date | None = _day("Last day of the contract.")
    contract_review: date | None = _day("When the contract is looked at again; within it.")
    probability: int | None = strawberry.field(
        description="How likely it becomes a customer, 0 to 100 percent."
    )
    currency: CurrencyCode = strawberry.field(description="The currency it is billed in.")
    tax_rate: Decimal | None = strawberry.field(
        description="Default tax rate of its invoices, 0 to 100 percent."
    )
    payment_terms_days: int | None = strawberry.field(description="Days until its invoices are due.")
    legal_entity: Annotated["LegalEntity", strawberry.lazy("api.invoices.entity_types")] | None = (
        strawberry.field(
            description="The legal entity that bills it; the caller of `createInvoice` chooses while null."
        )
    )
    language: LanguageCode = strawberry.field(description="The language we write to it in.")
    tags: list[str] = strawberry.field(description="Tags, in the order they were given.")
    live_since: datetime | None = strawberry.field(description="When it went LIVE: customer since.")
    archived_at: datetime | None = strawberry.field(
        description="When it was archived; lists leave it out since."
    )
    last_activity_at: datetime | None = strawberry.field(
        description="When the latest activity with it took place."
    )
    version: int = strawberry.field(description="Grows with every change; pass it as `expectedVersion`.")
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    created_by: User | None = strawberry.field(description="Who created it; null when Kith did.")
    updated_by: User | None = strawberry.field(description="Who last changed it; null when Kith did.")

    @strawberry.field(description="The main address.")
    def address(self) -> Address:
        row = cast("models.Customer", self)
        return Address(
            building=row.address_building,
            street=row.address_street,
            city=row.address_city,
            state=row.address_state,
            postcode=row.address_postcode,
            country=cast("CountryCode | None", row.address_country),
        )

    @strawberry.field(description="Where invoices go; the main address while `billingSame`.")
    def billing_address(self) -> Address:
        row = cast("models.Customer", self)
        return Address(
            building=row.billing_building,
            street=row.billing_street,
            city=row.billing_city,
            state=row.billing_state,
            postcode=row.billing_postcode,
            country=cast("CountryCode | None", row.billing_country),
        )

    @strawberry.field(description="What the contract is worth.")
    def contract_value(self) -> Money | None:
        row = cast("models.Customer", self)
        return money(row.contract_value, row.currency)

    @strawberry.field(
        description="What it gets off each invoice unless that says otherwise; null for nothing."
    )
    def discount(self) -> Discount | None:
        row = cast("models.Customer", self)
        return discount_of(row)

    @strawberry.field(description="Whether it agreed to marketing.")
    def consent(self) -> MarketingConsent:
        row = cast("models.Customer", self)
        return MarketingConsent(state=row.consent, at=row.consent_at, by=cast("User | None", row.consent_by))

    @strawberry.field(description="Why it gets no new invoices; null while it is not blocked.")
    def blocked(self) -> Block | None:
        row = cast("models.Customer", self)
        return present(
            row.blocked_at,
            lambda: Block(
                at=cast("datetime", row.blocked_at),
                reason=cast("str", row.blocked_reason),
                by=cast("User | None", row.blocked_by),
            ),
        )

    @strawberry.field(description="How it was lost; null unless its status is CHURNED.")
    def churned(self) -> Churn | None:
        row = cast("models.Customer", self)
        return present(
            row.churn_reason, lambda: Churn(at=row.churned_at, reason=cast("str", row.churn_reason))
        )

    @strawberry.field(description="The kinds of invoices it may get; none means every kind.")
    def invoice_types(self) -> list[PickListItem]:
        row = cast("models.Customer", self)
        return cast("list[PickListItem]", row.invoice_types.all().order_by("position", "name"))

    @connection(description="The people who work there, the primary contact first.")
    def contacts(self) -> Connection[Annotated["Contact", strawberry.lazy("api.contacts.types")]]:
        row = cast("models.Customer", self)
        found = row.contacts.order_by("-is_primary", "name", "id")
        return cast("Connection[Contact]", found)

    @strawberry.field(description="Whom we write to; null while it has no contacts.")
    def primary_contact(self) -> Annotated["Contact", strawberry.lazy("api.contacts.types")] | None:
        row = cast("models.Customer", self)
        return cast("Contact | None", row.contacts.filter(is_primary=True).first())

    @connection(description="What was done with and for it, newest first.")
    def activities(
        self,
        filter: Annotated[
            ActivityFilter | None, strawberry.argument(description="Conditions they meet.")
        ] = None,
        search: Annotated[
            str | None, strawberry.argument(description="Words to find in title or description.")
        ] = None,
    ) -> Connection[Annotated["Activity", strawberry.lazy("api.activities.types")]]:
        row = cast("models.Customer", self)
        rule = to_rule(filter) if filter else None
        return cast("Connection[Activity]", timeline(row.activities.all(), rule=rule, search=search))

    @connection(description="The segments of its unit it is in now, by name.")
    def segments(self) -> Connection[Annotated["Segment", strawberry.lazy("api.segments.types")]]:
        row = cast("models.Customer", self)
        return cast("Connection[Segment]", segments.segments_of_customer(row.id))

    @connection(description="Its stays in segments of its unit, latest first.")
    def memberships(
        self,
        current: Annotated[bool, strawberry.argument(description="false: past stays as well.")] = True,
    ) -> Connection[Annotated["SegmentMembership", strawberry.lazy("api.segments.types")]]:
        row = cast("models.Customer", self)
        stays = segments.memberships_of_customer(row.id, current=current)
        return cast("Connection[SegmentMembership]", stays)

    @connection(description="Its invoices, drafts included, newest first.")
    def invoices(self) -> Connection[Annotated["Invoice", strawberry.lazy("api.invoices.types")]]:
        row = cast("models.Customer", self)
        return cast("Connection[Invoice]", invoices.of_customer(row.id))

    @strawberry.field(
        description="What it was invoiced and owes, by currency; empty before its first invoice."
    )
    def balances(self) -> list[Annotated["CustomerBalance", strawberry.lazy("api.invoices.types")]]:
        row = cast("models.Customer", self)
        return cast("list[CustomerBalance]", invoices.balances_of(row.id))

    @connection(
        description="What was done to it, its contacts and its invoices in its business unit, newest first. What was done in another, before it moved, is in `history`."
    )
    def history(self) -> Connection[HistoryEntry]:
        row = cast("models.Customer", self)
        return cast("Connection[HistoryEntry]", history_of_customer(row.id, row.unit_id))


@strawberry.type(description="A field of a customer that can be set: by the API, and by imports.")
class CustomerField:
    name: str = strawberry.field(description="Its place in the inputs, such as `address.city`.")
    label: str = strawberry.field(description="Its name for people.")
    kind: FieldKind = strawberry.field(description="What it holds.")
    max_length: int | None = strawberry.field(description="The most characters it takes, for text.")
    pick_list: PickList | None = strawberry.field(description="The pick list its choices come from.")
    required_from: Phase | None = strawberry.field(
        description="From when every customer must have it; admins may require more, see `requiredFields`."
    )
    requirable: bool = strawberry.field(description="Whether an admin may require it.")


@node_type(model=models.RequiredField, description="A field that an admin requires beyond the built-in ones.")
class RequiredField:
    phase: Phase = strawberry.field(description="From when it must have a value.")

    @strawberry.field(description="Its place in the inputs, such as `address.city`; see `customerFields`.")
    def field(self) -> str:
        return CUSTOMER_FIELDS[cast("models.RequiredField", self).field].name
