"""Rows of a ValuesQuery, such as the groups of an aggregate, and the objects that are made of them."""

import copy
from collections.abc import Callable, Generator
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

from tortoise.queryset import ValuesQuery

from api.fusion.references import Reference, Uncompilable

T = TypeVar("T")


class Rows(Generic[T]):
    """A list made of an un-awaited `query`: each row has the query's columns as attributes, and `make` is given one.

    `make` also is run on a row of references, so it may do with them what a resolver may (see `references`), and it
    decides by nothing but its row: what it made is kept by its identity and the query's structure. An annotation
    whose column is shown as a scalar or enum tells its field as `field_object`, as Tortoise's own functions do.
    """

    def __init__(self, query: "ValuesQuery[Any]", make: Callable[[Any], T]) -> None:
        self.query = query
        self.make = make

    def __await__(self) -> Generator[Any, None, list[T]]:
        return self._made().__await__()

    async def _made(self) -> list[T]:
        return [self.make(SimpleNamespace(**row)) for row in await self.query]


def stand_in_of(query: "ValuesQuery[Any]", alias: str) -> SimpleNamespace:
    """A row whose columns are references to the row `alias` of the statement."""
    if query._single:
        raise Uncompilable("a ValuesQuery of one row")
    columns = {name: _field(query, source) for name, source in query._fields_for_select.items()}
    return SimpleNamespace(**{name: Reference(f'{alias}."{name}"', field) for name, field in columns.items()})


def copied(query: "ValuesQuery[Any]") -> "ValuesQuery[Any]":
    """A copy with annotations of its own: Tortoise notes more of them while it makes the SQL."""
    found = copy.copy(query)
    found._annotations = dict(query._annotations)
    return found


def _field(query: "ValuesQuery[Any]", source: str) -> Any:
    if source in query._annotations:
        return getattr(query._annotations[source], "field_object", None)
    return query.model._meta.fields_map.get(source)
