"""Finding customers by what people remember: parts of a name, an e-mail, a phone number in any form, a contact.

Every word of the text must be found somewhere: in the customer or in one of its contacts, as a part, or much like
it (word similarity, which forgives typos; its threshold is set in kernel/database.py), case and accents apart.
Each word is looked up in the trigram indexes of 0002_guards.py, and only what was found is ranked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from pypika_tortoise.context import SqlContext
from pypika_tortoise.terms import Criterion, ValueWrapper
from pypika_tortoise.utils import format_alias_sql
from tortoise.expressions import Expression, Q, ResolveContext, ResolveResult
from tortoise.query_utils import QueryModifier
from tortoise.queryset import QuerySet

from crm.customers.models import Customer
from crm.kernel.search import MAX_WORDS, contains_words, escaped
from crm.kernel.values import phone_digits

RANK = "search_rank"
MAX_TEXT = 200
_MIN_DIGITS = 3
_SHORT = 3  # a word of fewer letters has no trigram of its own: it is looked up where words begin
_BEGINNINGS = ("", "'% ' ||", "'%@' ||")
_LINES_OF_PHONES = 2  # phone and fax, below name and e-mail address
_FORGIVING = 4  # shorter words resemble too much, and so do numbers and e-mail addresses
_OF_PHONES = frozenset("0123456789 +-/().")


def search(customers: QuerySet[Customer], text: str) -> QuerySet[Customer]:
    """The customers the text finds: first whose name begins with it, then whose own name, e-mail or phone holds it,
    then whose contacts' do, then what is only alike; within each by name. An empty text finds all, by name.
    """
    if not _terms(text):
        return customers.order_by("name", "id")
    return customers.filter(matching(text)).annotate(**{RANK: _Rank.of(text)}).order_by(RANK, "name", "id")


def matching(text: str) -> Q:
    """The customers the text finds, for a list in another order."""
    return Q(*(Q(_Found.of(term)) for term in _terms(text)))


def named(text: str) -> Q:
    """The customers whose name and e-mail address have every word of the text, whatever their phones are."""
    return contains_words(text, lines_after=_LINES_OF_PHONES)


@dataclass(frozen=True, slots=True)
class _Term:
    """One thing to find: `text` somewhere within, or `digits` within a phone number."""

    text: str
    digits: str | None = None


def _terms(text: str) -> tuple[_Term, ...]:
    """A text of nothing but digits and what stands between them is one number; any other is so many words."""
    text = _plain(text)
    if digits := _digits(text):
        return (_Term(text, digits),)
    return tuple(_Term(word, _digits(word)) for word in text.split()[:MAX_WORDS])


def _plain(text: str) -> str:
    return " ".join(text.replace("\0", " ").split())[:MAX_TEXT]


def _digits(text: str) -> str | None:
    digits = phone_digits(text) if set(text) <= _OF_PHONES else ""
    return digits if len(digits) >= _MIN_DIGITS else None


@dataclass(frozen=True, slots=True)
class _Sql:
    """A piece of SQL with a `{}` for each of its values."""

    text: str
    values: tuple[str, ...] = ()


def _joined(word: str, pieces: Iterable[_Sql]) -> _Sql:
    pieces = list(pieces)
    text = f" {word} ".join(f"({piece.text})" for piece in pieces)
    return _Sql(text, tuple(value for piece in pieces for value in piece.values))


def _has(table: str, term: _Term) -> _Sql:
    """The row has the term, letter by letter."""
    pattern = escaped(term.text)
    if len(term.text) < _SHORT and term.text.isascii() and term.text.isalnum():
        looks = [
            _Sql(f"{table}.search_text like {begin} kith_fold({{}}) || '%'", (pattern,))
            for begin in _BEGINNINGS
        ]
    else:
        looks = [_Sql(f"{table}.search_text like '%' || kith_fold({{}}) || '%'", (pattern,))]
    if term.digits:
        looks.append(_Sql(f"{table}.search_text like '%' || {{}} || '%'", (term.digits,)))
    return _joined("or", looks)


def _has_or_resembles(table: str, term: _Term) -> _Sql:
    if len(term.text) < _FORGIVING or not term.text.isalpha():
        return _has(table, term)
    alike = _Sql(f"{table}.search_text %> kith_fold({{}})", (term.text,))
    return _joined("or", (_has(table, term), alike))


class _Bound(Criterion):
    """SQL of our own in a query of Tortoise's; the values are bound like all others."""

    def __init__(self, sql: _Sql) -> None:
        super().__init__()
        self.sql = sql

    def get_sql(self, ctx: SqlContext) -> str:
        plain = ctx.copy(with_alias=False)
        places = (f"{ValueWrapper(value).get_sql(plain)}::text" for value in self.sql.values)
        sql = self.sql.text.format(*places)
        return format_alias_sql(sql, self.alias, ctx) if ctx.with_alias else sql


class _Found(Q):
    """Customers that have the term, or whose contacts have it. Wrap it in Q(...) before negating it.

    `structure`, `values` and `with_values` tell the SQL from what is bound in it, so that a statement it stands in can
    be kept and used with other words of the same form.
    """

    def __init__(self, sql: _Sql) -> None:
        super().__init__()
        self.sql = sql

    @classmethod
    def of(cls, term: _Term) -> Self:
        own, theirs = _has_or_resembles("c", term), _has_or_resembles("k", term)
        text = (
            f"in (select c.id from customer c where {own.text} "  # noqa: S608  every value is bound
            f"union all select k.customer_id from contact k where {theirs.text})"
        )
        return cls(_Sql(text, own.values + theirs.values))

    def __bool__(self) -> bool:
        return True

    def structure(self) -> str:
        return self.sql.text

    def values(self) -> tuple[str, ...]:
        return self.sql.values

    def with_values(self, values: Sequence[str]) -> Self:
        return type(self)(_Sql(self.sql.text, tuple(values)))

    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        text = f"{_table(resolve_context)}.id {self.sql.text}"
        return QueryModifier(where_criterion=_Bound(_Sql(text, self.sql.values)))


class _Rank(Expression):
    """0 the name begins with the text, 1 the customer has all of it, 2 a contact has, from 3 on the less alike.

    `{table}` in its SQL is the customer. The three methods are as those of `_Found`.
    """

    def __init__(self, sql: _Sql) -> None:
        self.sql = sql

    @classmethod
    def of(cls, text: str) -> Self:
        text, terms = _plain(text), _terms(text)
        own, theirs = (_joined("and", (_has(table, term) for term in terms)) for table in ("{table}", "k"))
        contacts = "from contact k where k.customer_id = {table}.id"
        sql = (
            "case when {table}.search_text like kith_fold({}) || '%' then 0 "
            f"when {own.text} then 1 "
            f"when exists (select 1 {contacts} and {theirs.text}) then 2 "
            "else 3 + round(100 * (1 - greatest(word_similarity(kith_fold({}), {table}.search_text), "
            f"(select max(word_similarity(kith_fold({{}}), k.search_text)) {contacts}))))::int end"
        )
        return cls(_Sql(sql, (escaped(text), *own.values, *theirs.values, text, text)))

    def structure(self) -> str:
        return self.sql.text

    def values(self) -> tuple[str, ...]:
        return self.sql.values

    def with_values(self, values: Sequence[str]) -> Self:
        return type(self)(_Sql(self.sql.text, tuple(values)))

    def resolve(self, resolve_context: ResolveContext) -> ResolveResult:
        text = self.sql.text.replace("{table}", _table(resolve_context))
        return ResolveResult(term=_Bound(_Sql(text, self.sql.values)))


def _table(context: ResolveContext) -> str:
    return f'"{context.table.get_table_name()}"'
