"""Scalars and small value types. Text forms are checked by the business (crm/kernel/values.py), all fields at once."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NewType, cast

import strawberry
from graphql import FloatValueNode, GraphQLError, IntValueNode, StringValueNode, ValueNode
from strawberry.schema.types.base_scalars import DateTimeDefinition
from strawberry.types.scalar import ScalarDefinition

from api.fusion import Reference, present
from crm.kernel.clock import iso
from crm.kernel.money import UNUSUAL_DIGITS, USUAL_DIGITS, minor_digits, round_money

EmailAddress = NewType("EmailAddress", str)
PhoneNumber = NewType("PhoneNumber", str)
CountryCode = NewType("CountryCode", str)
CurrencyCode = NewType("CurrencyCode", str)
LanguageCode = NewType("LanguageCode", str)
Url = NewType("Url", str)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise GraphQLError("Write it as a string.")
    return value


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise GraphQLError('Write a decimal as a string, such as "12.50".')
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        raise GraphQLError(
            f"'{str(value)[:40]}' is not a decimal. Write one as a string, such as \"12.50\"."
        ) from None
    if not number.is_finite() or abs(number.adjusted()) > 30:  # noqa: PLR2004  no column holds more
        raise GraphQLError("That number is out of range.")
    return number


def _decimal_literal(node: ValueNode, _variables: Any = None) -> Decimal:
    if not isinstance(node, StringValueNode | IntValueNode | FloatValueNode):
        raise GraphQLError('Write a decimal as a string, such as "12.50".')
    return _decimal(node.value)


def plain(number: Decimal) -> str:
    """Digits without exponent or trailing zeros: 2.500000 → 2.5."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _string_scalar(name: str, description: str) -> ScalarDefinition:
    return strawberry.scalar(name=name, description=description, serialize=str, parse_value=_text)


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="An instant in ISO 8601 with its offset, such as `2026-03-01T09:30:00+00:00`; answers are in UTC.",
        serialize=iso,
        parse_value=DateTimeDefinition.parse_value,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description='An exact decimal number, written as a string such as `"12.5"`. Never a float.',
        serialize=lambda value: value if isinstance(value, str) else plain(Decimal(value)),
        parse_value=_decimal,
        parse_literal=_decimal_literal,
    ),
    EmailAddress: _string_scalar(
        "EmailAddress", "An e-mail address, such as `ada@example.com`; at most 254 characters."
    ),
    PhoneNumber: _string_scalar(
        "PhoneNumber",
        "A telephone number. Any usual way of writing is accepted; kept as E.164 where the country is known.",
    ),
    CountryCode: _string_scalar("CountryCode", "A country by its ISO 3166-1 alpha-2 code, such as `DE`."),
    CurrencyCode: _string_scalar("CurrencyCode", "A currency by its ISO 4217 code, such as `EUR`."),
    LanguageCode: _string_scalar("LanguageCode", "A language by its BCP 47 code, such as `en` or `de-CH`."),
    Url: _string_scalar("URL", "A web address, `https://…` or `http://…`."),
}


@strawberry.type(description="An amount of money.")
class Money:
    amount: Decimal = strawberry.field(
        description="The amount, with the digits of the currency's minor unit."
    )
    currency: CurrencyCode = strawberry.field(description="Its currency.")


def money(amount: Decimal | None, currency: str) -> Money | None:
    """The amount written with the digits of its currency's minor unit: EUR 12.50, JPY 12, KWD 12.500."""
    return present(amount, lambda: money_of(cast("Decimal", amount), currency))


def money_of(amount: Decimal, currency: str) -> Money:
    """As `money`, for an amount that is always there."""
    digits: Any
    if isinstance(amount, Reference):
        digits = amount.through(_ROUNDED, cast("Reference", currency))
    else:
        digits = format(round_money(amount, currency), f".{minor_digits(currency)}f")
    return Money(amount=digits, currency=CurrencyCode(currency))


def _rounded() -> str:
    """`money_of` as SQL: PostgreSQL rounds numerics half away from zero, which is half-up for money."""
    cases = " ".join(
        f"when {{1}} = any('{{{{{codes.replace(' ', ',')}}}}}'::text[]) then {digits}"
        for digits, codes in UNUSUAL_DIGITS.items()
    )
    return f"round({{0}}, case {cases} else {USUAL_DIGITS} end)::text"


_ROUNDED = _rounded()
