"""Looks of a search as one condition: the next is only taken where the one before finds nothing, and none further than a page
needs.

A word that very many have is not ranked a hundred thousand times for the first twenty-five: those whose name begins with the
text come first, in the order of names, and behind them, in that order too, those who have all of it themselves, and those who
have it with their contacts' words. All are met on a walk along the names. See docs/decisions/0024-pages-of-what-many-have.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice
from typing import Any, Self

from pypika_tortoise.context import SqlContext
from pypika_tortoise.enums import Order
from pypika_tortoise.terms import Criterion, ValueWrapper
from tortoise.expressions import Expression, Q, ResolveContext, Subquery
from tortoise.filters import FilterInfoDict, get_filters_for_field
from tortoise.query_utils import QueryModifier
from tortoise.queryset import QuerySet, ValuesQuery

from crm.customers.models import Customer
from crm.customers.search_sql import PEOPLE, People, Sql, table_of
from crm.kernel.paging import Column, beyond

Query = ValuesQuery[Any]

RANK = "search_rank"
BY_NAME = ("sort_name", "id")
_COLUMNS = tuple(Column(name, descending=False, nullable=False) for name in BY_NAME)
_MANY = 2000  # customers that a look finds: fewer are ranked at once
_FAR = 3000  # customers that a walk passes, in 5 ms: one in a hundred must have it
_FAR_AT_FIRST = 1000  # the same, of a short text, which need not be common
_WALKED = range(3)  # ranks that are met on a walk
_THEIRS = 2
_READ = {name: name for name in ("id", "sort_name", "name", "email", PEOPLE)}  # of whom a walk passes


class _OfQueries(Q):
    """A condition made of queries and, in some, of values and of what else its SQL depends on, `form`. Wrap it in Q(...) before
    negating it. For `structure` and so on see `Told`.
    """

    def __init__(self, queries: Sequence[Query], form: Any = None, values: Sequence[str] = ()) -> None:
        super().__init__()
        self._queries, self._form, self._values = queries, form, values

    def __bool__(self) -> bool:
        return True

    def structure(self) -> tuple[Any, ...]:
        return (len(self._queries), self._form, len(self._values))

    def values(self) -> Sequence[str]:
        return self._values

    def with_values(self, values: Sequence[str]) -> Self:
        told = copy(self)
        told._values = values
        return told

    def queries(self) -> Sequence[Query]:
        return self._queries

    def with_queries(self, queries: Sequence[Query]) -> Self:
        made = copy(self)
        made._queries = queries
        return made

    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        return QueryModifier(where_criterion=_Made(self, table_of(resolve_context)))

    def sql(self, table: str, queries: Sequence[str], values: Sequence[str]) -> str:
        raise NotImplementedError


class _Made(Criterion):
    def __init__(self, condition: _OfQueries, table: str) -> None:
        super().__init__()
        self.condition, self.table = condition, table

    def get_sql(self, ctx: SqlContext) -> str:
        inner = ctx.copy(with_alias=False, subquery=False, subcriterion=False)
        queries = [Subquery(each).get_sql(inner) for each in self.condition.queries()]
        values = [f"{ValueWrapper(each).get_sql(inner)}::text" for each in self.condition.values()]
        return self.condition.sql(self.table, queries, values)


@dataclass(frozen=True, slots=True)
class Ranks:
    """The conditions of rank 1, a customer that has all of a text itself, and of rank 2, one that has it with its contacts'
    words. The text is of these `terms`, of which an index of letters can find the `longest`; None: it can find none.
    """

    own: Sql
    theirs: Sql
    terms: Sequence[str]
    longest: str | None


@dataclass(frozen=True, slots=True)
class Walks:
    """A list by name, as a query for ids, the condition of rank 0, a name that begins with the text, and further ranks; None:
    those take a look. `is_short`: of a text of few letters, which many have.
    """

    by_name: Query
    is_short: bool
    begins: Q
    ranks: Ranks | None

    def page(self, looks: Sequence[Query], rank: int, place: Sequence[Any], size: int) -> Q | None:
        """Those of the looks that a page can have behind a place, a name and id in a rank; None: walks do not meet them."""
        met = self._met(rank, place)
        if not met:
            return None
        told = self._told(met)
        counts = tuple((name, len(values)) for name, values in told.items())
        own, theirs = (self.ranks.own.text, self.ranks.theirs.text) if self.ranks else ("", "")
        form = _Form(size, tuple(met), counts, own, theirs, is_short=self.is_short)
        return _FirstOfPage([*met.values(), *looks], form, list(chain.from_iterable(told.values())))

    def _met(self, rank: int, place: Sequence[Any]) -> Mapping[str, Query]:
        """What is walked along, of this rank and further ones."""
        behind = _behind(self.by_name, place)
        met = {} if rank else {"beginning": among(behind, self.begins)}
        if self.ranks is None:
            return met
        if rank == _THEIRS:
            return {"theirs": _passed(behind)}
        met["own"] = _passed(behind if rank else self.by_name)
        if self.ranks.longest is not None:
            met["all_own"] = among(met["own"], _InOwn([]), order=())
            met["theirs"] = _passed(self.by_name)
        return met

    def _told(self, met: Mapping[str, Query]) -> Mapping[str, Sequence[str]]:
        """What is told the database of the text."""
        ranks, told = self.ranks, dict[str, Sequence[str]]()
        if ranks is None:
            return told
        if not self.is_short:
            told["terms"] = ranks.terms
        if "own" in met:
            told["own"] = ranks.own.values
        if "theirs" in met:
            told["theirs"] = ranks.theirs.values
        if "all_own" in met and ranks.longest is not None:
            told["longest"] = [ranks.longest]
        return told


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


def _passed(ids: Query) -> Query:
    passed = among(ids)
    passed._fields_for_select = _READ
    passed._annotations = {**ids._annotations, PEOPLE: People()}
    return passed


class First(_OfQueries):
    """Customers of the first of several looks that finds any; those behind it are not taken. A look is a query for ids."""

    def __init__(self, looks: Sequence[Query], walks: Walks | None = None) -> None:
        super().__init__(looks)
        self._walks = walks

    def next_rows(self, place: Sequence[Any] | None, size: int) -> Q:
        """See `paging.next_rows`; a place is a rank, a name and an id."""
        rank, *behind = place or (0,)
        walks = self._walks if rank in _WALKED else None  # a place comes from outside
        return (walks and walks.page(self._queries, rank, behind, size)) or self

    def sql(self, table: str, queries: Sequence[str], _values: Sequence[str]) -> str:
        return _any_of_first(table, map(_unless_empty, queries))


@dataclass(frozen=True, slots=True)
class _Form:
    """A page's size, its queries but for looks, how many values there are of what, and the conditions of ranks."""

    size: int
    met: tuple[str, ...]
    told: tuple[tuple[str, int], ...]
    own: str
    theirs: str
    is_short: bool


class _FirstOfPage(_OfQueries):
    """As `First`, of no more than have the rows of a page, a `_Form`, where a walk finds it full."""

    def sql(self, table: str, queries: Sequence[str], values: Sequence[str]) -> str:
        form: _Form = self._form
        left, each = iter(queries), iter(values)
        met = {name: next(left) for name in form.met}
        told = {name: list(islice(each, count)) for name, count in form.told}
        look, *wider = left
        found = _unless_empty(look)
        if form.own:
            found = _few_or(look, _common(form, told), _walked(form, met, told))
        if "beginning" in met:
            begun = f"array({met['beginning']} limit {form.size})"
            found = _when(begun, f"cardinality(begun) = {form.size}", "begun", found, name="begun")
        return _any_of_first(table, [found, *map(_unless_empty, wider)])


def _common(form: _Form, told: Mapping[str, Sequence[str]]) -> str:
    return "true" if form.is_short else f"kith_common(array[{', '.join(told['terms'])}])"


def _walked(form: _Form, met: Mapping[str, str], told: Mapping[str, Sequence[str]]) -> str:
    """Whom walks meet, if they fill a page behind those who have `begun`. Where it is known that many have the text with their
    contacts' alone, those who have it themselves are not walked for.
    """
    begun = "begun || ids" if "beginning" in met else "ids"
    full = f"cardinality({begun}) >= {form.size}", begun
    tries = []
    if "own" in met:
        own = _on_walk(form, met["own"], form.own.format(*told["own"]))
        tries.append(_when(f"case when common is not false then {own} end", *full))
    if "theirs" in met:
        ids = _on_walk(form, met["theirs"], form.theirs.format(*told["theirs"]))
        if "all_own" in met:
            has_all = form.own.format(*told["own"])
            all_own = f"array(select id from ({met['all_own']}) passed where {has_all})"  # noqa: S608  our own SQL
            known = f"(select kith_own({told['longest'][0]}, {_MANY}) as own offset 0) known"
            ids = f"(select case when own is not null then {all_own} || {ids} end from {known})"  # noqa: S608
        tries.append(_when(ids, *full))
    return f"coalesce({', '.join(tries)})"


def _on_walk(form: _Form, passed: str, has: str) -> str:
    """A page of those who have it of a walk's first customers."""
    far = f"({passed} limit {_FAR_AT_FIRST if form.is_short else _FAR}) passed"
    return f"array(select id from {far} where {has} order by sort_name, id limit {form.size})"  # noqa: S608


class _InOwn(_OfQueries):
    """Customers whose ids are in the array `own`."""

    def sql(self, table: str, _queries: Sequence[str], _values: Sequence[str]) -> str:
        return f"{table}.id = any(own)"


def _any_of_first(table: str, arrays: Iterable[str]) -> str:
    return f"{table}.id = any(coalesce({', '.join(arrays)}))"


def _few_or(ids: str, common: str, walked: str) -> str:
    """What a look finds, but for what very many have only as much as walks find of it, if they fill the page. Of what is known
    as `common` the walks come first.

    The look stands here once and is taken twice where it must be: all that stands in a statement takes its time to begin,
    whether it is come to or not.
    """
    counted = f"(select {common} as common offset 0) counted"
    limits = f"(values (case when common is null then {_MANY} else 0 end), (null)) look(most)"
    looked = f"(select array({ids} limit most) as ids offset 0) looked"
    few = "most is null or cardinality(ids) < most"
    chosen = f"(select case when {few} then ids else {walked} end as chosen offset 0) decided"
    made = f"{counted} cross join lateral {limits} cross join lateral {looked} cross join lateral {chosen}"
    return f"(select nullif(chosen, '{{}}') from {made} where chosen is not null limit 1)"  # noqa: S608  our own SQL


def _unless_empty(ids: str) -> str:
    return f"nullif(array({ids}), '{{}}')"


def _when(ids: str, condition: str, then: str, otherwise: str = "null", *, name: str = "ids") -> str:
    """What an array, made once, comes to."""
    made = f"(select {ids} as {name} offset 0) found"
    return f"(select case when {condition} then {then} else {otherwise} end from {made})"  # noqa: S608  our own SQL
