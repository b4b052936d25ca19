"""Phone numbers: E.164 where that can be known, otherwise the digits as they were typed.

The rule, for the API and for imports alike (`metadata` is that of the phonenumbers package):

1. A number with `+` (or a `tel:` URI) must have a country code that exists and a length possible there; it
   becomes E.164. Only the length is asked, because numbering plans grow faster than any table of them.
2. A number without `+` becomes E.164 when it is *valid* in the given country. Validity, not possible length,
   is asked here: ten digits are possible in many countries, and a wrong guess would invent the number of
   somebody else.
3. A number that begins with 00 and is possible as an international number becomes E.164.
4. Any other number of 5 to 15 digits is kept as its digits, without `+`: real address lists hold local
   numbers, numbers of an unknown country and made-up ones, and losing a customer over them would be worse.
5. Everything else is refused. An extension is kept as `;ext=` (RFC 3966) in every case.
"""

import re
from functools import cache
from typing import Protocol
from unicodedata import digit, normalize

from crm.kernel.values.invalid import InvalidCode, InvalidValue, required
from crm.kernel.values.text import trimmed

_MAX_TYPED = 60
_KEPT_DIGITS = range(5, 16)
_MIN_VANITY_LETTERS = 3

_SEPARATORS = str.maketrans("", "", " ()-./")
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2012\u2013\u2014\u2212", "-"))
_DIGITS_AND_SEPARATORS = re.compile(r"[ (]*\+?[0-9 ()./-]+").fullmatch
_EXTENSION = re.compile(
    r"(.*\d[\d )]*?)[ ,;]*(?:;ext=|\b(?:extension|extn|ext|durchwahl|dw|poste|interno|int)\b[.:]?|x|#)"
    r"[ :]*(\d{1,11})",
    re.IGNORECASE,
).fullmatch
_LABEL = re.compile(r"(?:tel|telefon|telephone|phone|fon|fax|mobile?|mob)\b[.:]*\s*", re.IGNORECASE).match
_TWO_NUMBERS = re.compile(r"(?:\d[ ().-]*){6}/[ (]*[+0](?:[ ().-]*\d){5}").search
_VANITY = re.compile(r"\+?[\d ().-]*\d[\d ().-]*[A-Za-z][A-Za-z\d ().-]*").fullmatch
_TRUNK_ZERO = re.compile(r"\(0\)").sub


class _Plans(Protocol):
    """What `numbering` is asked."""

    def international(self, digits: str) -> str | None: ...
    def national(self, typed: str, digits: str, country: str) -> str | None: ...
    def spelt(self, number: str, country: str | None) -> str | None: ...


@cache
def _plans() -> _Plans:
    """Looked up once: an import in a function costs as much as a tenth of a number, and imports of files ask twice a row."""
    from crm.kernel.values import numbering  # noqa: PLC0415  0.7 MB that a process needs with its first number

    return numbering


def parse_phone(text: str, country: str | None = None) -> str:
    """Return the number by the rule above, in at most 32 characters.

    `country` (ISO 3166-1 alpha-2) is where a number without + belongs. Raises REQUIRED or INVALID_PHONE.
    """
    if len(text) <= _MAX_TYPED and _DIGITS_AND_SEPARATORS(text) and not ("/" in text and _TWO_NUMBERS(text)):
        return _resolve(text, text.translate(_SEPARATORS), country)
    value = _plain(text)
    if not value:
        raise required()
    if len(value) > _MAX_TYPED or _TWO_NUMBERS(value):
        raise _invalid()
    number, extension = _split_extension(value)
    if _DIGITS_AND_SEPARATORS(number):
        resolved = _resolve(number, number.translate(_SEPARATORS), country)
    else:
        resolved = _vanity(number, country)
    return f"{resolved};ext={extension}" if extension else resolved


def phone_digits(text: str) -> str:
    """Return the digits to search by: without `(0)` and leading zeros, the extension's at the end.

    The digits of a number as typed in its own country are then part of the digits of its E.164 form.
    """
    value = _TRUNK_ZERO("", text) if text.isascii() else _TRUNK_ZERO("", normalize("NFKC", text))
    return "".join(str(digit(c)) for c in value if c.isdigit()).lstrip("0")


def _plain(text: str) -> str:
    """Return the text in ASCII digits and punctuation, without a label such as `Tel.:`."""
    value = text.strip()
    if not value.isascii():
        value = normalize("NFKC", trimmed(text)).translate(_DASHES)
        value = "".join(
            str(digit(c)) if c.isdigit() else c for c in value if c not in "\u200e\u200f\u202c\u2060"
        )
    label = _LABEL(value)
    return value[label.end() :] if label else value


def _split_extension(value: str) -> tuple[str, str | None]:
    match = _EXTENSION(value)
    return (match[1].rstrip(), match[2]) if match else (value, None)


def _resolve(typed: str, digits: str, country: str | None) -> str:
    if digits.startswith("+"):
        if (international := _plans().international(digits)) is None:
            raise _invalid()
        return international
    if country and (national := _plans().national(typed, digits, country)):
        return national
    if digits.startswith("00") and (international := _plans().international("+" + digits[2:])):
        return international  # other zeros are its own: kept as typed
    if not typed.strip():
        raise required()
    if len(digits) not in _KEPT_DIGITS:
        raise _invalid()
    return digits


def _vanity(number: str, country: str | None) -> str:
    """Letters stand for keys (1-800-FLOWERS) only where the result is a valid number."""
    if not _VANITY(number) or sum(map(str.isalpha, number)) < _MIN_VANITY_LETTERS:
        raise _invalid()
    if (spelt := _plans().spelt(number, country)) is None:
        raise _invalid()
    return spelt


def _invalid() -> InvalidValue:
    return InvalidValue(
        InvalidCode.INVALID_PHONE,
        "This is no phone number: write it in full, such as +49 30 901820 or +1 212 555 0100 x9.",
    )
