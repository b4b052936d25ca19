"""The table of minor units is CLDR's."""

from babel.numbers import get_currency_precision, list_currencies

from crm.kernel.money import UNUSUAL_DIGITS, minor_digits


def test_every_currency_has_the_digits_that_cldr_gives_it() -> None:
    currencies = sorted(list_currencies())

    assert {each: minor_digits(each) for each in currencies} == {
        each: get_currency_precision(each) for each in currencies
    }
    listed = [code for codes in UNUSUAL_DIGITS.values() for code in codes.split()]
    assert len(listed) == len(set(listed))
