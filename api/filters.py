"""The shared filter as GraphQL inputs. They carry a caller's conditions to `crm.kernel.filtering` unchanged."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from functools import cache
from typing import Any, TypeVar

import strawberry
from strawberry import UNSET

from api.enums import describe

E = TypeVar("E", bound=Enum)

_EQ = "Exactly this."
_NE = "Anything but this; a record without a value counts."
_IN = "One of these."
_NOT_IN = "None of these; a record without a value counts."
_NULL = "true: has no value; false: has one."


def _is_null() -> Any:
    return strawberry.field(default=UNSET, description=_NULL)


def _op(description: str, name: str | None = None) -> Any:
    return strawberry.field(default=UNSET, description=description, name=name)


@strawberry.input(description="Conditions on a text; case does not matter for `contains` and `startsWith`.")
class TextFilter:
    eq: str | None = _op(_EQ)
    ne: str | None = _op(_NE)
    in_: list[str] | None = _op(_IN, "in")
    not_in: list[str] | None = _op(_NOT_IN)
    contains: str | None = _op("Has this somewhere within.")
    starts_with: str | None = _op("Begins with this.")
    is_null: bool | None = _is_null()


@strawberry.input(description="Conditions on a reference to another record.")
class IdFilter:
    eq: strawberry.ID | None = _op(_EQ)
    ne: strawberry.ID | None = _op(_NE)
    in_: list[strawberry.ID] | None = _op(_IN, "in")
    not_in: list[strawberry.ID] | None = _op(_NOT_IN)
    is_null: bool | None = _is_null()


@strawberry.input(description="Conditions on a number or amount.")
class DecimalFilter:
    eq: Decimal | None = _op(_EQ)
    ne: Decimal | None = _op(_NE)
    in_: list[Decimal] | None = _op(_IN, "in")
    not_in: list[Decimal] | None = _op(_NOT_IN)
    lt: Decimal | None = _op("Less than.")
    lte: Decimal | None = _op("At most.")
    gt: Decimal | None = _op("More than.")
    gte: Decimal | None = _op("At least.")
    between: list[Decimal] | None = _op("From the first to the second, both included.")
    is_null: bool | None = _is_null()


@strawberry.input(description="Conditions on a whole number.")
class IntFilter:
    eq: int | None = _op(_EQ)
    ne: int | None = _op(_NE)
    in_: list[int] | None = _op(_IN, "in")
    not_in: list[int] | None = _op(_NOT_IN)
    lt: int | None = _op("Less than.")
    lte: int | None = _op("At most.")
    gt: int | None = _op("More than.")
    gte: int | None = _op("At least.")
    between: list[int] | None = _op("From the first to the second, both included.")
    is_null: bool | None = _is_null()


@strawberry.input(description="Conditions on a day.")
class DateFilter:
    eq: date | None = _op(_EQ)
    ne: date | None = _op(_NE)
    in_: list[date] | None = _op(_IN, "in")
    not_in: list[date] | None = _op(_NOT_IN)
    lt: date | None = _op("Before.")
    lte: date | None = _op("On or before.")
    gt: date | None = _op("After.")
    gte: date | None = _op("On or after.")
    between: list[date] | None = _op("From the first to the second, both included.")
    is_null: bool | None = _is_null()


@strawberry.input(description="Conditions on an instant.")
class DateTimeFilter:
    lt: datetime | None = _op("Before.")
    lte: datetime | None = _op("At or before.")
    gt: datetime | None = _op("After.")
    gte: datetime | None = _op("At or after.")
    between: list[datetime] | None = _op("From the first to the second, both included.")
    is_null: bool | None = _is_null()


@strawberry.input(description="A condition on a yes-or-no field.")
class BooleanFilter:
    eq: bool | None = _op(_EQ)


@strawberry.input(description="Conditions on a list of tags.")
class TagsFilter:
    has: str | None = _op("Has this tag.")
    has_any: list[str] | None = _op("Has at least one of these.")
    has_all: list[str] | None = _op("Has every one of these.")
    is_empty: bool | None = _op("true: has no tag; false: has one or more.")


@cache
def enum_filter(enum: type[E], name: str) -> Any:
    """The filter input of an enum that is already declared to Strawberry, such as `CustomerStatusFilter`.

    Rooms that ask for the same one get the same one.
    """
    namespace: dict[str, Any] = {
        "__annotations__": {
            "eq": enum | None,
            "ne": enum | None,
            "in_": list[enum] | None,  # type: ignore[valid-type]
            "not_in": list[enum] | None,  # type: ignore[valid-type]
            "is_null": bool | None,
        },
        "__module__": __name__,
        "eq": _op(_EQ),
        "ne": _op(_NE),
        "in_": _op(_IN, "in"),
        "not_in": _op(_NOT_IN),
        "is_null": _is_null(),
    }
    description = f"Conditions on a {enum.__name__} value."
    return strawberry.input(type(name, (), namespace), name=name, description=description)


def to_rule(value: Any) -> dict[str, Any]:
    """A filter input as the JSON the business keeps and compiles: camelCase names, public ids, only what was given."""
    return {
        _graphql_name(f): _json(v)
        for f in fields(value)
        if (v := getattr(value, f.name)) not in (UNSET, None)
    }


def _json(value: Any) -> Any:
    if is_dataclass(value):
        return to_rule(value)
    if isinstance(value, list):
        return [_json(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal | date | datetime):
        return str(value) if isinstance(value, Decimal) else value.isoformat()
    return value


def _graphql_name(field: Any) -> str:
    if field.graphql_name:
        return str(field.graphql_name)
    first, *rest = field.name.split("_")
    return str(first) + "".join(part.title() for part in rest)


class Direction(StrEnum):
    ASC = "ASC"
    DESC = "DESC"


describe(
    Direction,
    description="Which way a list runs.",
    values={
        "ASC": "Smallest, earliest or A first; records without a value last.",
        "DESC": "Largest, latest or Z first; records without a value first.",
    },
)


def ordering(orders: Sequence[Any] | None, columns: Mapping[Any, str], default: Sequence[str]) -> list[str]:
    """`order_by` arguments from a list of {field, direction} inputs; `columns` maps the field enum to model fields."""
    if not orders:
        return list(default)
    return [("-" if each.direction is Direction.DESC else "") + columns[each.field] for each in orders]
