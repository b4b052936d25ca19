"""Searching a folded text column (`search_text`) with PostgreSQL's trigram indexes.

Folding (kith_fold in the migrations) takes case and accents away on both sides; the values are always bound.
"""

from collections.abc import Sequence
from typing import Any, Self

from pypika_tortoise.context import SqlContext
from pypika_tortoise.enums import Comparator
from pypika_tortoise.terms import BasicCriterion, Criterion, CustomFunction, Term, ValueWrapper
from tortoise.expressions import Q, ResolveContext
from tortoise.query_utils import QueryModifier

MAX_WORDS = 8
_LAST = "\U0010ffff"  # behind every character
# Letters of which a capital folds in another way than its small one.
_CAPITALS = "\u0196\u01a6\u01f6\u0220\u03f9\ua7ac\ua7ad\ua7ae\ua7b2\ua7c5\ua7c6"
_UNALIKE = frozenset(_CAPITALS + _CAPITALS.lower())

_fold = CustomFunction("kith_fold", ["text"])


class _Operator(Comparator):
    like = " LIKE "
    ilike = " ILIKE "


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


class _Like(_Contains):
    """The column itself, case apart. The server knows how frequent its values are, as it would not of `upper()` of them."""

    varies = True

    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        columns: Any = resolve_context.table
        pattern = ValueWrapper(self.pattern)
        return QueryModifier(where_criterion=BasicCriterion(_Operator.ilike, columns[self.column], pattern))


class _Is(_Contains):
    """As `_Contains`, of what the column folds to."""

    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        columns: Any = resolve_context.table
        return QueryModifier(where_criterion=columns[self.column] == _fold(ValueWrapper(self.pattern)))


class _Begins(Q):
    """As `_Contains`. It says where such texts begin and end: a pattern that is bound finds its way along no b-tree."""

    def __init__(self, column: str, folded: str, text: str, like: str) -> None:
        super().__init__()
        self.filters = {column: text}  # type: ignore[dict-item]  # as of `_Contains`
        self.column, self.folded = column, folded
        self.text, self.like = text, like

    def structure(self) -> tuple[str, str]:
        return self.column, self.folded

    def values(self) -> list[str]:
        return [self.text, self.like]

    def with_values(self, values: Sequence[str]) -> Self:
        return type(self)(self.column, self.folded, *values)

    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        columns: Any = resolve_context.table
        folded = columns[self.folded]
        first, last = (_fold(ValueWrapper(text)) for text in (self.text, self.text + _LAST))
        itself = BasicCriterion(_Operator.ilike, columns[self.column], ValueWrapper(f"{self.like}%"))
        return QueryModifier(where_criterion=(folded >= first) & (folded < last) & _Mostly(itself))


class _Mostly(Criterion):
    """A condition that PostgreSQL takes for true of half the rows, and not of half a percent as any LIKE."""

    def __init__(self, condition: Criterion) -> None:
        super().__init__()
        self.condition = condition

    def get_sql(self, ctx: SqlContext) -> str:
        return f"case when {self.condition.get_sql(ctx)} then true else false end"


def contains_words(text: str, column: str = "search_text") -> Q:
    """Rows whose folded text has every word of `text` somewhere within."""
    return Q(*(Q(_Contains(column, f"%{escaped(word)}%")) for word in text.split()[:MAX_WORDS]))


def contains(text: str, column: str) -> Q:
    """Rows whose column has the text somewhere within, case apart."""
    return Q(_Like(column, f"%{escaped(text)}%"))


def starts_with(text: str, column: str) -> Q:
    """Rows whose column begins with the text, case apart."""
    return Q(_Like(column, f"{escaped(text)}%"))


def may_hold(texts: Sequence[str]) -> Q:
    """What every row has whose text, folded in `search_text`, holds one of these; others may have it, too."""
    if not all(map(folds_alike, texts)):
        return Q()
    return Q(*(Q(_Contains("search_text", f"%{escaped(text)}%")) for text in texts), join_type=Q.OR)


def folds_alike(text: str) -> bool:
    """Whether all that is the same text, case apart, folds to the same one."""
    return text.isascii() or _UNALIKE.isdisjoint(text)


def folds_to(texts: Sequence[str], folded: str) -> Q:
    """Rows whose column `folded` is what one of the texts folds to."""
    return Q(*(_Is(folded, text) for text in texts), join_type=Q.OR) if texts else Q()


def begins_with(text: str, column: str, folded: str) -> Q:
    """Rows whose column begins with a text that `folds_alike`, case apart; the index of `folded`, the column folded and sorted by
    character, finds them in their order.
    """
    return Q(_Begins(column, folded, text, escaped(text)))


def escaped(text: str) -> str:
    """The text as a LIKE pattern that means itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
