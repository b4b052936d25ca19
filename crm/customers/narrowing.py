"""Filters on names and addresses, helped by what the search goes by: it finds what may hold a text, the column decides."""

from collections.abc import Sequence

from tortoise.expressions import Q

from crm.customers.search_sql import SIGNS, WORDS, Holds, Sql

_WITHIN = 3  # as kith_holds has it: fewer letters are within too many words
_CROWDED = "select id from customer where octet_length(people) > 200000"


def narrowed(text: str, *, is_name: bool) -> Q:
    """What every customer has whose name or e-mail address holds the ASCII text, so that an index finds them; others
    may have it, too. All have where no index would help.
    """
    asked = _held(text, is_name=is_name)
    return Q(Holds(Sql(f"{WORDS} @@ {asked.text}", asked.values))) if asked else Q()


def narrowed_contacts(text: str, *, is_name: bool) -> Q:
    """The same of contacts, whose words their customer has, unless it has too many."""
    asked = _held(text, is_name=is_name)
    if asked is None:
        return Q()
    words = WORDS.format(table="c")
    found = f"select c.id from customer c where {words} @@ {asked.text} union all {_CROWDED}"  # noqa: S608  every value is bound
    return Q(Holds(Sql(f"{{table}}.customer_id = any(array({found}))", asked.values)))


def contacts_at(addresses: Sequence[str]) -> Q:
    """The contacts with one of the e-mail addresses, case apart, so that an index finds them."""
    places = ", ".join("lower({})" for _ in addresses) or "null"
    return Q(Holds(Sql(f"lower({{table}}.email) in ({places})", tuple(addresses))))


def _held(text: str, *, is_name: bool) -> Sql | None:
    """What the index of words is asked; None where it would be for nearly all."""
    pieces = SIGNS.split(text)
    first, *others = [piece for piece in pieces if piece] or [""]
    known = not pieces[0] or others or (is_name and len(first) >= _WITHIN)
    if len(text) < _WITHIN or not first or not known:
        return None
    asked = text if is_name else _without_open_end(text)
    return Sql(f"(select kith_holds({{}}, {str(is_name).lower()}))", (asked,))


def _without_open_end(address: str) -> str:
    """Half of all addresses go on as ".co" does: a whole word before it, of which none is missing, tells more."""
    *pieces, last = SIGNS.split(address)
    return address[: len(address) - len(last)] if any(pieces[1:]) else address
