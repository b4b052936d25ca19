"""The SQL of dimensions and measures, as expressions that Tortoise selects, groups and orders by."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pypika_tortoise.context import SqlContext
from pypika_tortoise.terms import Term, ValueWrapper
from pypika_tortoise.utils import format_alias_sql
from tortoise import fields
from tortoise.expressions import Expression, ResolveContext, ResolveResult
from tortoise.query_utils import resolve_nested_field

from crm.analytics.rules import (
    COUNT,
    DateBucket,
    Dimension,
    Holds,
    Measure,
    Statistic,
    currency_column,
    measure_column,
)

_DECIMALS = 4  # of the average of whole numbers


class Written(Expression):
    """SQL with a `{}` for each of its columns, then for each of its values; `field_object` is what it comes to.

    `structure`, `values` and `with_values` tell it apart from its values, so that its statement can be kept.
    """

    def __init__(
        self, text: str, columns: Sequence[str] = (), values: Sequence[str] = (), field: Any = None
    ) -> None:
        self._text, self._columns, self._values = text, tuple(columns), tuple(values)
        self.field_object = field

    def structure(self) -> tuple[str, tuple[str, ...]]:
        return self._text, self._columns

    def values(self) -> tuple[str, ...]:
        return self._values

    def with_values(self, values: Sequence[str]) -> Self:
        return type(self)(self._text, self._columns, values, self.field_object)

    def around(self, text: str) -> "Written":
        """An expression with this one in the place of `{}`."""
        return Written(text.replace("{}", self._text), self._columns, self._values)

    def resolve(self, resolve_context: ResolveContext) -> ResolveResult:
        found = [resolve_nested_field(resolve_context.model, resolve_context.table, c) for c in self._columns]
        term = _WrittenTerm(self._text, [column for column, _, _ in found], self._values)
        return ResolveResult(term=term, joins=[join for _, joins, _ in found for join in joins])


class _WrittenTerm(Term):
    """To Tortoise it is no aggregate, even where it is: what the rows are grouped by is always said."""

    def __init__(self, text: str, columns: Sequence[Term], values: Sequence[str]) -> None:
        super().__init__()
        self.text, self.columns, self.values = text, columns, values

    def get_sql(self, ctx: SqlContext) -> str:
        plain = ctx.copy(with_alias=False, with_namespace=True)
        columns = [column.get_sql(plain) for column in self.columns]
        values = [f"{ValueWrapper(value).get_sql(plain)}::text" for value in self.values]
        sql = self.text.format(*columns, *values)
        return format_alias_sql(sql, self.alias, ctx) if ctx.with_alias else sql


def key(dimension: Dimension, bucket: DateBucket | None, time_zone: str) -> Written:
    """What the records of a group have in common: the value, or the first day of the bucket."""
    if dimension.holds is Holds.INSTANT:
        local = f"({dimension.sql} at time zone {{1}})"
        return Written(_first_day(local, bucket), dimension.columns, (time_zone,), fields.DateField())
    if dimension.holds is Holds.DAY:
        return Written(_first_day(dimension.sql, bucket), dimension.columns, field=fields.DateField())
    return Written(dimension.sql, dimension.columns, field=_field(dimension))


def _first_day(sql: str, bucket: DateBucket | None) -> str:
    if bucket in {None, DateBucket.DAY}:
        return f"{sql}::date"
    return f"date_trunc('{str(bucket).lower()}', {sql}::timestamp)::date"


def _field(dimension: Dimension) -> Any:
    if dimension.choices is not None:
        return fields.CharEnumField(dimension.choices)
    return fields.UUIDField() if dimension.holds is Holds.RECORD else fields.TextField()


def place(dimension: Dimension) -> Written | None:
    """What groups are ordered by where that is not the key itself: a choice's place, a record's name."""
    if dimension.choices is not None:
        choices = ", ".join(f"'{choice.value}'" for choice in dimension.choices)
        return Written(f"array_position(array[{choices}], ({dimension.sql})::text)", dimension.columns)
    if dimension.holds is Holds.RECORD:
        text = f"(select r.name from {dimension.table} r where r.id = {dimension.sql})"  # noqa: S608  our own table
        return Written(text, dimension.columns)
    return None


def statistics(measures: Mapping[str, Measure]) -> dict[str, Written]:
    """The columns of the answer beside the keys."""
    found = {COUNT: Written("count(*)", field=fields.IntField())}
    for name, measure in measures.items():
        found |= _amounts(name, measure) if measure.currency else _numbers(name, measure)
    return found


def _numbers(name: str, measure: Measure) -> dict[str, Written]:
    exact, whole = fields.DecimalField(max_digits=30, decimal_places=_DECIMALS), fields.IntField()
    texts = {
        Statistic.SUM: ("sum({0})::numeric", exact),
        Statistic.AVG: (f"round(avg({{0}}), {_DECIMALS})", exact),
        Statistic.MIN: ("min({0})", whole),
        Statistic.MAX: ("max({0})", whole),
    }
    return {
        measure_column(name, each): Written(text, (measure.column,), field=field)
        for each, (text, field) in texts.items()
    }


def _amounts(name: str, measure: Measure) -> dict[str, Written]:
    """Null where the amounts of a group are in several currencies: such a sum would say nothing."""
    columns = (measure.column, measure.currency or "")
    valued = "({1}) filter (where {0} is not null)"
    currency = f"case when min{valued} = max{valued} then min{valued} end"
    found = {currency_column(name): Written(currency, columns, field=fields.TextField())}
    for each in Statistic:
        text = f"case when min{valued} = max{valued} then {each.value}({{0}}) end"
        found[measure_column(name, each)] = Written(text, columns)
    return found
