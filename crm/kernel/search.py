"""Searching a folded text column (`search_text`) with PostgreSQL's trigram indexes.

Folding (kith_fold in the migrations) takes case and accents away on both sides; the values are always bound.
"""

from collections.abc import Sequence
from typing import Any, Self

from pypika_tortoise.enums import Comparator
from pypika_tortoise.terms import BasicCriterion, CustomFunction, Term, ValueWrapper
from tortoise.expressions import Q, ResolveContext
from tortoise.query_utils import QueryModifier

MAX_WORDS = 8

_fold = CustomFunction("kith_fold", ["text"])


class _Operator(Comparator):
    like = " LIKE "


class _Contains(Q):
    """A Q whose SQL is not one of Tortoise's own look-ups. Wrap it in Q(...) before negating it.

    `structure`, `values` and `with_values` tell what its SQL depends on from what is bound, so that a statement it
    stands in can be kept and used with other words.
    """

    def __init__(self, column: str, pattern: str) -> None:
        super().__init__()
        self.filters = {column: pattern}  # type: ignore[dict-item]  # says what it is about; never resolved as a look-up
        self.column = column
        self.pattern = pattern

    def structure(self) -> str:
        return self.column

    def values(self) -> list[str]:
        return [self.pattern]

    def with_values(self, values: Sequence[str]) -> Self:
        return type(self)(self.column, *values)

    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        columns: Any = resolve_context.table
        pattern: Term = _fold(ValueWrapper(self.pattern))
        return QueryModifier(where_criterion=BasicCriterion(_Operator.like, columns[self.column], pattern))


def contains_words(text: str, column: str = "search_text", *, lines_after: int = 0) -> Q:
    """Rows whose folded text has every word of `text` somewhere within, before the last so many line breaks."""
    rest = "%" + "\n%" * lines_after
    return Q(*(Q(_Contains(column, f"%{escaped(word)}{rest}")) for word in text.split()[:MAX_WORDS]))


def contains_text(text: str, column: str = "search_text") -> Q:
    """Rows whose folded text has all of `text` within, spaces included."""
    return Q(_Contains(column, f"%{escaped(text)}%"))


def begins_with(text: str, column: str = "search_text") -> Q:
    """Rows whose folded text begins with `text`."""
    return Q(_Contains(column, f"{escaped(text)}%"))


def escaped(text: str) -> str:
    """The text as a LIKE pattern that means itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
