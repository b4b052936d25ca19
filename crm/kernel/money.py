"""Money: decimals and ISO 4217 currencies. Never a float."""

from decimal import ROUND_HALF_UP, Decimal

USUAL_DIGITS = 2
UNUSUAL_DIGITS = {
    0: "ADP AFN ALL BIF BYR CLP DJF ESP GNF IQD IRR ISK ITL JPY KMF KPW KRW LAK LBP LUF MGA MGF MMK MRO PYG RSD RWF SLL "
    "SOS STD SYP TMM TRL UGX UYI VND VUV XAF XOF XPF YER ZMK ZWD",
    3: "BHD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
"""CLDR's table of ISO 4217. Here, for babel's would hold 2 MB of every process."""

_digits = {currency: digits for digits, codes in UNUSUAL_DIGITS.items() for currency in codes.split()}


def minor_digits(currency: str) -> int:
    """Digits of the currency's minor unit: EUR 2, JPY 0, KWD 3."""
    return _digits.get(currency, USUAL_DIGITS)


def round_money(amount: Decimal, currency: str) -> Decimal:
    """The amount rounded half-up to the minor unit."""
    return amount.quantize(Decimal(1).scaleb(-minor_digits(currency)), ROUND_HALF_UP)
