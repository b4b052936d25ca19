"""Calendar days: ISO 8601 for programs, the usual orders and month names for files."""

import re
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from functools import cache
from unicodedata import combining, normalize

from babel.dates import get_month_names

from crm.kernel.values.invalid import InvalidCode, InvalidValue, required
from crm.kernel.values.text import trimmed

YEARS = range(1900, 2200)
_PIVOT = 69  # POSIX strptime: 69–99 are 1969–1999, 00–68 are 2000–2068
_MONTHS = 12

_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII).fullmatch
_YEAR_FIRST = re.compile(r"(\d{4})([-/.]?)(\d\d?)\2(\d\d?)", re.ASCII).fullmatch
_YEAR_LAST = re.compile(r"(\d\d?)([-/.])\s?(\d\d?)\2\s?(\d{4}|\d\d)", re.ASCII).fullmatch
_NAMED_DAY_FIRST = re.compile(
    r"(\d\d?)(?:\.|st|nd|rd|th|er|º)?[ -]+(?:de )?([^\W\d_]+)\.?,?[ -]+(?:de )?(\d{4}|\d\d)"
).fullmatch
_NAMED_MONTH_FIRST = re.compile(r"([^\W\d_]+)\.? (\d\d?)(?:st|nd|rd|th)?,? (\d{4})").fullmatch
_TIME = re.compile(
    r"[T ]+\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?\s?(?:[AaPp]\.?[Mm]\.?)?(?:Z|[+-]\d\d:?\d\d)?$", re.ASCII
)


class DateOrder(StrEnum):
    """How a file writes 03/04/2025: the third of April, or the fourth of March."""

    DAY_FIRST = "DAY_FIRST"
    MONTH_FIRST = "MONTH_FIRST"


def parse_date(text: str) -> date:
    """Read a day in ISO 8601, YYYY-MM-DD, from 1900 to 2199. Raises REQUIRED or INVALID_DATE."""
    match = _ISO(text.strip())
    if match is None:
        raise _not_a_date(text)
    return _day(*map(int, match.groups()))


def parse_local_date(text: str, order: DateOrder | None = None) -> date:
    """Read a day as files hold it: ISO (a time is dropped), 31.12.2025, 31/12/25, 12/31/2025, 4 July 2025.

    Dots always mean day first. With slashes and dashes `order` decides, unless the numbers leave one reading.
    Month names are read in English, German, French and Spanish. Raises REQUIRED, INVALID_DATE, or
    AMBIGUOUS_DATE when the order is unknown and both readings exist.
    """
    if match := _ISO(text):
        return _day(*map(int, match.groups()))
    value = _TIME.sub("", trimmed(text))
    if match := _YEAR_FIRST(value):
        if not match[2] and len(value) != 8:  # noqa: PLR2004 — YYYYMMDD
            raise _not_a_date(text)
        return _day(int(match[1]), int(match[3]), int(match[4]))
    if match := _YEAR_LAST(value):
        day, month = _ordered(int(match[1]), int(match[3]), DateOrder.DAY_FIRST if match[2] == "." else order)
        return _day(_full_year(match[4]), month, day)
    return _named(value)


def date_order(samples: Iterable[str]) -> DateOrder | None:
    """Tell the order of a column of dates by its cells of one reading; None if none has or they differ."""
    orders = {order for order in map(_order_of, samples) if order}
    return orders.pop() if len(orders) == 1 else None


def _order_of(text: str) -> DateOrder | None:
    match = _YEAR_LAST(_TIME.sub("", trimmed(text)))
    if match is None or match[2] == ".":
        return None
    first, second = int(match[1]), int(match[3])
    if first > _MONTHS >= second:
        return DateOrder.DAY_FIRST
    return DateOrder.MONTH_FIRST if second > _MONTHS >= first else None


def _ordered(first: int, second: int, order: DateOrder | None) -> tuple[int, int]:
    """(day, month). A number above 12 can only be the day; that beats the file's order."""
    if first > _MONTHS or (order is DateOrder.DAY_FIRST and second <= _MONTHS) or first == second:
        return first, second
    if second > _MONTHS or order is DateOrder.MONTH_FIRST:
        return second, first
    raise InvalidValue(
        InvalidCode.AMBIGUOUS_DATE,
        "This date has two readings: say whether the day or the month comes first, or write YYYY-MM-DD.",
    )


def _named(value: str) -> date:
    if match := _NAMED_DAY_FIRST(value):
        day, name, year = match.groups()
    elif match := _NAMED_MONTH_FIRST(value):
        name, day, year = match.groups()
    else:
        raise _not_a_date(value)
    month = _months().get(_folded(name))
    if month is None:
        raise _not_a_date(value)
    return _day(_full_year(year), month, int(day))


def _full_year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 4:  # noqa: PLR2004
        return year
    return year + (1900 if year >= _PIVOT else 2000)


def _day(year: int, month: int, day: int) -> date:
    if year not in YEARS:
        raise InvalidValue(
            InvalidCode.INVALID_DATE, "This year cannot be right: write one from 1900 to 2199."
        )
    try:
        return date(year, month, day)
    except ValueError:
        raise InvalidValue(
            InvalidCode.INVALID_DATE, "There is no such day in the calendar: check the day and the month."
        ) from None


@cache
def _months() -> dict[str, int]:
    return {
        _folded(name): number
        for language in ("es", "fr", "de", "en")
        for width in ("abbreviated", "wide")
        for number, name in get_month_names(width, locale=language).items()
    } | {"sept": 9, "marz": 3, "mrz": 3}


def _folded(name: str) -> str:
    return "".join(c for c in normalize("NFKD", name.casefold()) if not combining(c)).rstrip(".")


def _not_a_date(text: str) -> InvalidValue:
    if not trimmed(text):
        return required()
    return InvalidValue(
        InvalidCode.INVALID_DATE, "This is not a date: write it as YYYY-MM-DD, such as 2025-12-31."
    )
