"""Finding customers by what people remember: parts of a name, an e-mail, a phone number in any form, a contact.

A ladder of looks, each wider than the one before and only taken when that found none of the customers asked for:

1. whole: the text is one e-mail address or one telephone number, looked up along b-trees;
2. letter by letter: each word begins a word of the customer or of one of its contacts, or is within one, case and accents
   apart; each number is how a telephone number begins or ends;
3. alike: or much like a word of theirs, which forgives typos (the threshold is set in kernel/database.py).

They go along the indexes of 0003_search.py, and only what was found is ranked: of what very many have no more than a page
needs (ladder.py). docs/decisions/0018-search-is-a-ladder.md, 0021-search-goes-by-words.md and 0024-pages-of-what-many-have.md
tell why.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from tortoise.expressions import Expression, Q, ResolveContext, ResolveResult
from tortoise.queryset import QuerySet, ValuesQuery

from crm.customers.ladder import BY_NAME, First, Ranks, Walks, among, by_rank
from crm.customers.models import Customer
from crm.customers.search_sql import SIGNS, WORDS, Bound, Found, Holds, Sql, Told, joined, table_of
from crm.kernel.search import MAX_WORDS, escaped
from crm.kernel.values import phone_digits

MAX_TEXT = 200
_MIN_DIGITS = 3
_WHOLE_DIGITS = 7  # fewer are seldom all of a number, even without what goes before it
_FORGIVING = 4  # shorter words resemble too much, and so do numbers and e-mail addresses
_SHORT = 2  # what is being typed
_LETTERS = re.compile(r"[^\W_]{3}")  # less tells an index of letters nothing
_OF_PHONES = frozenset("0123456789 +-/().")


def search(customers: QuerySet[Customer], text: str, order: Sequence[str] = ()) -> QuerySet[Customer]:
    """The customers among these that the text finds: first whose name begins with it, then whose own name, e-mail or
    phone holds it, then whose contacts' do; if there is none of them, those that are alike. Within each by name.

    What else there is does not change how far it looks. An `order` (of `order_by`) replaces this one. An empty text
    finds all.
    """
    asked = _Asked.of(text)
    if not asked.terms:
        return customers.order_by(*(order or BY_NAME))
    ids = among(customers.values("id"), order=())
    looks = [among(ids, look) for look in _looks(asked)]
    if order:
        return Customer.filter(Q(First(looks))).order_by(*order)
    walks = _walks(among(ids, order=BY_NAME), asked)
    return by_rank(Customer.filter(Q(First(looks, walks))), _Rank.of(asked))


def named(text: str) -> Q:
    """The customers whose name and e-mail address have every word of the text, whatever their contacts' are."""
    terms = _Asked.of(text).terms
    conditions = [*_by_words(terms), *(_has(term, _NAMES) for term in terms)]
    return Q(Found(_ids(conditions))) if terms else Q()


@dataclass(frozen=True, slots=True)
class _Term:
    """One thing to find: `text`, or `digits` where a phone number begins or ends."""

    text: str
    digits: str | None = None

    @property
    def has_letters(self) -> bool:
        """Or digits: an index knows nothing of signs."""
        return bool(SIGNS.sub("", self.text))

    @property
    def is_forgiving(self) -> bool:
        return len(self.text) >= _FORGIVING and self.text.isalpha()


@dataclass(frozen=True, slots=True)
class _Asked:
    """A text and what is to be found of it."""

    text: str
    terms: tuple[_Term, ...]

    @classmethod
    def of(cls, text: str) -> Self:
        """A text of nothing but digits and what stands between them is one number; any other is so many words. Signs that
        stand alone are passed over, unless there is nothing else.
        """
        text = " ".join(text.replace("\0", " ").split())[:MAX_TEXT]
        if digits := _digits(text):
            return cls(text, (_Term(text, digits),))
        terms = [_Term(word, _digits(word)) for word in text.split()]
        return cls(text, tuple([term for term in terms if term.has_letters] or terms)[:MAX_WORDS])

    @property
    def has_numbers(self) -> bool:
        return any(term.digits for term in self.terms)


def _digits(text: str) -> str | None:
    digits = phone_digits(text) if set(text) <= _OF_PHONES else ""
    return digits if len(digits) >= _MIN_DIGITS else None


_BEGINS = "select id from kith_number_begins({}) as id"
_ENDS = "select id from kith_number_ends({}) as id"
_ADDRESS = (
    "select id from customer where sort_email = lower({}) "
    "union all select customer_id from contact where lower(email) = lower({})"
)
# To be read in rows that were found.
_BEGINS_WITH = "{table}.sort_name like (select kith_fold({}) || '%')"
_HAS_WORDS = "kith_has_words({table}.name, {table}.email, {table}.people, {asked})"
_TOLD = "{table}.sort_name, {table}.name, {table}.email, {table}.people"
_NAMES = "{table}.sort_name || ' ' || kith_fold({table}.email)"
_TEXTS = "kith_fold({table}.name || ' ' || {table}.email || e'\\n' || {table}.people)"
_OWN_NUMBERS = "concat_ws(' ', kith_digits({table}.phone), kith_digits({table}.fax))"
_THEIR_NUMBERS = "(select string_agg(kith_digits(phone), ' ') from contact where customer_id = {table}.id)"
_ALL_NUMBERS = f"concat_ws(' ', {_OWN_NUMBERS}, {_THEIR_NUMBERS})"


def _has(term: _Term, text: str) -> Sql:
    return Sql(f"{text} like (select '%' || kith_fold({{}}) || '%')", (escaped(term.text),))


def _has_either(term: _Term, text: str, numbers: str) -> Sql:
    if not term.digits:
        return _has(term, text)
    number = Sql(f"{numbers} like (select '%' || {{}} || '%')", (term.digits,))
    return joined("or", (_has(term, text), number))


def _looks(asked: _Asked) -> list[Holds]:
    """The rungs of the ladder: what must hold of a customer."""
    whole = _whole(asked)
    looks: list[Holds] = [Found(whole)] if whole else []
    looks.append(_rung(asked))
    if any(term.is_forgiving for term in asked.terms):
        looks.append(_rung(asked, forgiving=True))
    return looks


def _rung(asked: _Asked, *, forgiving: bool = False) -> Holds:
    """Of a rung nothing but ids is asked for, in no order: the server need not be made to go along the index."""
    if asked.has_numbers:
        return Found(_looked_up(asked.terms, forgiving=forgiving))
    return Holds(joined("and", _by_letters(asked.terms, forgiving=forgiving)))


def _looked_up(terms: Sequence[_Term], *, forgiving: bool = False) -> Sql:
    """The ids of customers with all the words, and each number as a word or as a phone number: all as words, which is one
    question to the index, or one as a phone number, of which there are few, and the others read.
    """
    looks = [_ids(_by_letters(terms, forgiving=forgiving))]
    for number in terms:
        if not number.digits:
            continue
        others = [term for term in terms if term is not number]
        read = _read(_words(others), forgiving=forgiving)
        either = [
            joined("or", (_dialled(term), joined("and", _read([term])))) for term in others if term.digits
        ]
        looks.append(_ids([_dialled(number), *read, *either]) if others else _numbers(number))
    return Sql(" union all ".join(look.text for look in looks), sum((look.values for look in looks), ()))


def _words(terms: Iterable[_Term]) -> list[_Term]:
    return [term for term in terms if not term.digits]


def _numbers(term: _Term) -> Sql:
    """The ids of customers with a phone number that begins or ends so."""
    digits = term.digits or ""
    return Sql(f"{_BEGINS} union all {_ENDS}", (digits, digits))


def _dialled(term: _Term) -> Sql:
    found = _numbers(term)
    return Sql(f"{{table}}.id = any(array({found.text}))", found.values)


def _hidden(condition: Sql) -> Sql:
    """The same, but no reason to go along an index: rows are found otherwise."""
    return _checked(condition, Sql("true"))


def _checked(first: Sql, then: Sql) -> Sql:
    """Both, in this order: the server might ask first what takes ten times as long."""
    text = f"case when {first.text} then {then.text} else false end"
    return Sql(text, (*first.values, *then.values))


def _not(condition: Sql) -> Sql:
    return Sql(f"not ({condition.text})", condition.values)


def _ids(conditions: Iterable[Sql]) -> Sql:
    every = joined("and", conditions).of("c")
    return Sql(f"select c.id from customer c where {every.text}", every.values)  # noqa: S608  every value is bound


def _asked_for(terms: Sequence[_Term], *, forgiving: bool = False) -> Sql | None:
    """What the index of words is asked; None, if the terms are signs."""
    asked = [term for term in terms if term.has_letters]
    queries = ("kith_alike({})" if forgiving and term.is_forgiving else "kith_letters({})" for term in asked)
    return Sql(f"(select {' && '.join(queries)})", tuple(term.text for term in asked)) if asked else None


def _by_words(terms: Sequence[_Term], *, forgiving: bool = False) -> list[Sql]:
    """Along the index of words."""
    asked = _asked_for(terms, forgiving=forgiving)
    return [Sql(f"{WORDS} @@ {asked.text}", asked.values)] if asked else []


def _by_letters(terms: Sequence[_Term], *, forgiving: bool = False) -> list[Sql]:
    return [*_by_words(terms, forgiving=forgiving), *_read_signs(terms)]


def _read_signs(terms: Sequence[_Term]) -> list[Sql]:
    """Signs in a term are only found by reading."""
    return [_has(term, _TEXTS) for term in terms if not term.text.isalnum()]


def _read(terms: Sequence[_Term], *, forgiving: bool = False) -> list[Sql]:
    """Of rows that are found otherwise."""
    asked = _asked_for(terms, forgiving=forgiving)
    words = [Sql(_HAS_WORDS.replace("{asked}", asked.text), asked.values)] if asked else []
    return [*words, *map(_hidden, _read_signs(terms))]


def _walks(by_name: ValuesQuery[Any], asked: _Asked) -> Walks | None:
    """None: a whole address or number comes first, and few have it."""
    if _whole(asked):
        return None
    text, terms = asked.text, asked.terms
    is_rank_0 = Sql(_BEGINS_WITH, (escaped(text),))
    # Said for the index; the last sign is behind every character.
    between = "{table}.sort_name >= kith_fold({}) and {table}.sort_name < kith_fold({}) || '\U0010ffff'"
    begins = Holds(joined("and", (Sql(between, (text, text)), _hidden(is_rank_0))))
    is_short = len(text) <= _SHORT
    query = _asked_for(terms)
    if asked.has_numbers or query is None:
        return Walks(by_name, is_short, begins, None)
    is_rank_1 = joined("and", (_own(terms), _not(is_rank_0)))
    own = _checked(is_rank_1, joined("and", _read(terms))).of("passed")
    theirs = _with_contacts(terms, query).of("passed")
    longest = max((term.text for term in terms if _LETTERS.search(term.text)), key=len, default=None)
    ranks = Ranks(own, theirs, [term.text for term in terms], longest and escaped(longest))
    return Walks(by_name, is_short, begins, ranks)


def _own(terms: Iterable[_Term]) -> Sql:
    """Has all of them, whatever its contacts have."""
    return joined("and", (_has_either(term, _NAMES, _OWN_NUMBERS) for term in terms))


def _with_contacts(terms: Sequence[_Term], query: Sql) -> Sql:
    """Has all of them, but only with what its contacts have; for terms without numbers, of rows at hand. `query` as of
    `_asked_for`.
    """
    patterns = ", ".join("'%' || kith_fold({}) || '%'" for _ in terms)
    text = f"kith_has_with_contacts({_TOLD}, (select array[{patterns}]), {query.text})"
    return Sql(text, (*(escaped(term.text) for term in terms), *query.values))


def _whole(asked: _Asked) -> Sql | None:
    """The ids of customers that have the text, one address or number, as their own or as a contact's.

    A number typed as in its own country is the end of its E.164 form, so it is looked up by its end.
    """
    term = asked.terms[0]
    local, _, domain = asked.text.rpartition("@")
    if local and domain and " " not in asked.text:
        return Sql(_ADDRESS, (asked.text, asked.text))
    if term.text == asked.text and term.digits and len(term.digits) >= _WHOLE_DIGITS:
        return Sql(_ENDS, (term.digits,))
    return None


class _Rank(Told, Expression):
    """0 the name begins with the text, 1 the customer has all of it, 2 with its contacts it has, from 3 on the less alike."""

    @classmethod
    def of(cls, asked: _Asked) -> Self:
        text, terms = asked.text, asked.terms
        own = _own(terms)
        all_told = joined("and", (_has_either(term, _TEXTS, _ALL_NUMBERS) for term in terms))
        sql = (
            f"case when {_BEGINS_WITH} then 0 "
            f"when {own.text} then 1 when {all_told.text} then 2 "
            f"else 3 + round(100 * (1 - word_similarity((select kith_fold({{}})), {_TEXTS})))::int end"
        )
        return cls(Sql(sql, (escaped(text), *own.values, *all_told.values, text)))

    def resolve(self, resolve_context: ResolveContext) -> ResolveResult:
        return ResolveResult(term=Bound(self.sql.of(table_of(resolve_context))))
