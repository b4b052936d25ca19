"""Reads the demo files, with every date moved so that the last order falls on a day of your choice."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from demo.records import (
    Activity,
    Company,
    Customer,
    MessyExpectation,
    Order,
    OrderLine,
    Person,
    Plan,
    Product,
    Segment,
    StaffMember,
)
from demo.tables import read_json, read_table, table_bytes

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FOLDER = Path(__file__).resolve().parent

Row = TypeVar("Row", bound="DataclassInstance")


@dataclass(frozen=True, slots=True)
class Segments:
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Demo:
    """Everything about the demo company. Orders come oldest first; `lines` is by order number."""

    company: Company
    staff: tuple[StaffMember, ...]
    products: tuple[Product, ...]
    customers: tuple[Customer, ...]
    people: tuple[Person, ...]
    orders: tuple[Order, ...]
    lines: dict[str, tuple[OrderLine, ...]]
    activities: tuple[Activity, ...]
    segments: tuple[Segment, ...]
    plan: Plan


def load(today: date) -> Demo:
    """Read every file; days and instants are shifted by the days between the plan's anchor and `today`."""
    plan = read_json(FOLDER / "plan.json", Plan)
    days = (today - plan.anchor).days
    return Demo(
        company=read_json(FOLDER / "company.json", Company),
        staff=read_table(FOLDER / "staff.csv", StaffMember),
        products=read_table(FOLDER / "products.csv", Product),
        customers=_table("customers.csv", Customer, days),
        people=read_table(FOLDER / "people.csv", Person),
        orders=_table("orders.csv", Order, days),
        lines=_by_order(read_table(FOLDER / "order_lines.csv", OrderLine)),
        activities=_table("activities.csv", Activity, days),
        segments=read_json(FOLDER / "segments.json", Segments).segments,
        plan=_shifted(plan, days),
    )


def customers_csv(today: date, unit: str | None = None) -> bytes:
    """Write the customers as a file to upload, shifted as by `load`; `unit` keeps one unit's only."""
    chosen = [customer for customer in load(today).customers if unit in {None, customer.unit}]
    return table_bytes(chosen, Customer)


def messy_csv() -> bytes:
    return (FOLDER / "customers-messy.csv").read_bytes()


def messy_expectation() -> MessyExpectation:
    return read_json(FOLDER / "customers-messy.expected.json", MessyExpectation)


def logo_png() -> bytes:
    return (FOLDER / "logo.png").read_bytes()


def _table(name: str, row_type: type[Row], days: int) -> tuple[Row, ...]:
    return tuple(_shifted(row, days) for row in read_table(FOLDER / name, row_type))


def _by_order(lines: Iterable[OrderLine]) -> dict[str, tuple[OrderLine, ...]]:
    found: dict[str, list[OrderLine]] = {}
    for line in lines:
        found.setdefault(line.order_number, []).append(line)
    return {number: tuple(of_order) for number, of_order in found.items()}


def _shifted(row: Row, days: int) -> Row:
    moved = {f.name: _moved(getattr(row, f.name), days) for f in fields(row)}
    return replace(row, **moved)


def _moved(value: object, days: int) -> object:
    """Dates and datetimes move, also those of dataclasses in tuples; anything else stays."""
    if isinstance(value, date):
        return value + timedelta(days=days)
    if isinstance(value, tuple):
        return tuple(_moved(part, days) for part in value)
    if is_dataclass(value) and not isinstance(value, type):
        return _shifted(value, days)
    return value
