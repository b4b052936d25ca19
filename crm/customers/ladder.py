"""Looks of a search as one condition: the next is only taken where the one before finds nothing, and none further than a page
needs.

A word that very many have is not ranked a hundred thousand times for the first twenty-five: those whose name begins with the
text come first, in the order of names, and behind them, in that order too, those who have all of it themselves. Both are met
on a walk along the names. See docs/decisions/0024-pages-of-what-many-have.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

from pypika_tortoise.context import SqlContext
from pypika_tortoise.enums import Order
from pypika_tortoise.terms import Criterion
from tortoise.expressions import Expression, Q, ResolveContext, Subquery
from tortoise.filters import FilterInfoDict, get_filters_for_field
from tortoise.query_utils import QueryModifier
from tortoise.queryset import QuerySet, ValuesQuery

from crm.customers.models import Customer
from crm.customers.search_sql import table_of
from crm.kernel.paging import Column, beyond

Query = ValuesQuery[Any]

RANK = "search_rank"
BY_NAME = ("sort_name", "id")
_COLUMNS = tuple(Column(name, descending=False, nullable=False) for name in BY_NAME)
_MANY = 2000  # customers that a look finds: fewer are ranked at once
_FAR = 3000  # customers that a walk passes, in 5 ms: one in a hundred must have it
_FAR_AT_FIRST = 1000  # the same, of a text that is walked for before it is looked for
_BEHIND_ALL = "\U0010ffff"


class _OfQueries(Q):
    """A condition made of queries and, in some, of what else its SQL depends on, `form`. Wrap it in Q(...) before negating it.
    For `structure` and so on see `Told`; what is bound are its queries' values.
    """

    def __init__(self, queries: Sequence[Query], form: Any = None) -> None:
        super().__init__()
        self._queries, self._form = queries, form

    def __bool__(self) -> bool:
        return True

    def structure(self) -> tuple[Any, ...]:
        return (len(self._queries), self._form)

    def values(self) -> tuple[str, ...]:
        return ()

    def with_values(self, _values: Sequence[str]) -> Self:
        return self

    def queries(self) -> Sequence[Query]:
        return self._queries

    def with_queries(self, queries: Sequence[Query]) -> Self:
        return type(self)(queries, self._form)

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
    """A list by name, as a query for ids, and the conditions of rank 0, a name that begins with the text, and of rank 1, having
    all of it itself; None: that takes a look. `is_short`: of a text of few letters, which many have.
    """

    by_name: Query
    is_short: bool
    begins: Q
    has_all: Q | None

    def beginning(self, place: Sequence[Any]) -> Query:
        """Those of rank 0, behind a name and id."""
        return among(_behind(self.by_name, place), self.begins)

    def near(self, place: Sequence[Any], condition: Q) -> Query:
        """Those of whom it holds among the next in the list: there may be none."""
        behind = _behind(self.by_name, place)
        names = copy(behind)
        names._fields_for_select = {"sort_name": "sort_name"}
        return among(behind, _Near([names], _FAR_AT_FIRST if self.is_short else _FAR), condition)


def among(ids: Query, *conditions: Q, order: Sequence[str] | None = None) -> Query:
    """A query for ids with more conditions, or in another order. A search is made of many: by a QuerySet's own means, which copy
    all they have, it took a tenth longer.
    """
    orderings: list[Any] = ids._orderings if order is None else [(column, Order.asc) for column in order]
    return ValuesQuery(
        ids.model,
        ids._db,
        [*ids._q_objects, *conditions],
        single=ids._single,
        raise_does_not_exist=ids._raise_does_not_exist,
        fields_for_select=ids._fields_for_select,
        limit=ids._limit,
        offset=ids._offset,
        distinct=ids._distinct,
        orderings=orderings,
        annotations=ids._annotations,
        custom_filters=ids._custom_filters,
        group_bys=ids._group_bys,
        force_indexes=ids._force_indexes,
        use_indexes=ids._use_indexes,
    )


def by_rank(found: QuerySet[Customer], rank: Expression) -> QuerySet[Customer]:
    """A fresh QuerySet's customers with their rank, in that order and by name: what its annotate() and order_by() make of it,
    without their copies.
    """
    found._annotations[RANK] = rank
    found._custom_filters.update(_filters_by_rank())
    found._orderings = [(column, Order.asc) for column in (RANK, *BY_NAME)]
    return found


@cache
def _filters_by_rank() -> Mapping[str, FilterInfoDict]:
    return get_filters_for_field(RANK, None, RANK)


def _behind(by_name: Query, place: Sequence[Any]) -> Query:
    return among(by_name, beyond(_COLUMNS, place, backward=False)) if place else by_name


class First(_OfQueries):
    """Customers of the first of several looks that finds any; those behind it are not taken. A look is a query for ids."""

    def __init__(self, looks: Sequence[Query], walks: Walks | None = None) -> None:
        super().__init__(looks)
        self._walks = walks

    def next_rows(self, place: Sequence[Any] | None, size: int) -> Q:
        """See `paging.next_rows`; a place is a rank, a name and an id."""
        rank, *behind = place or (0,)
        walks = self._walks
        if walks is None or rank not in (0, 1) or (rank and walks.has_all is None):
            return self
        found = [] if rank else [walks.beginning(behind)]
        if walks.has_all is not None:
            found.append(walks.near(behind if rank else (), walks.has_all))
        page = _Page(size, walks.is_short, beginning=not rank, own=walks.has_all is not None)
        return _FirstOfPage([*found, *self._queries], page)

    def sql(self, table: str, queries: Sequence[str]) -> str:
        return _any_of_first(table, map(_unless_empty, queries))


@dataclass(frozen=True, slots=True)
class _Page:
    """Its size, and which walks there are for it; of a short text, where the look would be long, before it."""

    size: int
    is_short: bool
    beginning: bool
    own: bool


class _FirstOfPage(_OfQueries):
    """As `First`, of no more than have the rows of a page, a `_Page`, where a walk finds it full."""

    def sql(self, table: str, queries: Sequence[str]) -> str:
        page, looks = self._form, list(queries)
        beginning = looks.pop(0) if page.beginning else None
        own = looks.pop(0) if page.own else None
        look, *wider = looks
        found = [_unless_empty(look)]
        if own is not None:
            begun = "begun || ids" if page.beginning else "ids"
            near = _when(f"array({own} limit {page.size})", f"cardinality({begun}) >= {page.size}", begun)
            found = [near, *found] if page.is_short else [_few_or(look, near)]
        if beginning is not None:
            full, rest = f"cardinality(begun) = {page.size}", f"coalesce({', '.join(found)})"
            found = [_when(f"array({beginning} limit {page.size})", full, "begun", rest, name="begun")]
        return _any_of_first(table, [*found, *map(_unless_empty, wider)])


class _Near(_OfQueries):
    """Customers whose names are among the first of the query's names, so many and one."""

    def sql(self, table: str, queries: Sequence[str]) -> str:
        (names,) = queries
        return f"{table}.sort_name <= coalesce(({names} limit 1 offset {self._form}), '{_BEHIND_ALL}')"


def _any_of_first(table: str, arrays: Iterable[str]) -> str:
    return f"{table}.id = any(coalesce({', '.join(arrays)}))"


def _few_or(ids: str, walked: str) -> str:
    """What a look finds, but for what very many have only as much as walks find of it, if they fill the page.

    The look stands here once and is taken twice where it must be: all that stands in a statement takes its time to begin,
    whether it is come to or not.
    """
    looked = f"(select array({ids} limit most) as ids offset 0) looked"
    few = "most is null or cardinality(ids) < most"
    chosen = f"(select case when {few} then ids else {walked} end as chosen offset 0) decided"
    made = f"(values ({_MANY}), (null)) look(most) cross join lateral {looked} cross join lateral {chosen}"
    return f"(select nullif(chosen, '{{}}') from {made} where chosen is not null limit 1)"  # noqa: S608  our own SQL


def _unless_empty(ids: str) -> str:
    return f"nullif(array({ids}), '{{}}')"


def _when(ids: str, condition: str, then: str, otherwise: str = "null", *, name: str = "ids") -> str:
    """What an array, made once, comes to."""
    made = f"(select {ids} as {name} offset 0) found"
    return f"(select case when {condition} then {then} else {otherwise} end from {made})"  # noqa: S608  our own SQL
