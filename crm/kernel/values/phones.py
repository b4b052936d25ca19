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
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from unicodedata import digit, normalize

from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    NumberParseException,
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberDesc,
    PhoneNumberFormat,
    ValidationResult,
    format_number,
    is_possible_number_with_reason,
    is_valid_number,
    parse,
)

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


_Matches = Callable[[str], object]
_Kinds = tuple[tuple[frozenset[int], _Matches], ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the fast path needs of a numbering plan.

    `regions`: each region of the calling code, main one first, by the digits its numbers begin with, if those tell,
    and with the lengths and patterns of its kinds of numbers. `simple`: no prefix rewrites a number.
    """

    calling_code: str
    national_prefix: Callable[[str], re.Match[str] | None]
    is_international: _Matches
    lengths: frozenset[int]
    regions: tuple[tuple[_Matches | None, _Kinds], ...]
    simple: bool

    def is_valid(self, number: str) -> bool:
        """Whether the region the number belongs to has such a number, as libphonenumber defines it."""
        for begins, kinds in self.regions:
            if begins is not None:
                if begins(number):
                    return _is_of(kinds, number)
            elif _is_of(kinds, number):
                return True
        return False


def _is_of(kinds: _Kinds, number: str) -> bool:
    length = len(number)
    return any(length in lengths and matches(number) for lengths, matches in kinds)


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
        return _international(digits)
    if country and (national := _national(typed, digits, country)):
        return national
    if digits.startswith("00"):
        try:
            return _international("+" + digits[2:])
        except InvalidValue:
            pass  # zeros of its own: kept as typed
    if not typed.strip():
        raise required()
    if len(digits) not in _KEPT_DIGITS:
        raise _invalid()
    return digits


def _international(digits: str) -> str:
    """E.164 of `+` and digits. The table of lengths decides unless a national prefix may be inside."""
    for end in (2, 3, 4):
        plan = _plan_of_calling_code(digits[1:end])
        if plan is None:
            continue
        national = digits[end:]
        if len(national) in plan.lengths and not plan.national_prefix(national) and national.isdigit():
            return digits
        break
    number = _parsed(digits, None)
    if number is None or is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        raise _invalid()
    return format_number(number, PhoneNumberFormat.E164)


def _national(typed: str, digits: str, country: str) -> str | None:
    """E.164 of a number valid in the country, else None.

    Plain plans are decided here, as the library would (a property test compares the two), at ten times its
    speed.
    """
    plan = _plan_of_region(country)
    if plan is None:
        return None
    if plan.simple and not digits.startswith(plan.calling_code) and not plan.is_international(digits):
        prefix = plan.national_prefix(digits)
        national = digits[prefix.end() :] if prefix else digits
        if plan.is_valid(national):
            return f"+{plan.calling_code}{national}"
        if not (prefix and plan.is_valid(digits)):
            return None
    number = _parsed(typed, country)
    return format_number(number, PhoneNumberFormat.E164) if number and is_valid_number(number) else None


def _vanity(number: str, country: str | None) -> str:
    """Letters stand for keys (1-800-FLOWERS) only where the result is a valid number."""
    if not _VANITY(number) or sum(map(str.isalpha, number)) < _MIN_VANITY_LETTERS:
        raise _invalid()
    parsed = _parsed(number, country)
    if parsed is None or parsed.extension or not is_valid_number(parsed):
        raise _invalid()
    return format_number(parsed, PhoneNumberFormat.E164)


def _parsed(text: str, country: str | None) -> PhoneNumber | None:
    try:
        return parse(text, country)
    except NumberParseException:
        return None


def _invalid() -> InvalidValue:
    return InvalidValue(
        InvalidCode.INVALID_PHONE,
        "This is no phone number: write it in full, such as +49 30 901820 or +1 212 555 0100 x9.",
    )


@cache
def _plan_of_calling_code(code: str) -> _Plan | None:
    regions = (
        COUNTRY_CODE_TO_REGION_CODE.get(int(code)) if code.isdigit() and not code.startswith("0") else None
    )
    if regions is None:
        return None
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(int(code), regions[0])
    return _plan(metadata) if metadata else None


@cache
def _plan_of_region(region: str) -> _Plan | None:
    metadata = PhoneMetadata.metadata_for_region(region, None)
    return _plan(metadata) if metadata else None


def _plan(metadata: PhoneMetadata) -> _Plan:
    code = metadata.country_code or 0
    general = metadata.general_desc
    names = COUNTRY_CODE_TO_REGION_CODE[code]
    regions = (PhoneMetadata.metadata_for_region_or_calling_code(code, name) for name in names)
    return _Plan(
        calling_code=str(code),
        national_prefix=re.compile(metadata.national_prefix_for_parsing or r"(?!)").match,
        is_international=re.compile(metadata.international_prefix or r"(?!)").match,
        lengths=frozenset(general.possible_length if general else ()),
        regions=tuple((_begins(region), _kinds(region)) for region in regions if region),
        simple=not metadata.national_prefix_transform_rule,
    )


def _begins(metadata: PhoneMetadata) -> _Matches | None:
    return re.compile(metadata.leading_digits).match if metadata.leading_digits else None


def _kinds(metadata: PhoneMetadata) -> _Kinds:
    """Lengths and pattern of each kind of number, the commonest first: a valid number matches one."""
    kinds = (
        metadata.fixed_line,
        metadata.mobile,
        metadata.toll_free,
        metadata.shared_cost,
        metadata.premium_rate,
        metadata.voip,
        metadata.personal_number,
        metadata.pager,
        metadata.uan,
        metadata.voicemail,
    )
    return tuple(
        (frozenset(kind.possible_length), re.compile(kind.national_number_pattern).fullmatch)
        for kind in kinds
        if isinstance(kind, PhoneNumberDesc) and kind.national_number_pattern
    )
