"""Rows chosen one by one, of several kinds, as one statement instead of one for each."""

import copy
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple, Self
from uuid import UUID

from pypika_tortoise.context import SqlContext
from pypika_tortoise.terms import Criterion, Term, ValueWrapper
from tortoise.expressions import Q, ResolveContext
from tortoise.query_utils import QueryModifier
from tortoise.queryset import QuerySet

from api.fusion.structure import Marker, Reader, Unstructured, read


class Chosen(list[Any]):
    """One-row QuerySets, each of which names the key of its row, and None where there is none to look for.

    As a list it is what the plain way completes, item by item. A row that is not there is null in its place.
    """


class Choice:
    """The same rows as `queries`, one for all rows that only their keys tell apart.

    `places` and `keys` are arrays of PostgreSQL's, as texts: which of the queries a place's row is of, counted from 1
    (0 for none), and its key.
    """

    def __init__(self, places: str, keys: str, queries: Sequence[QuerySet[Any]]) -> None:
        self.places = places
        self.keys = keys
        self.queries = queries


class _Group(NamedTuple):
    rest: QuerySet[Any]
    keys: list[str]


def choice_of(chosen: Chosen) -> Choice:
    """Raises Unstructured when a QuerySet does not name its row by its key alone."""
    groups: dict[Hashable, _Group] = {}
    wanted: list[tuple[_Group, UUID] | None] = []
    for query in chosen:
        if query is None:
            wanted.append(None)
            continue
        rest, key = _apart(query)
        structure, values = read(rest)
        group = groups.setdefault((structure, *values), _Group(rest, []))
        group.keys.append(str(key))
        wanted.append((group, key))
    # The same kinds in another order are the same statement.
    ordered = sorted(groups.values(), key=lambda group: group.rest.model._meta.db_table)
    place = {id(group): str(number) for number, group in enumerate(ordered, 1)}
    return Choice(
        _array(place[id(each[0])] if each else "0" for each in wanted),
        _array(str(each[1]) if each else "null" for each in wanted),
        [group.rest.filter(Q(_Keyed(_array(group.keys)))) for group in ordered],
    )


def structure_of_choice(choice: Choice) -> tuple[Hashable, list[Any]]:
    reader = Reader()
    for query in choice.queries:
        reader.query(query)
    return (Choice, reader.key), [choice.places, choice.keys, *reader.values]


def marked_choice(choice: Choice, marker: Marker) -> Choice:
    """With slots, numbered as `structure_of_choice` lists the values."""
    places, keys = marker.text(str), marker.text(str)
    return Choice(places, keys, [marker.query(query) for query in choice.queries])


def chosen_sql(choice: Choice, rows: str, context: SqlContext) -> str:
    """The JSON of the list; `rows` tells place, key and JSON of what was found."""
    wanted = f"{_bound(choice.places, 'int', context)}, {_bound(choice.keys, 'uuid', context)}"
    return (
        f"(select coalesce(json_agg(f.value order by w.number), '[]'::json) from unnest({wanted}) with ordinality "
        f"w(place, key, number) left join ({rows}) f(place, key, value) on f.place = w.place and f.key = w.key)"
    )


def _bound(text: str, kind: str, context: SqlContext) -> str:
    """An array that is bound as a text: so the statement is the same however many items it has."""
    return f"{ValueWrapper(text).get_sql(context)}::text::{kind}[]"


def _array(items: Iterable[str]) -> str:
    return "{" + ",".join(items) + "}"


def _apart(query: Any) -> tuple[QuerySet[Any], UUID]:
    """A QuerySet of one row as one of all rows, and the key it named."""
    if not isinstance(query, QuerySet) or not query._single or query._raise_does_not_exist or query._offset:
        raise Unstructured("not a QuerySet of one row")
    name = query.model._meta.pk_attr
    for q in query._q_objects:
        if type(q) is Q and q.filters.keys() == {name} and not q.children and not q._is_negated:
            key: Any = q.filters[name]
            if isinstance(key, UUID):
                rest = query._clone()
                rest._q_objects = [each for each in query._q_objects if each is not q]
                rest._single, rest._limit = False, None
                return rest, key
    raise Unstructured("a QuerySet of one row that is not named by its key")


class _Keyed(Q):
    """Rows whose key is in an array that is bound as a text."""

    def __init__(self, keys: str) -> None:
        super().__init__()
        self.keys = keys

    def __bool__(self) -> bool:
        return True

    def structure(self) -> str:
        return "keyed"

    def values(self) -> list[str]:
        return [self.keys]

    def with_values(self, values: Sequence[str]) -> Self:
        found = copy.copy(self)
        (found.keys,) = values
        return found

    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        table: Any = resolve_context.table
        return QueryModifier(where_criterion=_Any(table[resolve_context.model._meta.db_pk_column], self.keys))


class _Any(Criterion):
    def __init__(self, column: Term, keys: str) -> None:
        super().__init__()
        self.column = column
        self.keys = keys

    def get_sql(self, ctx: SqlContext) -> str:
        return f"{self.column.get_sql(ctx)} = any({_bound(self.keys, 'uuid', ctx)})"
