"""Cells that a spreadsheet could take for formulas: made harmless on the way out, restored on the way in.

The rule is OWASP's on CSV injection, widened by what spreadsheets skip or fold: spaces of any kind, invisible
marks, and full-width forms of the leading sign.
"""

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

_MARK = "'"
# The spaces and invisible marks a spreadsheet may drop before it looks at the first character.
_SKIPPED = r"[\s\xa0\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u2064\u2066-\u2069\u3000\ufeff]*"
# A leading mark counts too: text that looks marked already is marked again, so that unmarking is exact.
_FORMULA = re.compile(
    rf"'*(?:[\t\r\n]|{_SKIPPED}[=+\-@\uff1d\uff0b\uff0d\uff20\u2212\ufe62\ufe63\ufe66\ufe6b])"
).match
# A plain negative number computes to itself.
_NEGATIVE_NUMBER = re.compile(r"-[0-9]+(?:[.,][0-9]+)*").fullmatch

CellValue = str | int | Decimal | date | bool | None


def safe_cell(text: str) -> str:
    """Return the text, after an apostrophe if a spreadsheet could run it. Plain negative numbers stay."""
    return _MARK + text if _FORMULA(text) and not _NEGATIVE_NUMBER(text) else text


def unsafe_cell(text: str) -> str:
    """Return what `safe_cell` was given; any other apostrophe at the beginning stays where it is."""
    return text[1:] if text.startswith(_MARK) and _FORMULA(text[1:]) else text


def safe_row(values: Iterable[CellValue]) -> list[str]:
    """Return the cells of a CSV row: text made safe, numbers as numbers, days in ISO 8601."""
    return [_cell(value) for value in values]


def _cell(value: CellValue) -> str:
    match value:
        case None:
            return ""
        case str():
            return safe_cell(value)
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case date():
            return value.isoformat()
        case int():
            return str(value)
