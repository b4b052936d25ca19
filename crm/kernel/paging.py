"""Keyset paging: a cursor holds the values of the order columns of a row, so pages never shift under writes."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast

import orjson
from pypika_tortoise.enums import Order
from tortoise import Model
from tortoise.expressions import Q
from tortoise.fields import DecimalField, UUIDField
from tortoise.queryset import QuerySet

from crm.kernel.clock import iso
from crm.kernel.errors import InvalidInput

M = TypeVar("M", bound=Model)

DEFAULT_PAGE = 25
MAX_PAGE = 100
_AS_TEXT = (DecimalField, UUIDField)  # what JSON has no type for, or would round


@dataclass(frozen=True, slots=True)
class Column:
    """One part of an order: a column or annotation, its direction, and whether it can be null."""

    name: str
    descending: bool
    nullable: bool


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`first`/`after` forwards or `last`/`before` backwards; sizes 1 to 100."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    @property
    def backward(self) -> bool:
        return self.last is not None

    @property
    def size(self) -> int:
        return self.last or self.first or DEFAULT_PAGE

    def check(self) -> None:
        """Raises InvalidInput when the sizes are out of range or both directions are asked for."""
        for name, value in (("first", self.first), ("last", self.last)):
            if value is not None and not 1 <= value <= MAX_PAGE:
                raise InvalidInput.one(f"'{name}' must be from 1 to {MAX_PAGE}, not {value}.", name)
        if self.first is not None and self.last is not None:
            raise InvalidInput.one("Ask for 'first' or for 'last', not for both.", "last")


def order_of(queryset: QuerySet[M]) -> tuple[Column, ...]:
    """The total order of a QuerySet: its own, made unique by the id."""
    described = queryset.model._meta.fields_map  # noqa: SLF001  Tortoise's own description of a model
    names = [(name, order is Order.desc) for name, order in queryset._orderings]  # noqa: SLF001
    if "id" not in (name for name, _ in names):
        names.append(("id", bool(names) and names[-1][1]))
    return tuple(Column(n, desc, n not in described or described[n].null) for n, desc in names)


def encode_cursor(row: Model, order: Sequence[Column]) -> str:
    """The place of a row in an order, opaque to callers. `cursor_sql` makes the same text."""
    values = [_plain(getattr(row, column.name)) for column in order]
    text = json.dumps([_fingerprint(order), *values], ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def cursor_sql(queryset: QuerySet[M], order: Sequence[Column], column: Callable[[str], str]) -> str:
    """The same as SQL: URL-safe Base64 (RFC 4648 §5) of a JSON array. `column` tells the SQL of a column."""
    described = queryset.model._meta.fields_map  # noqa: SLF001
    parts = [
        f"{column(each.name)}::text" if isinstance(described.get(each.name), _AS_TEXT) else column(each.name)
        for each in order
    ]
    label = _fingerprint(order).replace("'", "''")
    text = f"json_build_array('{label}', {', '.join(parts)})::text"
    return f"translate(encode(convert_to({text}, 'UTF8'), 'base64'), E'+/=\\n', '-_')"


def _plain(value: Any) -> Any:
    """As PostgreSQL writes it into JSON."""
    if value is None or isinstance(value, int | float):
        return value
    return iso(value) if isinstance(value, datetime) else str(value)


def decode_cursor(queryset: QuerySet[M], order: Sequence[Column], cursor: str, argument: str) -> list[Any]:
    """The values a cursor stands for. Raises InvalidInput when it belongs to another list or was altered."""
    try:
        fingerprint, *plain = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if fingerprint != _fingerprint(order) or len(plain) != len(order):
            raise ValueError
        described = queryset.model._meta.fields_map  # noqa: SLF001
        return [
            value
            if value is None or column.name not in described
            else described[column.name].to_python_value(value)
            for column, value in zip(order, plain, strict=True)
        ]
    except (ValueError, TypeError, AttributeError, ArithmeticError, binascii.Error):
        message = "This cursor does not belong to this list in this order. Use one from the list's own edges or pageInfo."
        raise InvalidInput.one(message, argument, code="INVALID_CURSOR") from None


def beyond(order: Sequence[Column], values: Sequence[Any], *, backward: bool, inclusive: bool = False) -> Q:
    """Rows after (or before) the place `values` marks; `inclusive`: and the row there.

    PostgreSQL sorts nulls last ascending, first descending.
    """
    column, value = order[0], values[0]
    rest = order[1:]
    tie = beyond(rest, values[1:], backward=backward, inclusive=inclusive) if rest else None
    steps: list[Q] = []
    name: str = column.name
    forwards_down = column.descending != backward
    nulls_ahead = column.nullable and not forwards_down
    if value is None:
        if forwards_down:
            steps.append(_q(f"{name}__isnull", value=False))
        same = _q(f"{name}__isnull", value=True)
    else:
        steps.append(_q(f"{name}__{'lt' if forwards_down else 'gt'}", value))
        if nulls_ahead:
            steps.append(_q(f"{name}__isnull", value=True))
        same = _q(name, value)
    if tie is not None:
        steps.append(same & tie)
    elif inclusive:
        steps.append(same)
    if not steps:
        return Q(id__isnull=True)
    either = Q(*steps, join_type=Q.OR)
    if value is None or nulls_ahead or len(steps) == 1:
        return either
    # Says the same of the first column alone, so that an index is entered at the cursor and not walked up to it.
    return _q(f"{name}__{'lte' if forwards_down else 'gte'}", value) & either


def next_rows(queryset: QuerySet[M], place: Sequence[Any] | None, size: int) -> QuerySet[M]:
    """What has the next `size` rows of a list behind a place (None: from its beginning on), in the same order: the list, or,
    where one of its conditions finds those sooner, another one. Such a Q has a method `next_rows(place, size)`, which returns
    the Q to take instead, or itself.
    """
    conditions = queryset._q_objects  # noqa: SLF001  as a QuerySet's own methods do
    if not any(map(_knows_sooner, conditions)):
        return queryset
    found = queryset._clone()  # noqa: SLF001
    found._q_objects = [_next_rows(each, place, size) for each in conditions]  # noqa: SLF001
    return found


def _knows_sooner(condition: Q) -> bool:
    if hasattr(condition, "next_rows"):
        return True
    if type(condition) is not Q or condition.join_type != Q.AND or condition._is_negated:  # noqa: SLF001
        return False  # to find less of it might be to find more of the list
    return any(map(_knows_sooner, condition.children))


def _next_rows(condition: Q, place: Sequence[Any] | None, size: int) -> Q:
    if hasattr(condition, "next_rows"):
        return cast("Q", condition.next_rows(place, size))
    if not _knows_sooner(condition):
        return condition
    found = copy(condition)
    found.children = tuple(_next_rows(each, place, size) for each in condition.children)
    return found


def reversed_order(order: Sequence[Column]) -> list[str]:
    """`order_by` arguments for walking backwards."""
    return [c.name if c.descending else f"-{c.name}" for c in order]


def forward_order(order: Sequence[Column]) -> list[str]:
    return [f"-{c.name}" if c.descending else c.name for c in order]


def _q(key: str, value: Any) -> Q:
    return Q(**{key: value})


def _fingerprint(order: Sequence[Column]) -> str:
    return ",".join(forward_order(order))
