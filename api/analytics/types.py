"""How the groups of an aggregate look to callers.

A row has the columns that `crm.analytics.queries` names; a key that was not grouped by has none, and is null.
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

import strawberry
from tortoise import Model

from api.accounts.types import BusinessUnit, User
from api.analytics import enums as _enums  # noqa: F401  declares the enums
from api.customers.types import Customer, PickListItem
from api.fusion import present
from api.invoices.entity_types import LegalEntity
from api.scalars import CountryCode, CurrencyCode, Money, money_of
from crm.accounts import models as accounts
from crm.activities.models import ActivityType, Outcome
from crm.analytics.rules import (
    ActivityDimension,
    CustomerDimension,
    InvoiceAge,
    InvoiceDimension,
    Statistic,
    currency_column,
    key_column,
    measure_column,
)
from crm.customers import models as customers
from crm.customers.models import Stage, Status
from crm.invoices import models as invoices
from crm.invoices.rules import InvoiceState

_MONEY = (
    "null where the group has no amount, and where its amounts are in several currencies: group by CURRENCY."
)


@strawberry.type(description="What the amounts of a group come to, all in one currency.")
class MoneyStatistics:
    sum: Money = strawberry.field(description="The amounts added up.")
    avg: Money = strawberry.field(description="Their average, rounded to the currency's minor unit.")
    min: Money = strawberry.field(description="The smallest.")
    max: Money = strawberry.field(description="The largest.")


@strawberry.type(description="What the numbers of a group come to; records without a number do not count.")
class NumberStatistics:
    sum: Decimal = strawberry.field(description="The numbers added up.")
    avg: Decimal = strawberry.field(description="Their average, rounded to four decimal places.")
    min: int = strawberry.field(description="The smallest.")
    max: int = strawberry.field(description="The largest.")


@strawberry.type(
    description="What the customers of a group have in common. A field is null where it is not grouped by, and where "
    "these customers have no value."
)
class CustomerGroupKey:
    stage: Stage | None = strawberry.field(description="Where they stand in the sales pipeline.")
    status: Status | None = strawberry.field(description="How the relationship stands.")
    country: CountryCode | None = strawberry.field(description="Country of the main address.")
    industry: PickListItem | None = strawberry.field(description="What they live on.")
    source: PickListItem | None = strawberry.field(description="How they came to us.")
    customer_group: PickListItem | None = strawberry.field(description="The group they are sorted into.")
    unit: BusinessUnit | None = strawberry.field(description="The business unit they belong to.")
    account_manager: User | None = strawberry.field(description="Who is responsible for them.")
    currency: CurrencyCode | None = strawberry.field(description="The currency they are billed in.")
    created: date | None = strawberry.field(description="First day of the bucket they were created in.")
    live_since: date | None = strawberry.field(description="First day of the bucket they went LIVE in.")
    contract_end: date | None = strawberry.field(
        description="First day of the bucket their contract ends in."
    )


@strawberry.type(
    description="What the invoices of a group have in common. A field is null where it is not grouped by, and where "
    "these invoices have no value."
)
class InvoiceGroupKey:
    state: InvoiceState | None = strawberry.field(description="What they have come to.")
    currency: CurrencyCode | None = strawberry.field(description="The currency of their amounts.")
    customer: Customer | None = strawberry.field(description="Who is billed.")
    legal_entity: LegalEntity | None = strawberry.field(description="Who issues them.")
    invoice_type: PickListItem | None = strawberry.field(description="What kind of invoices they are.")
    country: CountryCode | None = strawberry.field(description="Country of the customers' main address, now.")
    unit: BusinessUnit | None = strawberry.field(description="The business unit the customers belong to now.")
    account_manager: User | None = strawberry.field(description="Who is responsible for the customers now.")
    issue_date: date | None = strawberry.field(description="First day of the bucket they were issued in.")
    due_date: date | None = strawberry.field(description="First day of the bucket they are due in.")
    age: InvoiceAge | None = strawberry.field(
        description="How long what is still to be paid has been due; null for drafts and what is paid or void."
    )


@strawberry.type(
    description="What the activities of a group have in common. A field is null where it is not grouped by, and where "
    "these activities have no value."
)
class ActivityGroupKey:
    type: ActivityType | None = strawberry.field(description="What sort of thing was done.")
    outcome: Outcome | None = strawberry.field(description="How it went.")
    user: User | None = strawberry.field(description="Who did it; null also where Kith did.")
    customer: Customer | None = strawberry.field(description="The customer it was done with.")
    unit: BusinessUnit | None = strawberry.field(description="The business unit the customers belong to now.")
    occurred: date | None = strawberry.field(description="First day of the bucket they happened in.")


@strawberry.type(description="A group of customers, and what it comes to.")
class CustomerAggregate:
    key: CustomerGroupKey = strawberry.field(description="What they have in common.")
    count: int = strawberry.field(description="How many they are.")
    contract_value: MoneyStatistics | None = strawberry.field(
        description=f"What their contracts are worth; {_MONEY}"
    )
    probability: NumberStatistics | None = strawberry.field(
        description="How likely they become customers, in percent; null where it is known of none."
    )


@strawberry.type(description="A group of invoices, and what it comes to.")
class InvoiceAggregate:
    key: InvoiceGroupKey = strawberry.field(description="What they have in common.")
    count: int = strawberry.field(description="How many they are.")
    net: MoneyStatistics | None = strawberry.field(description=f"Totals before tax; {_MONEY}")
    tax: MoneyStatistics | None = strawberry.field(description=f"Total taxes; {_MONEY}")
    gross: MoneyStatistics | None = strawberry.field(description=f"Totals with tax; {_MONEY}")
    paid: MoneyStatistics | None = strawberry.field(description=f"What was paid so far; {_MONEY}")
    due: MoneyStatistics | None = strawberry.field(description=f"What is left to pay; {_MONEY}")


@strawberry.type(description="A group of activities, and what it comes to.")
class ActivityAggregate:
    key: ActivityGroupKey = strawberry.field(description="What they have in common.")
    count: int = strawberry.field(description="How many they are.")
    duration_minutes: NumberStatistics | None = strawberry.field(
        description="How long they took, in minutes; null where none has a duration."
    )


# Each of these makes the group of a row, or of the references that stand for one while a statement is planned.


def customer_group(row: Any) -> CustomerAggregate:
    d = CustomerDimension
    key = CustomerGroupKey(
        stage=_key(row, d.STAGE),
        status=_key(row, d.STATUS),
        country=_key(row, d.COUNTRY),
        industry=_record(row, d.INDUSTRY, customers.PickListItem),
        source=_record(row, d.SOURCE, customers.PickListItem),
        customer_group=_record(row, d.CUSTOMER_GROUP, customers.PickListItem),
        unit=_record(row, d.UNIT, accounts.BusinessUnit),
        account_manager=_record(row, d.ACCOUNT_MANAGER, accounts.User),
        currency=_key(row, d.CURRENCY),
        created=_key(row, d.CREATED),
        live_since=_key(row, d.LIVE_SINCE),
        contract_end=_key(row, d.CONTRACT_END),
    )
    return CustomerAggregate(
        key=key,
        count=row.count,
        contract_value=_amounts(row, "contract_value"),
        probability=_numbers(row, "probability"),
    )


def invoice_group(row: Any) -> InvoiceAggregate:
    d = InvoiceDimension
    key = InvoiceGroupKey(
        state=_key(row, d.STATE),
        currency=_key(row, d.CURRENCY),
        customer=_record(row, d.CUSTOMER, customers.Customer),
        legal_entity=_record(row, d.LEGAL_ENTITY, invoices.LegalEntity),
        invoice_type=_record(row, d.INVOICE_TYPE, customers.PickListItem),
        country=_key(row, d.COUNTRY),
        unit=_record(row, d.UNIT, accounts.BusinessUnit),
        account_manager=_record(row, d.ACCOUNT_MANAGER, accounts.User),
        issue_date=_key(row, d.ISSUE_DATE),
        due_date=_key(row, d.DUE_DATE),
        age=_key(row, d.AGE),
    )
    return InvoiceAggregate(
        key=key,
        count=row.count,
        net=_amounts(row, "net"),
        tax=_amounts(row, "tax"),
        gross=_amounts(row, "gross"),
        paid=_amounts(row, "paid"),
        due=_amounts(row, "due"),
    )


def activity_group(row: Any) -> ActivityAggregate:
    d = ActivityDimension
    key = ActivityGroupKey(
        type=_key(row, d.TYPE),
        outcome=_key(row, d.OUTCOME),
        user=_record(row, d.USER, accounts.User),
        customer=_record(row, d.CUSTOMER, customers.Customer),
        unit=_record(row, d.UNIT, accounts.BusinessUnit),
        occurred=_key(row, d.OCCURRED),
    )
    return ActivityAggregate(key=key, count=row.count, duration_minutes=_numbers(row, "duration_minutes"))


def _key(row: Any, field: StrEnum) -> Any:
    return getattr(row, key_column(field), None)


def _record(row: Any, field: StrEnum, model: type[Model]) -> Any:
    """The record by which was grouped. Who sees a counted row sees what it belongs to."""
    key = _key(row, field)
    return present(key, lambda: model.get_or_none(id=key))


def _statistic(row: Any, measure: str, statistic: Statistic) -> Any:
    return getattr(row, measure_column(measure, statistic))


def _amounts(row: Any, measure: str) -> MoneyStatistics | None:
    currency = getattr(row, currency_column(measure))
    return present(
        currency,
        lambda: MoneyStatistics(
            **{each.value: money_of(_statistic(row, measure, each), currency) for each in Statistic}
        ),
    )


def _numbers(row: Any, measure: str) -> NumberStatistics | None:
    return present(
        _statistic(row, measure, Statistic.SUM),
        lambda: NumberStatistics(**{each.value: _statistic(row, measure, each) for each in Statistic}),
    )
