"""The structure of a QuerySet, apart from its values: what the SQL depends on, and what is bound on every request.

`read` walks a query once a request and tells its key and its values; `marked` makes a copy, once a plan, in which
each of these values is a slot. Both walk alike, so that the n-th value belongs into the n-th slot.

A part that is no QuerySet of Tortoise's own (a Q or Expression of the application's) takes part when it has
`structure()`, a hashable, `values()`, its strings in order, and `with_values(values)`, a copy; if it holds queries,
also `queries()`, all of them in order, and `with_queries(queries)`, a copy. Anything else is Unstructured: the statement
is then made anew on each request, which is correct and only slower. With `varies = True` it says that its values tell how
many rows there are.
"""

import copy
import secrets
from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

from pypika_tortoise.context import SqlContext
from pypika_tortoise.terms import Term
from tortoise import Model
from tortoise.expressions import F, Q, Subquery
from tortoise.fields import UUIDField
from tortoise.filters import escape_like
from tortoise.queryset import CountQuery, QuerySet, ValuesQuery

Encoder = Callable[[Any], Any]
T = TypeVar("T")
_Part = tuple[int, type[Model] | None]
"""A query, condition or expression by its identity; conditions with the model whose columns they speak of."""

_RANGES = frozenset({"gt", "gte", "lt", "lte"})
_PLAIN = _RANGES | {"not"}
_LISTS = frozenset({"in", "not_in"})
_LIKE = frozenset({"contains", "icontains", "startswith", "istartswith", "endswith", "iendswith"})
_SECRET = secrets.token_hex(16)  # so that no caller's own text is taken for a slot
_BOUND = (UUID, str, int, Decimal, datetime, date, float)
_CONSTANT = (bool, Enum, type(None))


class Unstructured(Exception):
    """The query has a part whose values cannot be told from its structure."""


class Slot(Term):
    """Where the value number `index` goes. `encode` is what Tortoise does to such a value."""

    def __init__(self, index: int, encode: Encoder) -> None:
        super().__init__()
        self.index = index
        self.encode = encode

    def get_sql(self, ctx: SqlContext) -> str:
        assert ctx.parameterizer is not None  # noqa: S101  statements are always parameterized here
        return str(ctx.parameterizer.create_param(self).get_sql(ctx))


class SlotText(str):
    """A text for a LIKE pattern or for a Q of the application's: it survives having signs put around it."""

    __slots__ = ("slot",)
    slot: Slot


class _List(Term):
    def __init__(self, items: Sequence[Term]) -> None:
        super().__init__()
        self.items = items

    def get_sql(self, ctx: SqlContext) -> str:
        return f"({','.join(item.get_sql(ctx) for item in self.items)})"


class _Literal(Term):
    """A choice: written into the statement, so that the planner knows how frequent it is."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def get_sql(self, ctx: SqlContext) -> str:
        del ctx
        return "'" + self.text.replace("'", "''") + "'"


# --- the key and the values --------------------------------------------------------------------------------


class Reader:
    """Tells the key of some queries, one after the other, and their values. Raises Unstructured.

    `once`: what stands in several places, the very same object, is read once, such as a list's conditions in each of the queries
    that are made of it. Where nothing does, that would only take time.
    """

    def __init__(self, *, once: bool = False) -> None:
        self.values: list[Any] = []
        self._once = once
        self._key: list[Hashable] = []
        self._known: dict[_Part, int] = {}

    @property
    def key(self) -> Hashable:
        return tuple(self._key)

    def _is_known(self, part: _Part) -> bool:
        number = self._known.get(part)
        if number is None:
            self._known[part] = len(self._known)
            return False
        self._key.append(number)
        return True

    def query(self, query: Any) -> None:
        if self._once and self._is_known((id(query), None)):
            return
        key = self._key
        if isinstance(query, QuerySet):
            if (
                query._prefetch_map
                or query._select_related
                or query._group_bys
                or query._having
                or query._select_for_update
                or query._fields_for_select
            ):
                raise Unstructured("a QuerySet with more than filters and an order")
            key.append((query.model, query._single, query._limit, query._offset, query._distinct))
            key += query._orderings
        elif isinstance(query, ValuesQuery):
            key.append((query.model, query._limit, query._offset, query._distinct, query._group_bys))
            key += query._fields_for_select.items()
            key += query._orderings
        elif isinstance(query, CountQuery):
            key.append((CountQuery, query.model, query._limit, query._offset, query._distinct))
        else:
            raise Unstructured(type(query).__name__)
        if query._annotations:
            for name, expression in query._annotations.items():
                key.append(name)
                self._expression(expression)
        self.conditions(query._q_objects, query.model)

    def conditions(self, conditions: Sequence[Q], model: type[Model]) -> None:
        self._key.append(len(conditions))  # a list's own are not to be taken for those of its page
        for each in conditions:
            self._condition(each, model)

    def _expression(self, expression: Any) -> None:
        if self._once and self._is_known((id(expression), None)):
            return
        if not hasattr(expression, "structure"):
            raise Unstructured(type(expression).__name__)
        self._key.append((type(expression), expression.structure()))
        self.values += expression.values()
        if hasattr(expression, "queries"):
            for query in expression.queries():
                self.query(query)

    def _condition(self, q: Q, model: type[Model]) -> None:
        if self._once and self._is_known((id(q), model)):
            return
        kind = type(q)
        if kind is not Q:
            if hasattr(q, "structure"):
                self._expression(q)
                return
            if q.__dict__:
                raise Unstructured(kind.__name__)
        self._key.append((kind, q.join_type, q._is_negated, len(q.children), len(q.filters)))
        for name, value in q.filters.items():
            self._value(name, value)
        for child in q.children:
            self._condition(child, model)

    def _value(self, name: str, value: Any) -> None:
        key = self._key
        kind = type(value)
        lookup = name.rpartition("__")[2]
        if isinstance(value, _CONSTANT):
            key.append((name, value))
        elif isinstance(value, _BOUND):
            if lookup in _LISTS:
                raise Unstructured(f"{name} of {kind.__name__}")
            key.append((name, kind))
            self.values.append(value)
        elif lookup in _LISTS and isinstance(value, list | tuple | set | frozenset):
            items = list(value)
            if items and isinstance(items[0], Enum):
                key.append((name, tuple(items)))
                return
            key.append((name, len(items)))
            self.values += items
        elif isinstance(value, Subquery):
            key.append(name)
            self.query(value.query)
        elif isinstance(value, F):
            key.append((name, F, str(value.name)))
        elif isinstance(value, list) and all(isinstance(each, str) for each in value):
            key.append((name, tuple(value)))  # a look-up of an array
        else:
            raise Unstructured(f"{name} of {kind.__name__}")


def read(query: Any) -> tuple[Hashable, list[Any]]:
    """The structure of a QuerySet (or of a count or values query) and its values. Raises Unstructured."""
    reader = Reader()
    reader.query(query)
    return reader.key, reader.values


# --- what a plan may be made for -----------------------------------------------------------------------------


def varies(query: Any) -> bool:
    """Whether its filters may let through one row or all, depending on a value: a range or a pattern among them does, and
    related rows do.
    """
    return any(map(_q_varies, query._q_objects))


def _q_varies(q: Q) -> bool:
    if getattr(q, "varies", False):
        return True
    if hasattr(q, "queries"):
        return any(map(varies, q.queries()))
    return any(_value_varies(*each) for each in q.filters.items()) or any(map(_q_varies, q.children))


def _value_varies(name: str, value: Any) -> bool:
    if isinstance(value, Subquery):
        return True
    return name.rpartition("__")[2] in _RANGES | _LIKE and isinstance(value, _BOUND)


# --- the copy with slots -----------------------------------------------------------------------------------


class Marker:
    """Makes the copies; the slots of all of them are numbered on. `once`: as of the `Reader`; what it reads once has one copy."""

    def __init__(self, *, once: bool = False) -> None:
        self.count = 0
        self._once = once
        self.texts: list[SlotText] = []
        self._known: dict[_Part, Any] = {}

    def slot(self, encode: Encoder) -> Slot:
        self.count += 1
        return Slot(self.count - 1, encode)

    def text(self, encode: Encoder) -> SlotText:
        """A text that nothing changes: neither case, nor LIKE's signs, nor trimming."""
        marked = SlotText(f"\ue001{_SECRET}{self.count}\ue002")
        marked.slot = self.slot(encode)
        self.texts.append(marked)
        return marked

    def _made(self, part: _Part, make: Callable[[], T]) -> T:
        found: T | None = self._known.get(part) if self._once else None
        if found is None:
            found = self._known[part] = make()
        return found

    def query(self, query: Any) -> Any:
        return self._made((id(query), None), lambda: self._query(query))

    def _query(self, query: Any) -> Any:
        copied = query._clone() if isinstance(query, QuerySet) else copy.copy(query)
        if query._annotations:
            copied._annotations = {n: self.expression(e) for n, e in query._annotations.items()}
        copied._q_objects = self.conditions(query._q_objects, query.model)
        return copied

    def conditions(self, conditions: Sequence[Q], model: type[Model]) -> list[Q]:
        return [self.condition(each, model) for each in conditions]

    def condition(self, q: Q, model: type[Model]) -> Q:
        return self._made((id(q), model), lambda: self._condition(q, model))

    def _condition(self, q: Q, model: type[Model]) -> Q:
        if hasattr(q, "structure"):
            return self.expression(q)  # type: ignore[no-any-return]
        copied = copy.copy(q)
        copied.filters = {name: self.value(name, value, model) for name, value in q.filters.items()}
        copied.children = tuple(self.condition(each, model) for each in q.children)
        return copied

    def expression(self, expression: Any) -> Any:
        return self._made((id(expression), None), lambda: self._expression(expression))

    def _expression(self, expression: Any) -> Any:
        copied = expression.with_values([self.text(_itself) for _ in expression.values()])
        if hasattr(expression, "queries"):
            copied = copied.with_queries([self.query(each) for each in expression.queries()])
        return copied

    def value(self, name: str, value: Any, model: type[Model]) -> Any:  # noqa: PLR0911  as `_read_value`
        lookup = name.rpartition("__")[2]
        if isinstance(value, Enum):
            return _Literal(str(value.value)) if lookup not in _LIKE else value
        if isinstance(value, _CONSTANT):
            return value
        if isinstance(value, _BOUND):
            if lookup in _LIKE and isinstance(value, str):
                return self.text(escape_like)
            return self.slot(encoder(model, name))
        if lookup in _LISTS and isinstance(value, list | tuple | set | frozenset):
            items = list(value)
            if not items:
                return items
            if isinstance(items[0], Enum):
                return _List([_Literal(str(each.value)) for each in items])
            encode = encoder(model, name)
            return _List([self.slot(encode) for _ in items])
        if isinstance(value, Subquery):
            return Subquery(self.query(value.query))
        return value


def _itself(value: Any) -> Any:
    return value


@lru_cache(maxsize=2000)
def encoder(model: type[Model], name: str) -> Encoder:
    """What Tortoise does to the value of a filter of `model` before it is bound. Raises Unstructured."""
    meta = model._meta
    column, _, lookup = name.rpartition("__")
    plain = name if name in meta.filters else column if lookup in _PLAIN | _LISTS else name
    if plain in meta.filters:
        info = meta.get_filter(plain)
        if "table" in info:
            raise Unstructured(f"{name}, through another table")
        field = meta.fields_map[info["field"]]
        if isinstance(field, UUIDField):
            return _itself  # asyncpg takes the key as it is
        return lambda value: field.to_db_value(value, model)
    first, _, rest = name.partition("__")
    relation = meta.fields_map.get(first)
    related = getattr(relation, "related_model", None)
    if related is None:
        return _itself  # an annotation
    return encoder(related, rest or "pk")


def parts(value: str, texts: Sequence[SlotText]) -> Iterator[tuple[str, SlotText, str]]:
    """The text slot a value holds, with what stands before and behind it."""
    for marked in texts:
        before, found, behind = value.partition(marked)
        if found:
            yield before, marked, behind
