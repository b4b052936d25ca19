"""The shared customer filter and the orders of a list, as inputs. `crm.customers.filters` is what they mirror."""

from enum import StrEnum
from typing import Any

import strawberry
from strawberry import UNSET

from api.activities import types as _activities  # noqa: F401  declares the enums
from api.customers import enums as _enums  # noqa: F401  declares the enums
from api.enums import describe
from api.filters import (
    BooleanFilter,
    DateFilter,
    DateTimeFilter,
    DecimalFilter,
    Direction,
    IdFilter,
    IntFilter,
    TagsFilter,
    TextFilter,
    enum_filter,
)
from api.invoices import enums as _invoices  # noqa: F401  declares the enums
from crm.activities.models import ActivityType, Outcome
from crm.customers.models import Consent, Stage, Status
from crm.invoices.rules import InvoiceState

StageFilter: Any = enum_filter(Stage, "CustomerStageFilter")
StatusFilter: Any = enum_filter(Status, "CustomerStatusFilter")
ConsentFilter: Any = enum_filter(Consent, "ConsentFilter")
ActivityTypeFilter: Any = enum_filter(ActivityType, "ActivityTypeFilter")
OutcomeFilter: Any = enum_filter(Outcome, "OutcomeFilter")
InvoiceStateFilter: Any = enum_filter(InvoiceState, "InvoiceStateFilter")

_AND, _OR, _NOT = "All of these hold.", "At least one of these holds.", "This does not hold."
_SOME, _NONE, _EVERY = (
    "At least one is such.",
    "None is such.",
    "Every one is such; so it is when there are none.",
)


def _on(description: str, name: str | None = None) -> Any:
    return strawberry.field(default=UNSET, description=description, name=name)


@strawberry.input(description="Conditions on a contact; all that are given hold together.")
class CustomerContactFilter:
    and_: list["CustomerContactFilter"] | None = _on(_AND, "and")
    or_: list["CustomerContactFilter"] | None = _on(_OR, "or")
    not_: "CustomerContactFilter | None" = _on(_NOT, "not")
    name: TextFilter | None = _on("Full name.")
    email: TextFilter | None = _on("E-mail address.")
    phone: TextFilter | None = _on("Telephone number, as kept.")
    title: TextFilter | None = _on("Position.")
    department: TextFilter | None = _on("Department.")
    primary: BooleanFilter | None = _on("Whether it is the customer's primary contact.")
    consent: ConsentFilter | None = _on("Agreement to marketing.")


@strawberry.input(description="Conditions on a customer's contacts; all that are given hold together.")
class CustomerContactsFilter:
    some: CustomerContactFilter | None = _on(_SOME)
    none: CustomerContactFilter | None = _on(_NONE)
    every: CustomerContactFilter | None = _on(_EVERY)


@strawberry.input(description="Conditions on an activity; all that are given hold together.")
class CustomerActivityFilter:
    and_: list["CustomerActivityFilter"] | None = _on(_AND, "and")
    or_: list["CustomerActivityFilter"] | None = _on(_OR, "or")
    not_: "CustomerActivityFilter | None" = _on(_NOT, "not")
    type: ActivityTypeFilter | None = _on("What sort of thing it was.")
    outcome: OutcomeFilter | None = _on("How it went.")
    title: TextFilter | None = _on("What it was about.")
    user: IdFilter | None = _on("Who did it.")
    occurred_at: DateTimeFilter | None = _on("When it happened.")


@strawberry.input(description="Conditions on a customer's activities; all that are given hold together.")
class CustomerActivitiesFilter:
    some: CustomerActivityFilter | None = _on(_SOME)
    none: CustomerActivityFilter | None = _on(_NONE)
    every: CustomerActivityFilter | None = _on(_EVERY)


@strawberry.input(description="Conditions on a segment a customer is in; all that are given hold together.")
class CustomerSegmentFilter:
    and_: list["CustomerSegmentFilter"] | None = _on(_AND, "and")
    or_: list["CustomerSegmentFilter"] | None = _on(_OR, "or")
    not_: "CustomerSegmentFilter | None" = _on(_NOT, "not")
    segment: IdFilter | None = _on("The segment.")
    name: TextFilter | None = _on("The segment's name.")
    entered_at: DateTimeFilter | None = _on("When the customer came in.")


@strawberry.input(
    description="Conditions on the segments a customer is in now; all that are given hold together."
)
class CustomerSegmentsFilter:
    some: CustomerSegmentFilter | None = _on(_SOME)
    none: CustomerSegmentFilter | None = _on(_NONE)
    every: CustomerSegmentFilter | None = _on(_EVERY)


@strawberry.input(description="Conditions on an invoice; all that are given hold together.")
class CustomerInvoiceFilter:
    and_: list["CustomerInvoiceFilter"] | None = _on(_AND, "and")
    or_: list["CustomerInvoiceFilter"] | None = _on(_OR, "or")
    not_: "CustomerInvoiceFilter | None" = _on(_NOT, "not")
    state: InvoiceStateFilter | None = _on("Its state.")
    number: TextFilter | None = _on("Its number.")
    currency: TextFilter | None = _on("Its currency.")
    issue_date: DateFilter | None = _on("When it was issued.")
    due_date: DateFilter | None = _on("When it is due.")
    gross: DecimalFilter | None = _on("Its total with tax, in its own currency.")
    due: DecimalFilter | None = _on("What is left to pay, in its own currency.")


@strawberry.input(description="Conditions on a customer's invoices; all that are given hold together.")
class CustomerInvoicesFilter:
    some: CustomerInvoiceFilter | None = _on(_SOME)
    none: CustomerInvoiceFilter | None = _on(_NONE)
    every: CustomerInvoiceFilter | None = _on(_EVERY)


@strawberry.input(
    description="Conditions on customers; all that are given hold together. Lists, dynamic segments, exports and bulk "
    "actions share it. At most 100 conditions, nested at most 8 deep."
)
class CustomerFilter:
    and_: list["CustomerFilter"] | None = _on(_AND, "and")
    or_: list["CustomerFilter"] | None = _on(_OR, "or")
    not_: "CustomerFilter | None" = _on(_NOT, "not")
    name: TextFilter | None = _on("Name.")
    email: TextFilter | None = _on("E-mail address.")
    phone: TextFilter | None = _on("Telephone number, as kept.")
    website: TextFilter | None = _on("Web address.")
    account_number: TextFilter | None = _on("Our number for it.")
    registration_number: TextFilter | None = _on("Number in the company register.")
    vat_id: TextFilter | None = _on("VAT or tax id.")
    external_id: TextFilter | None = _on("Id in another system.")
    stage: StageFilter | None = _on("Where it stands in the pipeline.")
    status: StatusFilter | None = _on("How the relationship stands.")
    status_label: IdFilter | None = _on("Its status label.")
    customer_group: IdFilter | None = _on("Its group.")
    industry: IdFilter | None = _on("Its industry.")
    source: IdFilter | None = _on("How it came to us.")
    service_provision: IdFilter | None = _on("The service it gets.")
    owner: IdFilter | None = _on("Its account manager or its service manager.")
    account_manager: IdFilter | None = _on("Its account manager.")
    service_manager: IdFilter | None = _on("Its service manager.")
    unit: IdFilter | None = _on("The business unit it belongs to.")
    legal_entity: IdFilter | None = _on("The legal entity that bills it.")
    country: TextFilter | None = _on(
        "Country of the main address: its ISO 3166-1 alpha-2 code, or for whole values its name."
    )
    city: TextFilter | None = _on("City of the main address.")
    state: TextFilter | None = _on("State or region of the main address.")
    postcode: TextFilter | None = _on("Postcode of the main address.")
    tags: TagsFilter | None = _on("Its tags, letter by letter.")
    consent: ConsentFilter | None = _on("Agreement to marketing.")
    language: TextFilter | None = _on("The language we write in, BCP 47.")
    currency: TextFilter | None = _on("The currency it is billed in, ISO 4217.")
    contract_value: DecimalFilter | None = _on("What the contract is worth, in the customer's own currency.")
    probability: IntFilter | None = _on("How likely it becomes a customer, in percent.")
    contract_start: DateFilter | None = _on("First day of the contract.")
    contract_end: DateFilter | None = _on("Last day of the contract.")
    contract_review: DateFilter | None = _on("When the contract is looked at again.")
    created_at: DateTimeFilter | None = _on("When it was created.")
    updated_at: DateTimeFilter | None = _on("When it was last changed.")
    last_activity_at: DateTimeFilter | None = _on("When the latest activity took place.")
    live_since: DateTimeFilter | None = _on("When it went LIVE.")
    blocked: BooleanFilter | None = _on("Whether it is blocked.")
    archived: BooleanFilter | None = _on(
        "Whether it is archived. Without this condition archived ones are left out."
    )
    has_phone: BooleanFilter | None = _on("Whether it has a telephone number.")
    has_website: BooleanFilter | None = _on("Whether it has a web address.")
    has_owner: BooleanFilter | None = _on("Whether it has an account or service manager.")
    contacts: CustomerContactsFilter | None = _on("The people who work there.")
    activities: CustomerActivitiesFilter | None = _on("What was done with it.")
    segments: CustomerSegmentsFilter | None = _on("The segments it is in now.")
    invoices: CustomerInvoicesFilter | None = _on("Its invoices, drafts included.")


class CustomerOrderField(StrEnum):
    NAME = "NAME"
    EMAIL = "EMAIL"
    CITY = "CITY"
    COUNTRY = "COUNTRY"
    CONTRACT_VALUE = "CONTRACT_VALUE"
    CONTRACT_END = "CONTRACT_END"
    PROBABILITY = "PROBABILITY"
    LIVE_SINCE = "LIVE_SINCE"
    LAST_ACTIVITY_AT = "LAST_ACTIVITY_AT"
    CREATED_AT = "CREATED_AT"
    UPDATED_AT = "UPDATED_AT"


describe(
    CustomerOrderField,
    description="What a list of customers can be sorted by.",
    values={
        "NAME": "Name, case and accents apart.",
        "EMAIL": "E-mail address, case apart.",
        "CITY": "City of the main address.",
        "COUNTRY": "Country code of the main address; where nothing follows it, names do.",
        "CONTRACT_VALUE": "The contract's value, whatever its currency.",
        "CONTRACT_END": "When the contract ends.",
        "PROBABILITY": "How likely it becomes a customer.",
        "LIVE_SINCE": "When it went LIVE.",
        "LAST_ACTIVITY_AT": "When the latest activity took place.",
        "CREATED_AT": "When it was created.",
        "UPDATED_AT": "When it was last changed.",
    },
)

_COLUMNS = {"NAME": "sort_name", "EMAIL": "sort_email", "CITY": "address_city", "COUNTRY": "address_country"}
ORDER_COLUMNS = {each: _COLUMNS.get(each.value, each.value.lower()) for each in CustomerOrderField}


@strawberry.input(description="One part of an order; ties are broken by the next part, at last by the id.")
class CustomerOrder:
    field: CustomerOrderField = strawberry.field(description="What to sort by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which way.")
