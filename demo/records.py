"""The rows of the demo files. A field's `label` is its column heading; without one it is the field's name."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import JsonValue


class Stage(StrEnum):
    PROSPECT = "PROSPECT"
    WARM_LEAD = "WARM_LEAD"
    QUALIFIED = "QUALIFIED"
    PROPOSAL = "PROPOSAL"
    LIVE = "LIVE"


class Status(StrEnum):
    PROSPECT = "PROSPECT"
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    CHURNED = "CHURNED"


class InvoiceOutcome(StrEnum):
    """What the order's invoice has come to on the last day of the demo."""

    DRAFT = "DRAFT"
    SENT = "SENT"
    OVERDUE = "OVERDUE"
    PART_PAID = "PART_PAID"
    PAID = "PAID"
    VOID = "VOID"


class ImportOutcome(StrEnum):
    CREATED = "CREATED"
    UPDATED = "UPDATED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer with its primary contact, as one line of a file to import.

    Fields are named as the customer's attributes; the contact's carry the prefix `contact_`. Without a
    billing street the main address is the billing address. Tags are separated by commas.
    """

    account_number: str = field(metadata={"label": "Account number"})
    name: str = field(metadata={"label": "Company name"})
    email: str = field(metadata={"label": "E-mail"})
    phone: str | None = field(default=None, metadata={"label": "Phone"})
    fax: str | None = field(default=None, metadata={"label": "Fax"})
    website: str | None = field(default=None, metadata={"label": "Website"})
    description: str | None = field(default=None, metadata={"label": "Description"})
    unit: str = field(metadata={"label": "Business unit"})
    account_manager: str | None = field(default=None, metadata={"label": "Account manager"})
    industry: str = field(metadata={"label": "Industry"})
    customer_group: str = field(metadata={"label": "Customer group"})
    source: str = field(metadata={"label": "Source"})
    service_provision: str | None = field(default=None, metadata={"label": "Service provision"})
    address_building: str | None = field(default=None, metadata={"label": "Building"})
    address_street: str = field(metadata={"label": "Street"})
    address_city: str = field(metadata={"label": "City"})
    address_state: str | None = field(default=None, metadata={"label": "State"})
    address_postcode: str | None = field(default=None, metadata={"label": "Postcode"})
    address_country: str = field(metadata={"label": "Country"})
    billing_building: str | None = field(default=None, metadata={"label": "Billing building"})
    billing_street: str | None = field(default=None, metadata={"label": "Billing street"})
    billing_city: str | None = field(default=None, metadata={"label": "Billing city"})
    billing_state: str | None = field(default=None, metadata={"label": "Billing state"})
    billing_postcode: str | None = field(default=None, metadata={"label": "Billing postcode"})
    billing_country: str | None = field(default=None, metadata={"label": "Billing country"})
    registration_number: str | None = field(default=None, metadata={"label": "Registration number"})
    vat_id: str | None = field(default=None, metadata={"label": "VAT id"})
    contract_start: date | None = field(default=None, metadata={"label": "Contract start"})
    contract_end: date | None = field(default=None, metadata={"label": "Contract end"})
    contract_review: date | None = field(default=None, metadata={"label": "Contract review"})
    contract_value: Decimal | None = field(default=None, metadata={"label": "Contract value"})
    probability: int | None = field(default=None, metadata={"label": "Probability"})
    currency: str = field(metadata={"label": "Currency"})
    discount_percent: Decimal | None = field(default=None, metadata={"label": "Discount percent"})
    tax_rate: Decimal | None = field(default=None, metadata={"label": "Tax rate"})
    payment_terms_days: int | None = field(default=None, metadata={"label": "Payment terms (days)"})
    legal_entity: str = field(metadata={"label": "Legal entity"})
    language: str = field(metadata={"label": "Language"})
    tags: str | None = field(default=None, metadata={"label": "Tags"})
    consent: str = field(metadata={"label": "Marketing consent"})
    contact_name: str = field(metadata={"label": "Contact name"})
    contact_email: str = field(metadata={"label": "Contact e-mail"})
    contact_phone: str | None = field(default=None, metadata={"label": "Contact phone"})
    contact_title: str | None = field(default=None, metadata={"label": "Contact title"})
    contact_department: str | None = field(default=None, metadata={"label": "Contact department"})


@dataclass(frozen=True, slots=True)
class Person:
    """A further contact of a customer; the primary one stands in the customer's own line."""

    account_number: str
    name: str
    email: str
    phone: str | None = None
    title: str | None = None
    department: str | None = None
    handle: str | None = None
    consent: str = "UNKNOWN"
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """`unit` is a UN/ECE code; price and tax are those of the German legal entity, net of tax."""

    sku: str
    name: str
    description: str
    category: str
    unit: str
    price: Decimal
    currency: str
    tax_category: str
    tax_rate: Decimal


@dataclass(frozen=True, slots=True)
class Order:
    """At most one of the two document discounts is given; the amount is in the order's currency."""

    order_number: str
    order_date: date
    account_number: str
    currency: str
    customer_reference: str | None = None
    discount_percent: Decimal | None = None
    discount_amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OrderLine:
    """`unit_price` is net, in the order's currency; `tax_category` a UNCL5305 code, `tax_rate` in percent."""

    order_number: str
    line_number: int
    sku: str
    description: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    tax_category: str
    tax_rate: Decimal
    discount_percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    account_number: str
    type: str
    title: str
    occurred_at: datetime
    staff_email: str
    description: str | None = None
    duration_minutes: int | None = None
    outcome: str | None = None
    contact_email: str | None = None


@dataclass(frozen=True, slots=True)
class StaffMember:
    """`business_units` are names, separated by `|`."""

    email: str
    name: str
    role: str
    business_units: str
    language: str

    @property
    def units(self) -> tuple[str, ...]:
        return tuple(self.business_units.split("|"))


@dataclass(frozen=True, slots=True)
class Segment:
    """Dynamic with a `rule` (the shared customer filter), static with `members` (account numbers)."""

    name: str
    type: str
    description: str
    unit: str | None = None
    rule: dict[str, JsonValue] | None = None
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BusinessUnit:
    name: str
    time_zone: str
    countries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LegalEntity:
    """`units` are the business units whose customers it bills."""

    name: str
    address_street: str
    address_city: str
    address_postcode: str
    address_country: str
    registration_number: str
    vat_id: str
    email: str
    phone: str
    website: str
    bank_name: str
    account_holder: str
    iban: str
    bic: str
    payment_instructions: str
    footer: str
    currency: str
    language: str
    time_zone: str
    payment_terms_days: int
    number_pattern: str
    units: tuple[str, ...]
    address_building: str | None = None
    address_state: str | None = None


@dataclass(frozen=True, slots=True)
class StatusLabel:
    name: str
    status: Status


@dataclass(frozen=True, slots=True)
class Company:
    """The demo's own organisation. `pick_lists` maps a list's name to its entries in order."""

    name: str
    business: str
    website: str
    business_units: tuple[BusinessUnit, ...]
    legal_entities: tuple[LegalEntity, ...]
    pick_lists: dict[str, tuple[str, ...]]
    status_labels: tuple[StatusLabel, ...]

    def unit_of(self, country: str) -> BusinessUnit:
        return next(unit for unit in self.business_units if country in unit.countries)

    def entity_of(self, country: str) -> LegalEntity:
        name = self.unit_of(country).name
        return next(entity for entity in self.legal_entities if name in entity.units)


@dataclass(frozen=True, slots=True)
class CustomerPlan:
    """Where a customer stands at the end; blocking and churning come after its invoices."""

    account_number: str
    stage: Stage
    status: Status
    status_label: str
    blocked_reason: str | None = None
    churn_reason: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedPayment:
    """`share` is the part of the gross total paid that day; None pays all that is still due."""

    paid_on: date
    method: str
    reference: str
    share: Decimal | None = None


@dataclass(frozen=True, slots=True)
class InvoicePlan:
    """What becomes of an order's invoice. A draft has no `issued_on`; no outcome but VOID has a reason."""

    order_number: str
    outcome: InvoiceOutcome
    issued_on: date | None = None
    payments: tuple[PlannedPayment, ...] = ()
    void_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """`anchor` is the day the files were written for: the date of the last order."""

    anchor: date
    customers: tuple[CustomerPlan, ...]
    invoices: tuple[InvoicePlan, ...]


@dataclass(frozen=True, slots=True)
class ExpectedRow:
    """What importing one row of the messy file must do; `line` is the physical line it begins on.

    The three outcomes are those of the duplicate rules SKIP, UPDATE and CREATE_NEW, by e-mail, with
    `customers.csv` imported before. `column` is the heading at fault when the row fails.
    """

    line: int
    skip: ImportOutcome
    update: ImportOutcome
    create_new: ImportOutcome
    why: str
    column: str | None = None


@dataclass(frozen=True, slots=True)
class MessyExpectation:
    """`mapping` leads from the messy file's headings to attributes of a customer."""

    encoding: str
    delimiter: str
    mapping: dict[str, str]
    rows: tuple[ExpectedRow, ...]
