"""The fonts documents are set in. All come with the installation; none is taken from the machine.

Packages on PyPI carry them (SIL Open Font License 1.1): Inter for Latin, Greek, Cyrillic and Vietnamese, and
Noto Sans for the rest. typst's own DejaVu Sans Mono and New Computer Modern Math fill the last gaps:
Armenian, Georgian, arrows and mathematical signs.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from fontTools.ttLib import TTFont  # type: ignore[import-untyped]  # it has no types to offer
from typst import Fonts

_WESTERN = "justmytype_western_core"
_RIGHT_TO_LEFT = "justmytype_intl_rtl"
_SOUTH_ASIAN = "justmytype_intl_south_asia"
_SOUTH_EAST_ASIAN = "justmytype_intl_sea"
_EAST_ASIAN = "justmytype_intl_cjk"

# Family → the package and the directory in it. The order is the one in which a glyph is looked for.
_FAMILIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "Inter": (_WESTERN, "inter"),
        "Noto Sans": (_WESTERN, "notosans"),
        "Noto Sans Arabic": (_RIGHT_TO_LEFT, "notosansarabic"),
        "Noto Sans Hebrew": (_RIGHT_TO_LEFT, "notosanshebrew"),
        "Noto Sans Devanagari": (_SOUTH_ASIAN, "notosansdevanagari"),
        "Noto Sans Bengali": (_SOUTH_ASIAN, "notosansbengali"),
        "Noto Sans Tamil": (_SOUTH_ASIAN, "notosanstamil"),
        "Noto Sans Telugu": (_SOUTH_ASIAN, "notosanstelugu"),
        "Noto Sans Thai": (_SOUTH_EAST_ASIAN, "notosansthai"),
        "Noto Sans Lao": (_SOUTH_EAST_ASIAN, "notosanslao"),
        "Noto Sans Khmer": (_SOUTH_EAST_ASIAN, "notosanskhmer"),
        "Noto Sans Myanmar": (_SOUTH_EAST_ASIAN, "notosansmyanmar"),
        "Noto Sans SC": (_EAST_ASIAN, "notosanssc"),
        "Noto Sans TC": (_EAST_ASIAN, "notosanstc"),
        "Noto Sans JP": (_EAST_ASIAN, "notosansjp"),
        "Noto Sans KR": (_EAST_ASIAN, "notosanskr"),
        "Noto Sans Symbols 2": (_WESTERN, "notosanssymbols2"),
    }
)
_LAST = "DejaVu Sans Mono"

# What typst's embedded fonts add; they are no files, so their tables cannot be asked. Not their marks for symbols
# (U+20D0 to U+20F0): set upon a character of another font, they keep it from being set at all.
_EMBEDDED = (
    range(0x0531, 0x0590),  # Armenian
    range(0x10D0, 0x1100),  # Georgian
    range(0x2190, 0x269D),  # arrows, operators, technical signs, boxes, shapes
    range(0x27C0, 0x2C00),  # more arrows and operators
)

# One ideograph has a different shape in each country. The script of a text decides, then the reader's country.
_EAST_ASIAN_BY_COUNTRY = MappingProxyType(
    {
        "TW": "Noto Sans TC",
        "HK": "Noto Sans TC",
        "MO": "Noto Sans TC",
        "JP": "Noto Sans JP",
        "KR": "Noto Sans KR",
    }
)
_KANA = range(0x3041, 0x3100)
_HANGUL = range(0xAC00, 0xD7A4)


@cache
def fonts() -> Fonts:
    """The fonts for the compiler; read once per process (about 50 ms)."""
    directories = [str(_directory(family)) for family in _FAMILIES]
    return Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=directories)


def families_for(text: str, country: str | None) -> list[str]:
    """The families in the order in which a document of this text, read in this country, looks for a glyph."""
    first = _east_asian(text, country)
    rest = [family for family in _FAMILIES if family != first]
    place = rest.index("Noto Sans SC") if first != "Noto Sans SC" else rest.index("Noto Sans TC")
    return [*rest[:place], first, *rest[place:], _LAST]


@cache
def displayable(code_point: int) -> bool:
    """Whether some font has a glyph for an assigned code point."""
    return any(code_point in block for block in _EMBEDDED) or any(
        code_point in _characters(family) for family in _FAMILIES
    )


def _east_asian(text: str, country: str | None) -> str:
    if any(ord(character) in _KANA for character in text):
        return "Noto Sans JP"
    if any(ord(character) in _HANGUL for character in text):
        return "Noto Sans KR"
    return _EAST_ASIAN_BY_COUNTRY.get(country or "", "Noto Sans SC")


def _directory(family: str) -> Path:
    package, directory = _FAMILIES[family]
    return Path(str(files(package) / "fonts" / "ofl" / directory))


@cache
def _characters(family: str) -> frozenset[int]:
    """Every code point with a glyph; each family is opened only when the ones before it lacked something."""
    upright = next(path for path in sorted(_directory(family).glob("*.ttf")) if "Italic" not in path.name)
    with TTFont(upright, lazy=True) as font:
        return frozenset(font.getBestCmap() or {})
