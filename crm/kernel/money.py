"""Money: decimals and ISO 4217 currencies. Never a float."""

from decimal import ROUND_HALF_UP, Decimal
from functools import cache

from babel.numbers import get_currency_precision, list_currencies


@cache
def minor_digits(currency: str) -> int:
    """Digits of the currency's minor unit: EUR 2, JPY 0, KWD 3 (CLDR's table of ISO 4217)."""
    return get_currency_precision(currency)


def round_money(amount: Decimal, currency: str) -> Decimal:
    """The amount rounded half-up to the minor unit."""
    return amount.quantize(Decimal(1).scaleb(-minor_digits(currency)), ROUND_HALF_UP)


def currencies_by_digits() -> dict[int, list[str]]:
    """Every currency, by the digits of its minor unit."""
    found: dict[int, list[str]] = {}
    for currency in sorted(list_currencies()):
        found.setdefault(minor_digits(currency), []).append(currency)
    return found
