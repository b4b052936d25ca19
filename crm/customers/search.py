"""Finding customers by what people remember: parts of a name, an e-mail, a phone number in any form, a contact.

A ladder of looks, each wider than the one before and only taken when that found none of the customers asked for:

1. whole: the text is one e-mail address or one telephone number, looked up along b-trees;
2. letter by letter: each word begins a word of the customer or of one of its contacts, or is within one, case and accents
   apart; each number is how a telephone number begins or ends;
3. alike: or much like a word of theirs, which forgives typos (the threshold is set in kernel/database.py).

They go along the indexes of 0003_search.py, and only what was found is ranked. docs/decisions/0018-search-is-a-ladder.md
and 0021-search-goes-by-words.md tell why.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from pypika_tortoise.context import SqlContext
from pypika_tortoise.terms import Criterion, ValueWrapper
from pypika_tortoise.utils import format_alias_sql
from tortoise.expressions import Expression, Q, ResolveContext, ResolveResult, Subquery
from tortoise.query_utils import QueryModifier
from tortoise.queryset import QuerySet, ValuesQuery

from crm.customers.models import Customer
from crm.kernel.search import MAX_WORDS, escaped
from crm.kernel.values import phone_digits

RANK = "search_rank"
MAX_TEXT = 200
_BY_NAME = ("sort_name", "id")
_MIN_DIGITS = 3
_WHOLE_DIGITS = 7  # fewer are seldom all of a number, even without what goes before it
_FORGIVING = 4  # shorter words resemble too much, and so do numbers and e-mail addresses
_WITHIN = 3  # as kith_holds has it: fewer letters are within too many words
_OF_PHONES = frozenset("0123456789 +-/().")
_SIGNS = re.compile(r"[\W_]+")


def search(customers: QuerySet[Customer], text: str, order: Sequence[str] = ()) -> QuerySet[Customer]:
    """The customers among these that the text finds: first whose name begins with it, then whose own name, e-mail or
    phone holds it, then whose contacts' do; if there is none of them, those that are alike. Within each by name.

    What else there is does not change how far it looks. An `order` (of `order_by`) replaces this one. An empty text
    finds all.
    """
    if not _terms(text):
        return customers.order_by(*(order or _BY_NAME))
    looks = _looks(text)
    if len(looks) == 1:
        found = customers.filter(looks[0])
    else:
        found = Customer.filter(Q(_First([customers.filter(look).order_by().values("id") for look in looks])))
    if order:
        return found.order_by(*order)
    return found.annotate(**{RANK: _Rank.of(text)}).order_by(RANK, *_BY_NAME)


def named(text: str) -> Q:
    """The customers whose name and e-mail address have every word of the text, whatever their contacts' are."""
    terms = _terms(text)
    conditions = [*_by_words(terms), *(_has(term, _NAMES) for term in terms)]
    return Q(_Found(_ids(conditions))) if terms else Q()


def narrowed(text: str, *, is_name: bool) -> Q:
    """What every customer has whose name or e-mail address holds the ASCII text, so that an index finds them; others
    may have it, too. All have where no index would help.
    """
    asked = _held(text, is_name=is_name)
    return Q(_Holds(_Sql(f"{_WORDS} @@ {asked}", (text,)))) if asked else Q()


def narrowed_contacts(text: str, *, is_name: bool) -> Q:
    """The same of contacts, whose words their customer has, unless it has too many."""
    asked = _held(text, is_name=is_name)
    words = _WORDS.format(table="c")
    found = f"select c.id from customer c where {words} @@ {asked} union all {_CROWDED}"  # noqa: S608  every value is bound
    return Q(_Holds(_Sql(f"{{table}}.customer_id = any(array({found}))", (text,)))) if asked else Q()


def contacts_at(addresses: Sequence[str]) -> Q:
    """The contacts with one of the e-mail addresses, case apart, so that an index finds them."""
    places = ", ".join("lower({})" for _ in addresses) or "null"
    return Q(_Holds(_Sql(f"lower({{table}}.email) in ({places})", tuple(addresses))))


def _held(text: str, *, is_name: bool) -> str | None:
    """What the index of words is asked; None where it would be for nearly all."""
    pieces = _SIGNS.split(text)
    first, *others = [piece for piece in pieces if piece] or [""]
    known = not pieces[0] or others or (is_name and len(first) >= _WITHIN)
    if len(text) < _WITHIN or not first or not known:
        return None
    return f"(select kith_holds({{}}, {str(is_name).lower()}))"


@dataclass(frozen=True, slots=True)
class _Term:
    """One thing to find: `text`, or `digits` where a phone number begins or ends."""

    text: str
    digits: str | None = None

    @property
    def has_letters(self) -> bool:
        """Or digits: an index knows nothing of signs."""
        return bool(_SIGNS.sub("", self.text))

    @property
    def is_forgiving(self) -> bool:
        return len(self.text) >= _FORGIVING and self.text.isalpha()


def _terms(text: str) -> tuple[_Term, ...]:
    """A text of nothing but digits and what stands between them is one number; any other is so many words. Signs that stand
    alone are passed over, unless there is nothing else.
    """
    text = _plain(text)
    if digits := _digits(text):
        return (_Term(text, digits),)
    terms = [_Term(word, _digits(word)) for word in text.split()]
    return tuple([term for term in terms if term.has_letters] or terms)[:MAX_WORDS]


def _plain(text: str) -> str:
    return " ".join(text.replace("\0", " ").split())[:MAX_TEXT]


def _digits(text: str) -> str | None:
    digits = phone_digits(text) if set(text) <= _OF_PHONES else ""
    return digits if len(digits) >= _MIN_DIGITS else None


@dataclass(frozen=True, slots=True)
class _Sql:
    """A piece of SQL about `{table}`, a customer, with a `{}` for each of its values."""

    text: str
    values: tuple[str, ...] = ()

    def of(self, table: str) -> "_Sql":
        return _Sql(self.text.replace("{table}", table), self.values)


def _joined(word: str, pieces: Iterable[_Sql]) -> _Sql:
    pieces = list(pieces)
    text = f" {word} ".join(f"({piece.text})" for piece in pieces)
    return _Sql(text, tuple(value for piece in pieces for value in piece.values))


# As the index has them.
_WORDS = "kith_customer_words({table}.name, {table}.email, {table}.people)"
_CROWDED = "select id from customer where octet_length(people) > 200000"
_BEGINS = "select id from kith_number_begins({}) as id"
_ENDS = "select id from kith_number_ends({}) as id"
_ADDRESS = (
    "select id from customer where sort_email = lower({}) "
    "union all select customer_id from contact where lower(email) = lower({})"
)
# To be read in rows that were found.
_NAMES = "{table}.sort_name || ' ' || kith_fold({table}.email)"
_TEXTS = "kith_fold({table}.name || ' ' || {table}.email || e'\\n' || {table}.people)"
_OWN_NUMBERS = "concat_ws(' ', kith_digits({table}.phone), kith_digits({table}.fax))"
_THEIR_NUMBERS = "(select string_agg(kith_digits(phone), ' ') from contact where customer_id = {table}.id)"
_ALL_NUMBERS = f"concat_ws(' ', {_OWN_NUMBERS}, {_THEIR_NUMBERS})"


def _has(term: _Term, text: str) -> _Sql:
    return _Sql(f"{text} like (select '%' || kith_fold({{}}) || '%')", (escaped(term.text),))


def _has_either(term: _Term, text: str, numbers: str) -> _Sql:
    if not term.digits:
        return _has(term, text)
    number = _Sql(f"{numbers} like (select '%' || {{}} || '%')", (term.digits,))
    return _joined("or", (_has(term, text), number))


def _looks(text: str) -> "list[_Holds]":
    """The rungs of the ladder: what must hold of a customer."""
    terms = _terms(text)
    whole = _whole(text)
    forgiving = any(term.is_forgiving for term in terms)
    if whole is None and not forgiving:
        return [_Found(_looked_up(terms))]
    looks: list[_Holds] = [_Found(whole)] if whole else []
    looks.append(_rung(terms))
    if forgiving:
        looks.append(_rung(terms, forgiving=True))
    return looks


def _rung(terms: Sequence[_Term], *, forgiving: bool = False) -> "_Holds":
    """Of a rung nothing but ids is asked for, in no order: the server needs not be made to go along the index."""
    if any(term.digits for term in terms):
        return _Found(_looked_up(terms, forgiving=forgiving))
    return _Holds(_joined("and", _read_by_words(terms, forgiving=forgiving)))


def _looked_up(terms: Sequence[_Term], *, forgiving: bool = False) -> _Sql:
    """The ids of customers with all the words, and each number as a word or as a phone number: all as words, which is one
    question to the index, or one as a phone number, of which there are few, and the others read.
    """
    looks = [_ids(_read_by_words(terms, forgiving=forgiving))]
    for number in terms:
        if not number.digits:
            continue
        others = [term for term in terms if term is not number]
        read = [_read(condition) for condition in _read_by_words(_words(others), forgiving=forgiving)]
        either = [
            _joined("or", (_dialled(term), *map(_read, _read_by_words([term]))))
            for term in others
            if term.digits
        ]
        looks.append(_ids([_dialled(number), *read, *either]) if others else _numbers(number))
    return _Sql(" union all ".join(look.text for look in looks), sum((look.values for look in looks), ()))


def _words(terms: Iterable[_Term]) -> list[_Term]:
    return [term for term in terms if not term.digits]


def _numbers(term: _Term) -> _Sql:
    """The ids of customers with a phone number that begins or ends so."""
    digits = term.digits or ""
    return _Sql(f"{_BEGINS} union all {_ENDS}", (digits, digits))


def _dialled(term: _Term) -> _Sql:
    found = _numbers(term)
    return _Sql(f"{{table}}.id = any(array({found.text}))", found.values)


def _read(condition: _Sql) -> _Sql:
    """The same, but no reason to go along an index: rows are found otherwise."""
    return _Sql(f"case when {condition.text} then true else false end", condition.values)


def _ids(conditions: Iterable[_Sql]) -> _Sql:
    every = _joined("and", conditions).of("c")
    return _Sql(f"select c.id from customer c where {every.text}", every.values)  # noqa: S608  every value is bound


def _by_words(terms: Sequence[_Term], *, forgiving: bool = False) -> list[_Sql]:
    """What the index of words is asked; nothing, if the terms are signs."""
    asked = [term for term in terms if term.has_letters]
    queries = ("kith_alike({})" if forgiving and term.is_forgiving else "kith_letters({})" for term in asked)
    text = f"{_WORDS} @@ (select {' && '.join(queries)})"
    return [_Sql(text, tuple(term.text for term in asked))] if asked else []


def _read_by_words(terms: Sequence[_Term], *, forgiving: bool = False) -> list[_Sql]:
    """The same; signs in a term are only found by reading."""
    read = (_has(term, _TEXTS) for term in terms if not term.text.isalnum())
    return [*_by_words(terms, forgiving=forgiving), *read]


def _whole(text: str) -> _Sql | None:
    """The ids of customers that have the text, one address or number, as their own or as a contact's.

    A number typed as in its own country is the end of its E.164 form, so it is looked up by its end.
    """
    text = _plain(text)
    local, _, domain = text.rpartition("@")
    if local and domain and " " not in text:
        return _Sql(_ADDRESS, (text, text))
    digits = _digits(text)
    if digits and len(digits) >= _WHOLE_DIGITS:
        return _Sql(_ENDS, (digits,))
    return None


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


class _Holds(Q):
    """Customers of whom the SQL is true. Wrap it in Q(...) before negating it.

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
        return QueryModifier(where_criterion=_Bound(self.sql.of(_table(resolve_context))))


class _Found(_Holds):
    """Customers whose ids the SQL finds.

    Its ids are an array, which is made once and looked up by key: the server does not know how many a pattern finds that
    it is told later, and would walk through the table rather than look up as many as it supposes.
    """

    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        ids = _Sql(f"{_table(resolve_context)}.id = any(array({self.sql.text}))", self.sql.values)
        return QueryModifier(where_criterion=_Bound(ids))


class _First(Q):
    """Customers of the first of several queries for ids that finds any; those behind it are not run.

    Wrap it in Q(...) before negating it. For `structure` and so on see `_Holds`; what is bound are its queries' values.
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
    """0 the name begins with the text, 1 the customer has all of it, 2 with its contacts it has, from 3 on the less alike.

    The three methods are as those of `_Holds`.
    """

    def __init__(self, sql: _Sql) -> None:
        self.sql = sql

    @classmethod
    def of(cls, text: str) -> Self:
        text, terms = _plain(text), _terms(text)
        own = _joined("and", (_has_either(term, _NAMES, _OWN_NUMBERS) for term in terms))
        all_told = _joined("and", (_has_either(term, _TEXTS, _ALL_NUMBERS) for term in terms))
        sql = (
            "case when {table}.sort_name like (select kith_fold({}) || '%') then 0 "
            f"when {own.text} then 1 when {all_told.text} then 2 "
            f"else 3 + round(100 * (1 - word_similarity((select kith_fold({{}})), {_TEXTS})))::int end"
        )
        return cls(_Sql(sql, (escaped(text), *own.values, *all_told.values, text)))

    def structure(self) -> str:
        return self.sql.text

    def values(self) -> tuple[str, ...]:
        return self.sql.values

    def with_values(self, values: Sequence[str]) -> Self:
        return type(self)(_Sql(self.sql.text, tuple(values)))

    def resolve(self, resolve_context: ResolveContext) -> ResolveResult:
        return ResolveResult(term=_Bound(self.sql.of(_table(resolve_context))))


def _table(context: ResolveContext) -> str:
    return f'"{context.table.get_table_name()}"'
