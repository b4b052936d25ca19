"""Decimals and whole numbers: strict for programs, tolerant for files. Never a float."""

import re
from collections.abc import Iterable
from decimal import Decimal
from unicodedata import category, normalize

from crm.kernel.values.codes import CURRENCY_SIGNS, active_currencies
from crm.kernel.values.invalid import InvalidCode, InvalidValue, required
from crm.kernel.values.text import trimmed

MAX_DIGITS = 18
PERCENT_PLACES = 4
_HUNDRED = Decimal(100)

_STRICT = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?").fullmatch
_WHOLE = re.compile(r"-?[0-9]{1,18}").fullmatch
_LOCAL_BODY = re.compile(
    r"([+-]?)\s*(\(?)((?:[0-9][0-9.,'’ ]*)?[0-9]|[.,][0-9]+)(?:[.,](?:--?|—|–))?(\)?)\s*(-?)"
).fullmatch
# Groups of three, or the Indian 12,34,567.
_GROUPS = re.compile(
    r"[0-9]{1,3}(?:(?P<g>[.,'’ ])[0-9]{3}(?:(?P=g)[0-9]{3})*|(?:,[0-9]{2})+,[0-9]{3})"
).fullmatch
_UNIT_BEFORE = re.compile(r"([^\W\d_]{1,4}\.?|\S)\s*(?=[-+(.,\d])").match
_UNIT_AFTER = re.compile(r"(?<=[\d),.–—-])\s*([^\W\d_]{1,4}\.?|\S)$").search
_MORE_SIGNS = frozenset(
    ("kr", "kr.", "fr", "fr.", "sfr", "sfr.", "lei", "лв", "лв.", "din", "din.", "rp", "rs", "rs.", "r")
)
_MAX_TYPED = 60


def parse_decimal(
    text: str, *, places: int = 4, minimum: Decimal | None = None, maximum: Decimal | None = None
) -> Decimal:
    """Read a number in program notation: digits, perhaps a minus and a point. No exponent, no grouping.

    At most `places` decimals and 18 digits in all. Raises REQUIRED, INVALID_DECIMAL or OUT_OF_RANGE.
    """
    value = text.strip()
    if not _STRICT(value):
        raise _not_a_number(value)
    return _checked(Decimal(value), places, minimum, maximum)


def parse_local_decimal(
    text: str,
    *,
    comma: bool | None = None,
    places: int = 4,
    minimum: Decimal | None = None,
    maximum: Decimal | None = None,
) -> Decimal:
    """Read a number as files hold it: 1.234,56 · 1,234.56 · 1 234,56 · 1'234.56 · € 12,- · (5.00) · 12 USD.

    `comma` says whether the file writes a decimal comma (see `decimal_comma`). It decides only what can mean
    two things, a single separator before three digits; without it `1,234` is 1234 and `1.234` is 1.234.
    Errors as `parse_decimal`.
    """
    value = text.strip()
    if _STRICT(value) and not (comma and "." in value):
        return _checked(Decimal(value), places, minimum, maximum)
    return _checked(_local(value, comma), places, minimum, maximum)


def parse_percent(text: str, *, places: int = PERCENT_PLACES) -> Decimal:
    """Percent from 0 to 100, with or without a % sign. Errors as `parse_decimal`."""
    return parse_decimal(trimmed(text).removesuffix("%"), places=places, minimum=Decimal(0), maximum=_HUNDRED)


def parse_local_percent(text: str, *, comma: bool | None = None, places: int = PERCENT_PLACES) -> Decimal:
    """Percent from 0 to 100 as files hold it, `12,5 %` included. Errors as `parse_decimal`."""
    bare = trimmed(text).removesuffix("%")
    return parse_local_decimal(bare, comma=comma, places=places, minimum=Decimal(0), maximum=_HUNDRED)


def parse_integer(text: str, *, minimum: int | None = None, maximum: int | None = None) -> int:
    """Read a whole number of at most 18 digits. Raises REQUIRED, INVALID_INTEGER or OUT_OF_RANGE."""
    value = text.strip()
    if not _WHOLE(value):
        raise _not_whole(value)
    number = int(value)
    _check_range(number, minimum, maximum)
    return number


def parse_local_integer(
    text: str, *, comma: bool | None = None, minimum: int | None = None, maximum: int | None = None
) -> int:
    """Read a whole number as files hold it: 1.000 · 1,000 · 30.0. Errors as `parse_integer`."""
    value = text.strip()
    if _WHOLE(value):
        return parse_integer(value, minimum=minimum, maximum=maximum)
    try:
        number = _local(value, comma)
    except InvalidValue:
        raise _not_whole(value) from None
    if number != number.to_integral_value() or number.adjusted() >= MAX_DIGITS:
        raise _not_whole(value)
    _check_range(number, minimum, maximum)
    return int(number)


def decimal_comma(samples: Iterable[str]) -> bool | None:
    """Tell whether a column writes a decimal comma, by its cells with one reading; None without any."""
    votes = [vote for vote in map(_comma_vote, samples) if vote is not None]
    return sum(votes) * 2 > len(votes) if votes else None


def _comma_vote(text: str) -> bool | None:
    digits = "".join(c for c in text if c in ".,0123456789")
    mark = max(digits.rfind("."), digits.rfind(","))
    if mark < 0:
        return None
    both = "." in digits and "," in digits
    repeated = digits.count(digits[mark]) > 1
    if repeated:
        return digits[mark] == "." if not both else None
    return digits[mark] == "," if both or _cannot_group(digits, mark) else None


def _cannot_group(digits: str, mark: int) -> bool:
    """Tell a decimal mark: not one to three digits (other than a lone 0) before it, or not three after it."""
    return len(digits) - mark - 1 != 3 or not 0 < mark <= 3 or digits[:mark] == "0"  # noqa: PLR2004


def _local(value: str, comma: bool | None) -> Decimal:
    if len(value) > _MAX_TYPED:
        raise _not_a_number(value)
    plain = normalize("NFKC", trimmed(value)).replace("\u2212", "-")
    match = _LOCAL_BODY(_without_units(plain).strip())
    if match is None:
        raise _not_a_number(value)
    sign, opened, body, closed, trailing = match.groups()
    if bool(opened) != bool(closed) or (bool(sign) + bool(opened) + bool(trailing)) > 1:
        raise _not_a_number(value)
    number = Decimal(_point_notation(body, comma))
    return -number if sign == "-" or opened or trailing else number


def _without_units(text: str) -> str:
    """Return the text without one currency, written before or after the number."""
    if (before := _UNIT_BEFORE(text)) and _is_unit(before[1]):
        return text[before.end() :]
    if text[:1] in "-+" and (before := _UNIT_BEFORE(text[1:].lstrip())) and _is_unit(before[1]):
        return text[0] + text[1:].lstrip()[before.end() :]
    if (after := _UNIT_AFTER(text)) and _is_unit(after[1]):
        return text[: after.start()]
    return text


def _is_unit(word: str) -> bool:
    if len(word) == 1 and category(word) == "Sc":
        return True
    return word.upper() in active_currencies() or word in CURRENCY_SIGNS or word.casefold() in _MORE_SIGNS


def _point_notation(body: str, comma: bool | None) -> str:
    mark = max(body.rfind("."), body.rfind(","))
    whole, fraction = (body[:mark], body[mark + 1 :]) if _is_decimal_mark(body, mark, comma) else (body, "")
    if whole and not whole.isdigit() and not _GROUPS(whole):
        raise _not_a_number(body)
    digits = "".join(filter(str.isdigit, whole)) or "0"
    return f"{digits}.{fraction}" if fraction else digits


def _is_decimal_mark(body: str, mark: int, comma: bool | None) -> bool:
    if mark < 0 or not body[mark + 1 :].isdigit():
        return False
    if body.count(body[mark]) > 1:
        return False
    if any(c in body[:mark] for c in ".,'’ ") or _cannot_group(body, mark):
        return True
    return body[mark] == ("." if comma is None else "," if comma else ".")


def _checked(number: Decimal, places: int, minimum: Decimal | None, maximum: Decimal | None) -> Decimal:
    exponent = number.as_tuple().exponent
    decimals = -exponent if isinstance(exponent, int) else 0
    if decimals > places:
        number = number.normalize()
        exponent = number.as_tuple().exponent
        if isinstance(exponent, int) and -exponent > places:
            raise InvalidValue(
                InvalidCode.INVALID_DECIMAL, f"This has too many decimals: round it to {places} decimals."
            )
    if number and number.adjusted() >= MAX_DIGITS - places:
        raise InvalidValue(
            InvalidCode.OUT_OF_RANGE,
            f"This number is too large: at most {MAX_DIGITS - places} digits before the point.",
        )
    _check_range(number, minimum, maximum)
    return number


def _check_range(number: Decimal | int, minimum: Decimal | int | None, maximum: Decimal | int | None) -> None:
    if (minimum is None or number >= minimum) and (maximum is None or number <= maximum):
        return
    limits = {
        (True, True): f"from {minimum} to {maximum}",
        (True, False): f"of {minimum} or more",
        (False, True): f"of {maximum} or less",
    }
    wanted = limits[minimum is not None, maximum is not None]
    raise InvalidValue(InvalidCode.OUT_OF_RANGE, f"This number is out of range: write one {wanted}.")


def _not_a_number(value: str) -> InvalidValue:
    if not trimmed(value):
        return required()
    return InvalidValue(InvalidCode.INVALID_DECIMAL, "This is not a number: write digits, such as 1234.56.")


def _not_whole(value: str) -> InvalidValue:
    if not trimmed(value):
        return required()
    return InvalidValue(
        InvalidCode.INVALID_INTEGER, "This is not a whole number: write digits only, such as 30."
    )
