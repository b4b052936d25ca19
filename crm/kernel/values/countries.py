"""Countries: ISO 3166-1 alpha-2 codes from codes and from names in the languages people fill in forms in."""

import re
from functools import cache, lru_cache
from itertools import product
from string import ascii_uppercase
from unicodedata import combining, normalize

from babel import Locale
from babel.core import get_global

from crm.kernel.values.invalid import InvalidCode, InvalidValue, required
from crm.kernel.values.text import trimmed

# CLDR's two-letter regions that are no ISO 3166-1 country: parts of others, groups, private use. XK (Kosovo)
# is not in the standard either, but is the code everybody uses for it, the European Union included.
_NO_COUNTRIES = frozenset(
    ("AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ")
)

# Tried in this order: a name found in an earlier group is final. The last group costs about 20 MB and 60 ms,
# once, and only after a name that none of the others knows.
_LANGUAGES = (
    "en",
    "de es fr it nl pt",
    "ar bg cs da el et fi ga he hi hr hu id is ja ka ko lt lv mk nb pl ro ru sk sl sq sr sv th tr uk vi zh",
)

# Names that files use and CLDR lacks: parts, short forms, former names and the long forms of older ISO lists.
_ALIASES = {
    "AE": "UAE; Emirates",
    "AQ": "Antarctica (the territory South of 60 deg S)",
    "BA": "Bosnia; Bosnien",
    "BN": "Brunei Darussalam",
    "BV": "Bouvet Island (Bouvetoya)",
    "CD": "Congo, Democratic Republic of the; Congo Kinshasa; DR Congo; DRC; Zaire",
    "CG": "Congo; Republic of the Congo; Congo Brazzaville",
    "CI": "Ivory Coast; Elfenbeinküste; Costa de Marfil",
    "CV": "Cape Verde",
    "CZ": "Czech Republic; Tschechische Republik",
    "FM": "Micronesia; Federated States of Micronesia",
    "GB": "Great Britain; Britain; England; Scotland; Wales; Northern Ireland; Großbritannien;"
    " Grande-Bretagne; Gran Bretaña; Angleterre; Inglaterra; Schottland",
    "HK": "Hong Kong; Hong Kong SAR",
    "HM": "Heard Island and McDonald Islands",
    "IO": "British Indian Ocean Territory (Chagos Archipelago)",
    "KG": "Kyrgyz Republic",
    "KP": "North Korea; Korea, Democratic People's Republic of; Democratic People's Republic of Korea; DPRK",
    "KR": "Korea; South Korea; Korea, Republic of; Republic of Korea",
    "LA": "Lao People's Democratic Republic",
    "LY": "Libyan Arab Jamahiriya",
    "MF": "Saint Martin; Saint Martin (French part)",
    "MK": "Macedonia; FYROM; Former Yugoslav Republic of Macedonia; Mazedonien; Macédoine",
    "MM": "Burma",
    "MO": "Macao; Macau",
    "NL": "Holland",
    "PN": "Pitcairn",
    "PS": "Palestine; Palestinian Territory; State of Palestine",
    "RU": "Russian Federation",
    "SH": "Saint Helena",
    "SJ": "Svalbard & Jan Mayen Islands",
    "SX": "Sint Maarten (Dutch part)",
    "SY": "Syrian Arab Republic",
    "SZ": "Swaziland",
    "TL": "East Timor",
    "TR": "Turkey; Turkiye",
    "TW": "Taiwan Province of China",
    "UM": "United States Minor Outlying Islands",
    "US": "USA; U.S.; United States of America; America; Etats-Unis d'Amérique; EE.UU.; EUA;"
    " Estados Unidos de América; Vereinigte Staaten von Amerika",
    "VA": "Holy See; Vatican",
    "VG": "British Virgin Islands; Virgin Islands, British",
    "VI": "United States Virgin Islands; US Virgin Islands; Virgin Islands, U.S.",
}
# Countries that became several, with the CLDR code that lists their heirs.
_FORMER = {
    "Netherlands Antilles": "AN",
    "Soviet Union": "SU",
    "USSR": "SU",
    "Yugoslavia": "YU",
    "Serbia and Montenegro": "CS",
    "Czechoslovakia": "200",
}

_APOSTROPHES = re.compile(r"['’ʼ`´.]")
_PARENTHESES = re.compile(r"\s*\([^()]*\)")
_NO_LETTERS = re.compile(r"[\W_]+")
_ARTICLE = re.compile(r"\bthe |^(?:die|der|la|le|les|el|los|las) ")
_SAINT = re.compile(r"\bst\b")
_FORMAL = re.compile(
    r", (?:the )?(?:[a-z]+ )*(?:republic|state|kingdom|states|province)(?: of| of china| federation)?$",
    re.IGNORECASE,
)
_ALPHA_2 = re.compile(r"[A-Z]{2}").fullmatch
_MAX_NAME = 80


def parse_country(text: str) -> str:
    """Return the ISO 3166-1 alpha-2 code of a code (alpha-2, alpha-3) or of a name in one of 41 languages.

    Case, accents, punctuation and articles do not matter. A part of a country counts as the country (England:
    GB). A country that broke up is refused with the codes that took its place. Raises REQUIRED or
    INVALID_COUNTRY.
    """
    return _country(text)


@cache
def country_codes() -> tuple[str, ...]:
    """All codes of two capitals, whether they stand for a country today or did when a record was written."""
    return tuple(map("".join, product(ascii_uppercase, repeat=2)))


@lru_cache(maxsize=4096)
def _country(text: str) -> str:
    value = trimmed(text)
    if not value:
        raise required()
    if len(value) > _MAX_NAME:
        raise _invalid()
    if code := _of_code(value.upper()) or _of_name(value):
        return code
    raise _invalid()


def _of_code(word: str) -> str | None:
    if word in _codes():
        return word
    if (
        word.isascii()
        and word.isalpha()
        and len(word) in (2, 3)
        and (heirs := get_global("territory_aliases").get(word))
    ):
        if len(heirs) > 1:
            raise _broke_up(heirs)
        return heirs[0] if heirs[0] in _codes() else None
    return None


def _of_name(value: str) -> str | None:
    """Try the whole name, then without parentheses, then without such as `, Islamic Republic of`."""
    spellings = dict.fromkeys((value, _PARENTHESES.sub("", value), _FORMAL.sub("", value)))
    keys = [key for key in map(_key, spellings) if key]
    for group in range(len(_LANGUAGES)):
        names = _names(group)
        if code := next((names[key] for key in keys if key in names), None):
            return code
    if heirs := next((_former()[key] for key in keys if key in _former()), None):
        raise _broke_up(heirs)
    return None


def _key(name: str) -> str:
    """Fold a name to what its spellings share: without case, accents, punctuation and article."""
    bare = "".join(c for c in normalize("NFKD", name.casefold()) if not combining(c))
    words = _NO_LETTERS.sub(" ", _APOSTROPHES.sub("", bare).replace("&", " and ")).strip()
    return _SAINT.sub("saint", _ARTICLE.sub("", words))


@cache
def _codes() -> frozenset[str]:
    return frozenset(filter(_ALPHA_2, map(str, Locale("en").territories))) - _NO_COUNTRIES


@cache
def _names(group: int) -> dict[str, str]:
    """Map names to codes for a group of languages; a name that means two countries there means none."""
    found: dict[str, str | None] = {}
    for language in _LANGUAGES[group].split():
        for code, name in Locale.parse(language).territories.items():
            if code in _codes():
                key = _key(name)
                found[key] = code if found.get(key, code) == code else None
    names = {key: code for key, code in found.items() if code}
    if group == 0:
        names |= {_key(alias): code for code, aliases in _ALIASES.items() for alias in aliases.split("; ")}
    return names


@cache
def _former() -> dict[str, list[str]]:
    return {_key(name): get_global("territory_aliases")[code] for name, code in _FORMER.items()}


def _invalid() -> InvalidValue:
    return InvalidValue(
        InvalidCode.INVALID_COUNTRY,
        "No country goes by this name: write it in English or as its two-letter code, such as DE.",
    )


def _broke_up(heirs: list[str]) -> InvalidValue:
    return InvalidValue(
        InvalidCode.INVALID_COUNTRY,
        f"This country no longer exists: choose one of {', '.join(heirs)} in its place.",
    )
