"""Filters on names and addresses, helped by what the search goes by: it finds what may hold a text, the column decides."""

from collections.abc import Sequence

from tortoise.expressions import Q

from crm.customers.search_sql import SIGNS, WORDS, Holds, Sql
from crm.kernel.search import folds_alike

_WITHIN = 3  # as kith_holds has it: fewer letters are within too many words
_CROWDED = "select id from customer where octet_length(people) > 200000"


def narrowed(text: str, *, is_name: bool) -> Q:
    """What every customer has whose name or e-mail address holds the text, so that an index finds them; others may have it,
    too. Empty, and false, where that index would not help.
    """
    asked = _held([text], is_name=is_name)
    return Q(Holds(Sql(f"{WORDS} @@ {asked.text}", asked.values))) if asked else Q()


def narrowed_contacts(texts: Sequence[str], *, is_name: bool) -> Q:
    """The same of contacts and one of several texts: their words their customer has, unless it has too many."""
    asked = _held(texts, is_name=is_name)
    if asked is None:
        return Q()
    words = WORDS.format(table="c")
    found = f"select c.id from customer c where {words} @@ {asked.text} union all {_CROWDED}"  # noqa: S608  every value is bound
    return Q(Holds(Sql(f"{{table}}.customer_id = any(array({found}))", asked.values)))


def customers_at(addresses: Sequence[str]) -> Q:
    """The customers with one of the e-mail addresses, case apart, so that an index finds them."""
    return _one_of("{table}.sort_email", addresses)


def contacts_at(addresses: Sequence[str]) -> Q:
    """The same of contacts."""
    return _one_of("lower({table}.email)", addresses)


def _one_of(address: str, addresses: Sequence[str]) -> Q:
    places = ", ".join("lower({})" for _ in addresses) or "null"
    return Q(Holds(Sql(f"{address} in ({places})", tuple(addresses))))


def _held(texts: Sequence[str], *, is_name: bool) -> Sql | None:
    """What the index of words is asked; None where it would be for nearly all."""
    if not texts or not all(_is_known(text, is_name=is_name) for text in texts):
        return None
    asked = [text if is_name else _without_open_end(text) for text in texts]
    any_of_them = " || ".join([f"kith_holds({{}}, {str(is_name).lower()})"] * len(asked))
    return Sql(f"(select {any_of_them})", tuple(asked))


def _is_known(text: str, *, is_name: bool) -> bool:
    """Whether the words of a text tell much: of names also the beginning of one, of addresses only what follows a sign."""
    if len(text) < _WITHIN or not folds_alike(text):
        return False
    first, *others = SIGNS.split(text)
    if is_name:
        return len(first) >= _WITHIN or any(others)
    return any(others) if not first else any(others[:-1])


def _without_open_end(address: str) -> str:
    """Half of all addresses go on as ".co" does: a whole word before it, of which none is missing, tells more."""
    *pieces, last = SIGNS.split(address)
    return address[: len(address) - len(last)] if any(pieces[1:]) else address
