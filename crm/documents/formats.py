"""Numbers, dates and money as the reader's language writes them, by the CLDR."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Self

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, get_currency_precision

from crm.documents.labels import language_of

# Plain "en" is nobody's in particular: the CLDR's "en" is American, its "en_001" international.
_INTERNATIONAL_ENGLISH = Locale("en", "001")
_LETTER_BEFORE_NUMBER = re.compile(r"(?<=[^\W\d_])(?=[−\d])")

_MINUS = "\N{MINUS SIGN}"
_NO_BREAK = "\N{NO-BREAK SPACE}"
_FINEST = 6  # decimals of quantities, prices and rates


@dataclass(frozen=True, slots=True)
class Formats:
    """How one document writes its values."""

    locale: Locale
    currency: str

    @classmethod
    def of(cls, language: str, currency: str) -> Self:
        """For a BCP 47 tag: our language, in the tag's region where the CLDR knows the two together."""
        tag = language.replace("_", "-")
        try:
            locale = Locale.parse(tag, sep="-")
        except (UnknownLocaleError, ValueError):
            locale = Locale(language_of(tag))
        if locale.language != language_of(tag) or str(locale) == "en":
            locale = _INTERNATIONAL_ENGLISH
        return cls(locale, currency)

    def day(self, value: date) -> str:
        return str(format_date(value, "long", locale=self.locale))

    def money(self, value: Decimal) -> str:
        """An amount with its currency."""
        text = _with_minus(format_currency(value, self.currency, locale=self.locale))
        return _LETTER_BEFORE_NUMBER.sub(_NO_BREAK, text)  # as the CLDR spaces currency codes

    def amount(self, value: Decimal) -> str:
        """An amount without its currency, for columns that name it once."""
        return self._number(
            value, get_currency_precision(self.currency), get_currency_precision(self.currency)
        )

    def price(self, value: Decimal) -> str:
        """A unit price: at least the minor unit, and every further decimal it has."""
        return self._number(value, get_currency_precision(self.currency), _FINEST)

    def quantity(self, value: Decimal) -> str:
        return self._number(value, 0, _FINEST)

    def percent(self, value: Decimal) -> str:
        """A rate given in per cent, such as 19."""
        joined = "" if self.locale.language == "en" else _NO_BREAK
        return f"{self._number(value, 0, _FINEST)}{joined}%"

    def _number(self, value: Decimal, least: int, most: int) -> str:
        pattern = f"#,##0.{'0' * least}{'#' * (most - least)}".rstrip(".")
        return _with_minus(str(format_decimal(value, pattern, locale=self.locale)))


def _with_minus(text: str) -> str:
    return text.replace("-", _MINUS)
