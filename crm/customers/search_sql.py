"""SQL of the search's own as conditions in Tortoise's queries."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from pypika_tortoise.context import SqlContext
from pypika_tortoise.terms import Criterion, ValueWrapper
from pypika_tortoise.utils import format_alias_sql
from tortoise.expressions import Expression, Q, ResolveContext, ResolveResult
from tortoise.query_utils import QueryModifier

SIGNS = re.compile(r"[\W_]+")
# As the index has it.
PEOPLE = "people"
WORDS = "kith_customer_words({table}.name, {table}.email, {table}.people)"


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL about `{table}`, a customer, with a `{}` for each of its values."""

    text: str
    values: tuple[str, ...] = ()

    def of(self, table: str) -> "Sql":
        return Sql(self.text.replace("{table}", table), self.values)


def joined(word: str, pieces: Iterable[Sql]) -> Sql:
    pieces = list(pieces)
    text = f" {word} ".join(f"({piece.text})" for piece in pieces)
    return Sql(text, tuple(value for piece in pieces for value in piece.values))


class Bound(Criterion):
    """SQL of our own in a query of Tortoise's; the values are bound like all others."""

    def __init__(self, sql: Sql) -> None:
        super().__init__()
        self.sql = sql

    def get_sql(self, ctx: SqlContext) -> str:
        plain = ctx.copy(with_alias=False)
        places = (f"{ValueWrapper(value).get_sql(plain)}::text" for value in self.sql.values)
        sql = self.sql.text.format(*places)
        return format_alias_sql(sql, self.alias, ctx) if ctx.with_alias else sql


class Told:
    """A part of a query that tells its SQL from what is bound in it, so that a statement it stands in can be kept and used
    with other words of the same form.
    """

    def __init__(self, sql: Sql) -> None:
        super().__init__()
        self.sql = sql

    def structure(self) -> str:
        return self.sql.text

    def values(self) -> tuple[str, ...]:
        return self.sql.values

    def with_values(self, values: Sequence[str]) -> Self:
        return type(self)(Sql(self.sql.text, tuple(values)))


class Holds(Told, Q):
    """Customers of whom the SQL is true. Wrap it in Q(...) before negating it."""

    def __bool__(self) -> bool:
        return True

    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        return QueryModifier(where_criterion=Bound(self.sql.of(table_of(resolve_context))))


class Found(Holds):
    """Customers whose ids the SQL finds.

    Its ids are an array, which is made once and looked up by key: the server does not know how many a pattern finds that
    it is told later, and would walk through the table rather than look up as many as it supposes.
    """

    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        ids = Sql(f"{table_of(resolve_context)}.id = any(array({self.sql.text}))", self.sql.values)
        return QueryModifier(where_criterion=Bound(ids))


class People(Told, Expression):
    """What a customer's contacts are found by, a column that its model does not have."""

    def __init__(self, sql: Sql | None = None) -> None:
        super().__init__(sql or Sql(f"{{table}}.{PEOPLE}"))

    def resolve(self, resolve_context: ResolveContext) -> ResolveResult:
        return ResolveResult(term=Bound(self.sql.of(table_of(resolve_context))))


def table_of(context: ResolveContext) -> str:
    return f'"{context.table.get_table_name()}"'
