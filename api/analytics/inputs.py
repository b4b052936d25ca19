"""How callers say what to group by, and in which order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import strawberry
from strawberry import UNSET

from api.analytics.enums import ACTIVITY_FIELDS, CUSTOMER_FIELDS, INVOICE_FIELDS
from api.filters import Direction
from crm.analytics.rules import (
    COUNT,
    ActivityDimension,
    CustomerDimension,
    DateBucket,
    Grouping,
    InvoiceDimension,
    Order,
    Statistic,
    key_column,
    measure_column,
)

_ORDER = "One part of an order. Groups without a value come last, whichever way a measure runs."
_COUNT = "How many there are in the group."
_KEY = (
    "One of the fields that are grouped by: choices in their own order, records by name, the rest by value."
)


def _field(description: str) -> Any:
    return strawberry.field(description=description)


def _bucket() -> Any:
    return strawberry.field(
        default=None, description="How much time makes a group: always for a time, never for anything else."
    )


def _by(description: str) -> Any:
    return strawberry.field(default=UNSET, description=description)


@strawberry.input(description="A field that customers are grouped by.")
class CustomerGrouping:
    field: CustomerDimension = _field("The field.")
    bucket: DateBucket | None = _bucket()


@strawberry.input(description="A field that invoices are grouped by.")
class InvoiceGrouping:
    field: InvoiceDimension = _field("The field.")
    bucket: DateBucket | None = _bucket()


@strawberry.input(description="A field that activities are grouped by.")
class ActivityGrouping:
    field: ActivityDimension = _field("The field.")
    bucket: DateBucket | None = _bucket()


@strawberry.input(one_of=True, description="The statistic of a measure that groups are sorted by.")
class StatisticOrder:
    sum: Direction | None = _by("The sum.")
    avg: Direction | None = _by("The average.")
    min: Direction | None = _by("The smallest.")
    max: Direction | None = _by("The largest.")


def _key_order(name: str, dimensions: Mapping[str, str]) -> Any:
    """The input that names one of the fields grouped by, and a direction."""
    names = {each.lower(): description for each, description in dimensions.items()}
    namespace: dict[str, Any] = {
        "__annotations__": dict.fromkeys(names, Direction | None),
        "__module__": __name__,
        **{each: _by(description) for each, description in names.items()},
    }
    return strawberry.input(
        type(name, (), namespace), name=name, one_of=True, description="The key that groups are sorted by."
    )


CustomerKeyOrder: Any = _key_order("CustomerKeyOrder", CUSTOMER_FIELDS)
InvoiceKeyOrder: Any = _key_order("InvoiceKeyOrder", INVOICE_FIELDS)
ActivityKeyOrder: Any = _key_order("ActivityKeyOrder", ACTIVITY_FIELDS)


@strawberry.input(one_of=True, description=_ORDER)
class CustomerAggregateOrder:
    key: CustomerKeyOrder | None = _by(_KEY)
    count: Direction | None = _by(_COUNT)
    contract_value: StatisticOrder | None = _by("What contracts are worth, whatever the currency.")
    probability: StatisticOrder | None = _by("How likely they become customers.")


@strawberry.input(one_of=True, description=_ORDER)
class InvoiceAggregateOrder:
    key: InvoiceKeyOrder | None = _by(_KEY)
    count: Direction | None = _by(_COUNT)
    net: StatisticOrder | None = _by("Totals before tax, whatever the currency.")
    tax: StatisticOrder | None = _by("Total taxes, whatever the currency.")
    gross: StatisticOrder | None = _by("Totals with tax, whatever the currency.")
    paid: StatisticOrder | None = _by("What was paid so far, whatever the currency.")
    due: StatisticOrder | None = _by("What is left to pay, whatever the currency.")


@strawberry.input(one_of=True, description=_ORDER)
class ActivityAggregateOrder:
    key: ActivityKeyOrder | None = _by(_KEY)
    count: Direction | None = _by(_COUNT)
    duration_minutes: StatisticOrder | None = _by("How long they took.")


def to_groupings(given: Iterable[Any] | None) -> Sequence[Grouping]:
    return [Grouping(each.field, each.bucket) for each in given or ()]


def to_orders(given: Iterable[Any] | None, dimensions: Iterable[Any]) -> Sequence[Order]:
    """Orders by columns of the answer, from inputs that name one thing each."""
    keys = {each.value.lower(): key_column(each) for each in dimensions}
    return [_order(each, keys) for each in given or ()]


def _order(given: Any, keys: Mapping[str, str]) -> Order:
    name, value = _chosen(given)
    if name == COUNT:
        return Order(COUNT, descending=value is Direction.DESC)
    inner, direction = _chosen(value)
    column = keys[inner] if name == "key" else measure_column(name, Statistic(inner))
    return Order(column, descending=direction is Direction.DESC)


def _chosen(given: Any) -> tuple[str, Any]:
    """The one field of a `@oneOf` input that was given."""
    return next((f.name, v) for f in fields(given) if (v := getattr(given, f.name)) is not UNSET)
