"""Currencies (ISO 4217) and languages (BCP 47)."""

import re
from functools import cache, lru_cache

from babel import Locale
from babel.core import get_global

from crm.kernel.values.invalid import InvalidCode, InvalidValue, required
from crm.kernel.values.text import trimmed

# Signs that mean one currency only; $, ¥ and kr mean several.
CURRENCY_SIGNS = {
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "₽": "RUB",
    "₺": "TRY",
    "₩": "KRW",
    "₪": "ILS",
    "₴": "UAH",
    "₫": "VND",
    "₦": "NGN",
    "₱": "PHP",
    "฿": "THB",
    "zł": "PLN",
    "Kč": "CZK",
    "Ft": "HUF",
}

MAX_LANGUAGE_LENGTH = 10
_LANGUAGE_TAG = re.compile(
    r"([a-z]{2,3})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}|\d{3}))?", re.IGNORECASE
).fullmatch
_NAMED_IN = ("en", "de", "fr", "es")


@cache
def active_currencies() -> frozenset[str]:
    """Codes of the currencies that are legal tender somewhere today (CLDR's table of ISO 4217)."""
    periods = (period for periods in get_global("territory_currencies").values() for period in periods)
    return frozenset(code for code, _, end, tender in periods if end is None and tender)


@cache
def currency_codes() -> frozenset[str]:
    """Codes of all currencies there are and have been, which records may have kept."""
    return active_currencies() | frozenset(Locale("en").currencies)


@lru_cache(maxsize=1024)
def parse_currency(text: str) -> str:
    """Return the ISO 4217 code of an active currency, from a code in any case or from a sign such as €.

    Raises REQUIRED or INVALID_CURRENCY.
    """
    value = trimmed(text)
    code = CURRENCY_SIGNS.get(value, value.upper())
    if code in active_currencies():
        return code
    if not value:
        raise required()
    raise InvalidValue(
        InvalidCode.INVALID_CURRENCY,
        "This is not a currency in use: write its three-letter code, such as EUR or USD.",
    )


@lru_cache(maxsize=1024)
def parse_language(text: str) -> str:
    """Return a BCP 47 tag of language, script and region (`de`, `pt-BR`, `zh-Hant-TW`), up to 10 characters.

    Also takes `de_DE` and a language's name in English, German, French or Spanish. Raises REQUIRED or
    INVALID_LANGUAGE.
    """
    value = trimmed(text)
    if not value:
        raise required()
    match = _LANGUAGE_TAG(value)
    tag = _canonical(*match.groups()) if match else None
    if tag := tag or _languages_by_name().get(value.casefold()):
        return tag
    raise InvalidValue(
        InvalidCode.INVALID_LANGUAGE, "This is not a language: write its code, such as en, de or pt-BR."
    )


def _canonical(language: str, script: str | None, region: str | None) -> str | None:
    english = Locale("en")
    language, script, region = language.lower(), script and script.title(), region and region.upper()
    language = get_global("language_aliases").get(language, language)
    if language not in english.languages or (script or "Latn") not in english.scripts:
        return None
    if (region or "DE") not in english.territories:
        return None
    tag = "-".join(filter(None, (language, script, region)))
    return tag if len(tag) <= MAX_LANGUAGE_LENGTH else None


@cache
def _languages_by_name() -> dict[str, str]:
    """Only two-letter languages: their names are the ones people write, and none of them is another word."""
    return {
        name.casefold(): code
        for language in reversed(_NAMED_IN)
        for code, name in Locale(language).languages.items()
        if len(code) == 2  # noqa: PLR2004
    }
