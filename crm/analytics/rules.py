"""What records can be grouped by and what is reckoned of them, as tables; and what may be asked at once. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from crm.accounts.rules import time_zone_problems
from crm.activities.models import ActivityType, Outcome
from crm.customers.models import Stage, Status
from crm.invoices.rules import InvoiceState
from crm.kernel.errors import Problem

MAX_GROUPINGS = 5
MAX_ORDERS = 5
MAX_GROUPS = 1000
DEFAULT_GROUPS = 100
COUNT = "count"
_KEY = "by_"  # no column of a table begins so: PostgreSQL prefers those where it groups by a name


class DateBucket(StrEnum):
    """Lengths of time that days are gathered in; a week begins on Monday (ISO 8601)."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    QUARTER = "QUARTER"
    YEAR = "YEAR"


class Statistic(StrEnum):
    """What is reckoned of a measure; the values are PostgreSQL's functions."""

    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"


class InvoiceAge(StrEnum):
    """How long what is still to be paid has been due (DOMAIN §10): the usual columns of an ageing report."""

    CURRENT = "CURRENT"
    DAYS_1_30 = "DAYS_1_30"
    DAYS_31_60 = "DAYS_31_60"
    DAYS_61_90 = "DAYS_61_90"
    OVER_90 = "OVER_90"


class CustomerDimension(StrEnum):
    STAGE = "STAGE"
    STATUS = "STATUS"
    COUNTRY = "COUNTRY"
    INDUSTRY = "INDUSTRY"
    SOURCE = "SOURCE"
    CUSTOMER_GROUP = "CUSTOMER_GROUP"
    UNIT = "UNIT"
    ACCOUNT_MANAGER = "ACCOUNT_MANAGER"
    CURRENCY = "CURRENCY"
    CREATED = "CREATED"
    LIVE_SINCE = "LIVE_SINCE"
    CONTRACT_END = "CONTRACT_END"


class InvoiceDimension(StrEnum):
    STATE = "STATE"
    CURRENCY = "CURRENCY"
    CUSTOMER = "CUSTOMER"
    LEGAL_ENTITY = "LEGAL_ENTITY"
    INVOICE_TYPE = "INVOICE_TYPE"
    COUNTRY = "COUNTRY"
    UNIT = "UNIT"
    ACCOUNT_MANAGER = "ACCOUNT_MANAGER"
    ISSUE_DATE = "ISSUE_DATE"
    DUE_DATE = "DUE_DATE"
    AGE = "AGE"


class ActivityDimension(StrEnum):
    TYPE = "TYPE"
    OUTCOME = "OUTCOME"
    USER = "USER"
    CUSTOMER = "CUSTOMER"
    UNIT = "UNIT"
    OCCURRED = "OCCURRED"


class Holds(StrEnum):
    """What the value of a dimension is."""

    TEXT = "TEXT"
    CHOICE = "CHOICE"
    RECORD = "RECORD"
    DAY = "DAY"
    INSTANT = "INSTANT"


@dataclass(frozen=True, slots=True)
class Dimension:
    """`sql` of `columns` (`{0}` the first), the columns as Tortoise names them from the counted model.

    Groups of `choices` stand in the order of their enum, those of records in the order of their names in `table`.
    """

    holds: Holds
    columns: tuple[str, ...]
    sql: str = "{0}"
    choices: type[StrEnum] | None = None
    table: str = ""

    @property
    def is_time(self) -> bool:
        return self.holds in {Holds.DAY, Holds.INSTANT}


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of each record; `currency` is the column that says in which currency it is money."""

    column: str
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A kind of records that is counted."""

    dimensions: Mapping[StrEnum, Dimension]
    measures: Mapping[str, Measure]


@dataclass(frozen=True, slots=True)
class Grouping:
    field: StrEnum
    bucket: DateBucket | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One part of an order: by a column of the answer, see `key_column` and `measure_column`."""

    column: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked: without groupings one group of everything. `time_zone` is where the days of instants begin."""

    groupings: Sequence[Grouping] = ()
    orders: Sequence[Order] = ()
    first: int = DEFAULT_GROUPS
    time_zone: str = "UTC"


def key_column(field: StrEnum) -> str:
    """The answer's column that holds a group's value of a dimension."""
    return _KEY + field.value.lower()


def measure_column(measure: str, statistic: Statistic) -> str:
    """The answer's column that holds a statistic of a measure."""
    return f"{measure}_{statistic.value}"


def currency_column(measure: str) -> str:
    """The answer's column with the currency of a group's amounts; null where they are of several."""
    return f"{measure}_currency"


def _text(column: str) -> Dimension:
    return Dimension(Holds.TEXT, (column,))


def _choice(column: str, choices: type[StrEnum]) -> Dimension:
    return Dimension(Holds.CHOICE, (column,), choices=choices)


def _record(column: str, table: str) -> Dimension:
    return Dimension(Holds.RECORD, (column,), table=table)


def _day(column: str) -> Dimension:
    return Dimension(Holds.DAY, (column,))


def _instant(column: str) -> Dimension:
    return Dimension(Holds.INSTANT, (column,))


# As `rules.days_overdue` of invoices, by the database's clock; a paid, void or draft invoice has no age.
_AGE = (
    "case when {0} = 'SENT' and {1} > 0 then "
    f"(array[{', '.join(repr(each.value) for each in InvoiceAge)}])"
    "[1 + width_bucket((now() at time zone {3})::date - {2}, array[1, 31, 61, 91])] end"
)

CUSTOMERS = Subject(
    {
        CustomerDimension.STAGE: _choice("stage", Stage),
        CustomerDimension.STATUS: _choice("status", Status),
        CustomerDimension.COUNTRY: _text("address_country"),
        CustomerDimension.INDUSTRY: _record("industry_id", "pick_list_item"),
        CustomerDimension.SOURCE: _record("source_id", "pick_list_item"),
        CustomerDimension.CUSTOMER_GROUP: _record("customer_group_id", "pick_list_item"),
        CustomerDimension.UNIT: _record("unit_id", "business_unit"),
        CustomerDimension.ACCOUNT_MANAGER: _record("account_manager_id", "staff_user"),
        CustomerDimension.CURRENCY: _text("currency"),
        CustomerDimension.CREATED: _instant("created_at"),
        CustomerDimension.LIVE_SINCE: _instant("live_since"),
        CustomerDimension.CONTRACT_END: _day("contract_end"),
    },
    {"contract_value": Measure("contract_value", "currency"), "probability": Measure("probability")},
)
INVOICES = Subject(
    {
        InvoiceDimension.STATE: _choice("state", InvoiceState),
        InvoiceDimension.CURRENCY: _text("currency"),
        InvoiceDimension.CUSTOMER: _record("customer_id", "customer"),
        InvoiceDimension.LEGAL_ENTITY: _record("legal_entity_id", "legal_entity"),
        InvoiceDimension.INVOICE_TYPE: _record("invoice_type_id", "pick_list_item"),
        InvoiceDimension.COUNTRY: _text("customer__address_country"),
        # Who sees an invoice is decided by its customer's unit as of now, so that is the unit that is told.
        InvoiceDimension.UNIT: _record("customer__unit_id", "business_unit"),
        InvoiceDimension.ACCOUNT_MANAGER: _record("customer__account_manager_id", "staff_user"),
        InvoiceDimension.ISSUE_DATE: _day("issue_date"),
        InvoiceDimension.DUE_DATE: _day("due_date"),
        InvoiceDimension.AGE: Dimension(
            Holds.CHOICE, ("state", "due_total", "due_date", "time_zone"), _AGE, InvoiceAge
        ),
    },
    {name: Measure(f"{name}_total", "currency") for name in ("net", "tax", "gross", "paid", "due")},
)
ACTIVITIES = Subject(
    {
        ActivityDimension.TYPE: _choice("type", ActivityType),
        ActivityDimension.OUTCOME: _choice("outcome", Outcome),
        ActivityDimension.USER: _record("user_id", "staff_user"),
        ActivityDimension.CUSTOMER: _record("customer_id", "customer"),
        ActivityDimension.UNIT: _record("customer__unit_id", "business_unit"),
        ActivityDimension.OCCURRED: _instant("occurred_at"),
    },
    {"duration_minutes": Measure("duration_minutes")},
)


def problems(subject: Subject, wanted: Wanted) -> Iterator[Problem]:
    """Whatever cannot be asked."""
    if not 1 <= wanted.first <= MAX_GROUPS:
        sentence = f"'first' must be from 1 to {MAX_GROUPS}, not {wanted.first}."
        yield Problem(("first",), "OUT_OF_RANGE", sentence)
    yield from time_zone_problems(wanted.time_zone, "timeZone")
    yield from _grouping_problems(subject, wanted.groupings)
    yield from _order_problems(wanted)


def _grouping_problems(subject: Subject, groupings: Sequence[Grouping]) -> Iterator[Problem]:
    if len(groupings) > MAX_GROUPINGS:
        sentence = f"Group by {MAX_GROUPINGS} fields at most, not by {len(groupings)}."
        yield Problem(("groupBy",), "OUT_OF_RANGE", sentence)
    seen: set[StrEnum] = set()
    for place, grouping in enumerate(groupings):
        path, name = ("groupBy", str(place)), grouping.field.value
        if grouping.field in seen:
            yield Problem((*path, "field"), "GROUPED_TWICE", f"{name} is grouped by already.")
        seen.add(grouping.field)
        is_time = subject.dimensions[grouping.field].is_time
        if is_time and grouping.bucket is None:
            sentence = f"{name} is a time: say by which 'bucket', such as MONTH."
            yield Problem((*path, "bucket"), "REQUIRED", sentence)
        if grouping.bucket is not None and not is_time:
            sentence = f"{name} is no time: leave 'bucket' out."
            yield Problem((*path, "bucket"), "BUCKET_NOT_ALLOWED", sentence)


def _order_problems(wanted: Wanted) -> Iterator[Problem]:
    if len(wanted.orders) > MAX_ORDERS:
        sentence = f"Order by {MAX_ORDERS} things at most, not by {len(wanted.orders)}."
        yield Problem(("orderBy",), "OUT_OF_RANGE", sentence)
    keys = {key_column(grouping.field) for grouping in wanted.groupings}
    for place, order in enumerate(wanted.orders):
        if is_key(order.column) and order.column not in keys:
            name = order.column.removeprefix(_KEY).upper()
            sentence = f"The groups are not by {name}: group by it, or order by something else."
            yield Problem(("orderBy", str(place), "key"), "NOT_GROUPED", sentence)


def is_key(column: str) -> bool:
    return column.startswith(_KEY)
