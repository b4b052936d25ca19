"""Other people's text made fit to be typeset: their words, but nothing that breaks a page or misleads."""

import re
import unicodedata
from functools import lru_cache

from crm.documents.fonts import displayable

LONGEST_RUN = 24  # characters without a place to break a line that fit the narrowest column
LONGEST_RUN_OF_OURS = 48  # where the issuer's own particulars stand: an e-mail address is best left whole
LONGEST_LINE = 200  # characters of what has one place and cannot flow on to a next page
_CHUNK = 8  # characters between the places to break that a longer run is given

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_BREAK = "\N{ZERO WIDTH SPACE}"
_JOINER = "\N{ZERO WIDTH JOINER}"

_NEWLINES = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_RUN = re.compile(r"[^\s\u200b]+")
# Of the invisible characters, those a word may need: soft hyphen, break, joiners, direction marks, and the
# Arabic and Syriac signs that are drawn after all. Overrides and isolates are not among them: they can make
# an amount read differently from what it is.
_NEEDED_FORMATS = frozenset(
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\u0600\u0601\u0602\u0603\u0604\u0605\u06dd"
)
_VARIATION_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))


def paragraphs(text: str, longest_run: int = LONGEST_RUN) -> list[str]:
    """The text's lines, each fit to be set. Blank lines are dropped at the ends and never follow each other."""
    lines = [_clean(line, longest_run) for line in _NEWLINES.sub("\n", text).split("\n")]
    joined = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    return joined.split("\n") if joined else []


def one_line(text: str, longest_run: int = LONGEST_RUN) -> str:
    """The text on one line, fit to be set, and cut with an ellipsis when it is beyond all reason."""
    return " ".join(line for line in paragraphs(clipped(text, LONGEST_LINE), longest_run) if line)


def clipped(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def is_right_to_left(text: str) -> bool:
    """Whether the first character with a direction runs from right to left (UAX #9, rules P2 and P3)."""
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in ("L", "R", "AL"):
            return direction != "L"
    return False


def _clean(line: str, longest_run: int) -> str:
    printable = re.sub(" {2,}", " ", "".join(map(_printable, line))).strip()
    return _RUN.sub(lambda run: run[0] if len(run[0]) <= longest_run else _breakable(run[0]), printable)


@lru_cache(maxsize=65_536)
def _printable(character: str) -> str:
    """The character, a space or nothing in its place, or the replacement character if no font has it."""
    category, code_point = unicodedata.category(character), ord(character)
    if character == "\t" or category == "Zs":
        return character if displayable(code_point) and character != "\t" else " "
    if category == "Cc" or (category == "Cf" and character not in _NEEDED_FORMATS):
        return ""
    if category == "Cf" or any(code_point in selectors for selectors in _VARIATION_SELECTORS):
        return character
    known = category not in ("Cn", "Co", "Cs") and displayable(code_point)
    return character if known else REPLACEMENT


def _breakable(run: str) -> str:
    """The run with places to break, never inside a character that is made of several code points."""
    pieces: list[str] = []
    since, previous = 0, ""
    for character in run:
        extends = unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf") or previous == _JOINER
        if since >= _CHUNK and not extends:
            pieces.append(_BREAK)
            since = 0
        pieces.append(character)
        since, previous = since + 1, character
    return "".join(pieces)
