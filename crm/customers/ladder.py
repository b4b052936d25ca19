"""Looks of a search as one condition: the next is only taken where the one before finds nothing, and none further than a page
needs.

A word that very many have is not ranked a hundred thousand times for the first twenty-five: those whose name begins with the
text come first, in the order of names, and behind them, in that order too, those who have all of it themselves. Both are met
on a walk along the names. See docs/decisions/0024-pages-of-what-many-have.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from pypika_tortoise.context import SqlContext
from pypika_tortoise.terms import Criterion
from tortoise.expressions import Q, ResolveContext, Subquery
from tortoise.query_utils import QueryModifier
from tortoise.queryset import QuerySet, ValuesQuery

from crm.customers.models import Customer
from crm.customers.search_sql import table_of
from crm.kernel.paging import beyond, order_of

Customers = QuerySet[Customer]
Query = ValuesQuery[Any]

_MANY = 2000  # customers that a look finds: fewer are ranked in the time that a walk may take in vain
_FAR = 2000  # customers that a walk passes
_BEHIND_ALL = "\U0010ffff"


class _OfQueries(Q):
    """A condition made of queries. Wrap it in Q(...) before negating it. For `structure` and so on see `Told`; what is bound
    are its queries' values.
    """

    def __init__(self, queries: Sequence[Query]) -> None:
        super().__init__()
        self._queries = queries

    def __bool__(self) -> bool:
        return True

    def structure(self) -> tuple[Any, ...]:
        return (len(self._queries),)

    def values(self) -> tuple[str, ...]:
        return ()

    def with_values(self, _values: Sequence[str]) -> Self:
        return self

    def queries(self) -> Sequence[Query]:
        return self._queries

    def with_queries(self, queries: Sequence[Query]) -> Self:
        return type(self)(queries)

    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        return QueryModifier(where_criterion=_Made(self, table_of(resolve_context)))

    def sql(self, table: str, queries: Sequence[str]) -> str:
        raise NotImplementedError


class _Made(Criterion):
    def __init__(self, condition: _OfQueries, table: str) -> None:
        super().__init__()
        self.condition, self.table = condition, table

    def get_sql(self, ctx: SqlContext) -> str:
        inner = ctx.copy(with_alias=False, subquery=False, subcriterion=False)
        queries = [Subquery(each).get_sql(inner) for each in self.condition.queries()]
        return self.condition.sql(self.table, queries)


@dataclass(frozen=True, slots=True)
class Walks:
    """A list in the order that is its own behind the rank: all of it, those whose name begins with the text (rank 0), and the
    condition of rank 1, having all of it themselves; None: that takes a look.
    """

    everybody: Customers
    beginning: Customers
    own: Q | None

    def own_near(self, place: Sequence[Any]) -> Customers:
        """Of rank 1 among those next in the list: there may be none."""
        near = _behind(self.everybody, place)
        return near.filter(Q(_Near([near.values("sort_name")])), self.own or Q())


class First(_OfQueries):
    """Customers of the first of several looks that finds any; those behind it are not taken. A look is a query for ids."""

    def __init__(self, looks: Sequence[Query], walks: Walks | None = None) -> None:
        super().__init__(looks)
        self._walks = walks

    def next_rows(self, place: Sequence[Any] | None, size: int) -> Q:
        """See `paging.next_rows`; a place is a rank, a name and an id."""
        rank, *behind = place or (0,)
        walks = self._walks
        if walks is None or rank > 1 or (rank and walks.own is None):
            return self
        found: list[Query] = []
        if not rank:
            found.append(_behind(walks.beginning, behind).values("id"))
        if walks.own:
            found.append(walks.own_near(behind if rank else ()).values("id"))
        return _FirstOfPage(
            [*found, *self._queries], _Page(size, beginning=not rank, own=walks.own is not None)
        )

    def sql(self, table: str, queries: Sequence[str]) -> str:
        return _any_of_first(table, map(_unless_empty, queries))


@dataclass(frozen=True, slots=True)
class _Page:
    """Its size, and which walks there are for it."""

    size: int
    beginning: bool
    own: bool


class _FirstOfPage(_OfQueries):
    """As `First`, of no more than have the rows of a page, where a walk finds it full."""

    def __init__(self, queries: Sequence[Query], page: _Page) -> None:
        super().__init__(queries)
        self._page = page

    def structure(self) -> tuple[Any, ...]:
        return (*super().structure(), self._page)

    def with_queries(self, queries: Sequence[Query]) -> Self:
        return type(self)(queries, self._page)

    def sql(self, table: str, queries: Sequence[str]) -> str:
        size, looks = self._page.size, list(queries)
        beginning = f"array({looks.pop(0)} limit {size})" if self._page.beginning else "'{}'::uuid[]"
        own = f"array({looks.pop(0)} limit {size})" if self._page.own else None
        first, *others = looks
        found = [_unless_empty(each) for each in others]
        if own is None:
            found.insert(0, _unless_empty(first))
        else:
            walked = _when(own, f"cardinality(ids) = {size}", f"{beginning} || ids")
            many = f"coalesce({walked}, array({first}))"
            few = _when(
                f"array({first} limit {_MANY})", f"cardinality(ids) < {_MANY}", "nullif(ids, '{}')", many
            )
            found.insert(0, few)
        if self._page.beginning:
            found.insert(0, _when(beginning, f"cardinality(ids) = {size}", "ids"))
        return _any_of_first(table, found)


class _Near(_OfQueries):
    """Customers that come no later than the last of the first `_FAR` names of the query."""

    def sql(self, table: str, queries: Sequence[str]) -> str:
        (names,) = queries
        return f"{table}.sort_name <= coalesce(({names} limit 1 offset {_FAR}), '{_BEHIND_ALL}')"


def _behind(customers: Customers, place: Sequence[Any]) -> Customers:
    return customers.filter(beyond(order_of(customers), place, backward=False)) if place else customers


def _any_of_first(table: str, arrays: Iterable[str]) -> str:
    return f"{table}.id = any(coalesce({', '.join(arrays)}))"


def _unless_empty(ids: str) -> str:
    return f"nullif(array({ids}), '{{}}')"


def _when(ids: str, condition: str, then: str, otherwise: str = "null") -> str:
    """What an array, made once, comes to."""
    made = f"(select {ids} as ids offset 0) found"
    return f"(select case when {condition} then {then} else {otherwise} end from {made})"  # noqa: S608  our own SQL
