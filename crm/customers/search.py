"""Finding customers by what people remember: parts of a name, an e-mail, a phone number in any form, a contact.

A ladder of looks, each wider than the one before and only taken when that found none of the customers asked for:

1. whole: the text is one e-mail address or one telephone number, looked up along b-trees;
2. letter by letter: every word is part of the customer or of one of its contacts, case and accents apart;
3. alike: or much like a word of theirs, which forgives typos (the threshold is set in kernel/database.py).

The second and the third go along the trigram indexes of 0002_guards.py, and only what was found is ranked.
docs/decisions/0018-search-is-a-ladder.md tells why.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from pypika_tortoise.context import SqlContext
from pypika_tortoise.terms import Criterion, ValueWrapper
from pypika_tortoise.utils import format_alias_sql
from tortoise.expressions import Expression, Q, ResolveContext, ResolveResult, Subquery
from tortoise.query_utils import QueryModifier
from tortoise.queryset import QuerySet, ValuesQuery

from crm.customers.models import Customer
from crm.kernel.search import MAX_WORDS, contains_words, escaped
from crm.kernel.values import phone_digits

RANK = "search_rank"
MAX_TEXT = 200
_BY_NAME = ("sort_name", "id")
_MIN_DIGITS = 3
_WHOLE_DIGITS = 7  # fewer are seldom all of a number, even without what goes before it
_BEHIND_DIGITS = ":"  # the character after 9
_PHONES = (("customer", "id", "phone"), ("customer", "id", "fax"), ("contact", "customer_id", "phone"))
_SHORT = 3  # a word of fewer letters has no trigram of its own: it is looked up where words begin
_BEGINNINGS = ("", "'% ' ||", "'%@' ||")
_LINES_OF_PHONES = 2  # phone and fax, below name and e-mail address
_FORGIVING = 4  # shorter words resemble too much, and so do numbers and e-mail addresses
_OF_PHONES = frozenset("0123456789 +-/().")


def search(customers: QuerySet[Customer], text: str, order: Sequence[str] = ()) -> QuerySet[Customer]:
    """The customers among these that the text finds: first whose name begins with it, then whose own name, e-mail or
    phone holds it, then whose contacts' do; if there is none of them, those that are alike. Within each by name.

    What else there is does not change how far it looks. An `order` (of `order_by`) replaces this one. An empty text
    finds all.
    """
    looks = _looks(text)
    if len(looks) == 1:
        found = customers.filter(*looks[0])
    else:
        found = Customer.filter(
            Q(_First([customers.filter(*look).order_by().values("id") for look in looks]))
        )
    if order or not _terms(text):
        return found.order_by(*(order or _BY_NAME))
    return found.annotate(**{RANK: _Rank.of(text)}).order_by(RANK, *_BY_NAME)


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


def _looks(text: str) -> "list[tuple[_Found, ...]]":
    """The rungs of the ladder: what must all hold of a customer."""
    terms = _terms(text)
    letters, alike = (tuple(_looked_up(how, term) for term in terms) for how in (_has, _has_or_resembles))
    looks: list[tuple[_Sql, ...]] = [(whole,)] if (whole := _whole(text)) else []
    looks.append(letters)
    if alike != letters:  # numbers, e-mail addresses and short words resemble nothing
        looks.append(alike)
    return [tuple(map(_Found, look)) for look in looks]


def _looked_up(how: Callable[[str, _Term], _Sql], term: _Term) -> _Sql:
    """The ids of customers that have the term, or whose contacts have it."""
    own, theirs = how("c", term), how("k", term)
    text = (
        f"select c.id from customer c where {own.text} "  # noqa: S608  every value is bound
        f"union all select k.customer_id from contact k where {theirs.text}"
    )
    return _Sql(text, own.values + theirs.values)


def _whole(text: str) -> _Sql | None:
    """The ids of customers that have the text, one address or number, as their own or as a contact's."""
    text = _plain(text)
    local, _, domain = text.rpartition("@")
    if local and domain and " " not in text:
        return _Sql(_ADDRESS, (text, text))
    digits = _digits(text)
    if digits and len(digits) >= _WHOLE_DIGITS:
        backwards = digits[::-1]
        return _Sql(_NUMBER, (backwards, backwards + _BEHIND_DIGITS) * len(_PHONES))
    return None


# As the indexes of 0002_guards.py have them. A number typed as in its own country is the end of its E.164 form, so it is
# looked up by its end; a LIKE would find its way along no b-tree, for its pattern is bound.
_ADDRESS = (
    "select id from customer where lower(email) = lower({}) "
    "union all select customer_id from contact where lower(email) = lower({})"
)
_NUMBER = " union all ".join(
    f"select {key} from {table} where reverse(kith_digits({column})) ~>=~ {{}} "  # noqa: S608  our own names
    f"and reverse(kith_digits({column})) ~<~ {{}}"
    for table, key, column in _PHONES
)


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
    """Customers whose ids the SQL finds. Wrap it in Q(...) before negating it.

    Its ids are an array, which is made once and looked up by key: the server does not know how many a pattern finds that
    it is told later, and would walk through the table rather than look up as many as it supposes.

    `structure`, `values` and `with_values` tell the SQL from what is bound in it, so that a statement it stands in can
    be kept and used with other words of the same form.
    """

    def __init__(self, sql: _Sql) -> None:
        super().__init__()
        self.sql = sql

    def __bool__(self) -> bool:
        return True

    def structure(self) -> str:
        return self.sql.text

    def values(self) -> tuple[str, ...]:
        return self.sql.values

    def with_values(self, values: Sequence[str]) -> Self:
        return type(self)(_Sql(self.sql.text, tuple(values)))

    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        text = f"{_table(resolve_context)}.id = any(array({self.sql.text}))"
        return QueryModifier(where_criterion=_Bound(_Sql(text, self.sql.values)))


class _First(Q):
    """Customers of the first of several queries for ids that finds any; those behind it are not run.

    Wrap it in Q(...) before negating it. For `structure` and so on see `_Found`; what is bound are its queries' values.
    """

    def __init__(self, looks: Sequence[ValuesQuery[Any]]) -> None:
        super().__init__()
        self.looks = looks

    def __bool__(self) -> bool:
        return True

    def structure(self) -> int:
        return len(self.looks)

    def values(self) -> tuple[str, ...]:
        return ()

    def with_values(self, _values: Sequence[str]) -> Self:
        return self

    def queries(self) -> Sequence[ValuesQuery[Any]]:
        return self.looks

    def with_queries(self, queries: Sequence[ValuesQuery[Any]]) -> Self:
        return type(self)(queries)

    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        return QueryModifier(where_criterion=_InFirst(_table(resolve_context), self.looks))


class _InFirst(Criterion):
    def __init__(self, table: str, looks: Sequence[ValuesQuery[Any]]) -> None:
        super().__init__()
        self.table, self.looks = table, looks

    def get_sql(self, ctx: SqlContext) -> str:
        inner = ctx.copy(with_alias=False, subquery=False, subcriterion=False)
        *narrower, widest = (f"array({Subquery(look).get_sql(inner)})" for look in self.looks)
        arrays = [*(f"nullif({each}, '{{}}')" for each in narrower), widest]
        return f"{self.table}.id = any(coalesce({', '.join(arrays)}))"


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
