"""What numbering plans say of a number: all that needs the phonenumbers package.

It is 0.7 MB of a process and loads in 20 ms, so `phones` loads this with the first number that a plan is asked for.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

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


def international(digits: str) -> str | None:
    """E.164 of `+` and digits that are possible, else None.

    The table of lengths decides unless a national prefix may be inside.
    """
    for end in (2, 3, 4):
        plan = _plan_of_calling_code(digits[1:end])
        if plan is None:
            continue
        rest = digits[end:]
        if len(rest) in plan.lengths and not plan.national_prefix(rest) and rest.isdigit():
            return digits
        break
    number = _parsed(digits, None)
    if number is None or is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return None
    return format_number(number, PhoneNumberFormat.E164)


def national(typed: str, digits: str, country: str) -> str | None:
    """E.164 of a number valid in the country, else None.

    Plain plans are decided here, as the library would (a property test compares the two), at ten times its
    speed.
    """
    plan = _plan_of_region(country)
    if plan is None:
        return None
    if plan.simple and not digits.startswith(plan.calling_code) and not plan.is_international(digits):
        prefix = plan.national_prefix(digits)
        rest = digits[prefix.end() :] if prefix else digits
        if plan.is_valid(rest):
            return f"+{plan.calling_code}{rest}"
        if not (prefix and plan.is_valid(digits)):
            return None
    number = _parsed(typed, country)
    return format_number(number, PhoneNumberFormat.E164) if number and is_valid_number(number) else None


def spelt(number: str, country: str | None) -> str | None:
    """E.164 of a valid number with letters for keys, else None."""
    parsed = _parsed(number, country)
    if parsed is None or parsed.extension or not is_valid_number(parsed):
        return None
    return format_number(parsed, PhoneNumberFormat.E164)


def _parsed(text: str, country: str | None) -> PhoneNumber | None:
    try:
        return parse(text, country)
    except NumberParseException:
        return None


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
