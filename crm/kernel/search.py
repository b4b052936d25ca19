"""Searching folded text columns (`search_text`, `search_phones`) with PostgreSQL's trigram indexes.

Folding (kith_fold in the migrations) takes case and accents away on both sides; the values are always bound.
"""

from typing import Any

from pypika_tortoise.enums import Comparator
from pypika_tortoise.queries import Table
from pypika_tortoise.terms import BasicCriterion, Criterion, CustomFunction, Term, ValueWrapper
from tortoise.expressions import Q, ResolveContext
from tortoise.query_utils import QueryModifier

MIN_PHONE_DIGITS = 3
MAX_WORDS = 8

_fold = CustomFunction("kith_fold", ["text"])


class _Operator(Comparator):
    like = " LIKE "
    similar = " %> "


class _Condition(Q):
    """A Q whose SQL is not one of Tortoise's own look-ups. Wrap it in Q(...) before negating it."""

    def __init__(self, column: str, value: str) -> None:
        super().__init__()
        self.filters = {column: value}  # type: ignore[dict-item]  # says what it is about; never resolved as a look-up
        self.column = column
        self.value = value

    def criterion(self, table: Table) -> Criterion:
        raise NotImplementedError

    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        return QueryModifier(where_criterion=self.criterion(resolve_context.table))


class _Contains(_Condition):
    def criterion(self, table: Table) -> Criterion:
        return BasicCriterion(_Operator.like, _text(table, self.column), _folded(f"%{_escaped(self.value)}%"))


class _Resembles(_Condition):
    def criterion(self, table: Table) -> Criterion:
        return BasicCriterion(_Operator.similar, _text(table, self.column), _folded(self.value))


class _HasDigits(_Condition):
    def criterion(self, table: Table) -> Criterion:
        return BasicCriterion(_Operator.like, _text(table, self.column), ValueWrapper(f"%{self.value}%"))


def contains_words(text: str, column: str = "search_text") -> Q:
    """Rows whose folded text has every word of `text` somewhere within."""
    return Q(*(Q(_Contains(column, word)) for word in text.split()[:MAX_WORDS]))


def resembles(text: str, column: str = "search_text") -> Q:
    """Rows with a stretch of text much like `text`: word similarity of 0.6 or more, which forgives a typo."""
    return Q(_Resembles(column, " ".join(text.split()[:MAX_WORDS])))


def has_digits(digits: str, column: str = "search_phones") -> Q:
    """Rows with a telephone number that holds these digits."""
    return Q(_HasDigits(column, digits))


def digits_of(text: str) -> str | None:
    """The digits of a text that looks like part of a phone number; None when it does not."""
    digits = "".join(char for char in text if char.isdigit())
    rest = text.translate(str.maketrans("", "", "0123456789 +-/().")).strip()
    return digits if len(digits) >= MIN_PHONE_DIGITS and not rest else None


def _text(table: Table, column: str) -> Any:
    return table[column]


def _folded(value: str) -> Term:
    folded: Term = _fold(ValueWrapper(value))
    return folded


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
