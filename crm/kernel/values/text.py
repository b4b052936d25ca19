"""Text of one line or several, tags, and yes or no. Everything stored is NFC and trimmed."""

import re
from unicodedata import is_normalized, normalize

from crm.kernel.values.invalid import InvalidCode, InvalidValue, required, too_long

# Line and paragraph separators, direction overrides and isolates (they make text read as something else),
# halves of surrogate pairs (PostgreSQL cannot store them) and non-characters (XML cannot) stand beside the C0
# and C1 controls.
_UNSAFE = "\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff"
_UNSAFE_IN_LINE = re.compile(f"[\x00-\x1f{_UNSAFE}]").search
_UNSAFE_IN_LINES = re.compile(f"[\x00-\x08\x0b-\x1f{_UNSAFE}]").search
# What copying from web pages and address books leaves around a value: spaces of every width, byte order
# marks, zero-width and direction marks.
_EDGES = (
    " \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u202f\u205f\u2060\u2066\u2067"
    "\u2068\u2069\u3000\ufeff"
)

MAX_TAGS = 50
MAX_TAG_LENGTH = 50
_TAG_SEPARATORS = re.compile(r"[,;|\n]")

_WORDS = (
    (
        True,
        (
            "1",
            "true",
            "t",
            "yes",
            "y",
            "on",
            "x",
            "✓",
            "✔",
            "ja",
            "j",
            "wahr",
            "oui",
            "o",
            "vrai",
            "si",
            "sí",
            "s",
        ),
    ),
    (True, ("verdadero", "sim", "verdadeiro", "vero", "waar")),
    (
        False,
        (
            "0",
            "false",
            "f",
            "no",
            "n",
            "off",
            "nein",
            "falsch",
            "non",
            "faux",
            "falso",
            "não",
            "nee",
            "onwaar",
        ),
    ),
)
_BOOLEANS = {word: answer for answer, words in _WORDS for word in words}


def trimmed(text: str) -> str:
    """Return the text in Unicode NFC, without spaces and invisible marks at its ends."""
    if text.isascii():
        return text.strip()
    return normalize("NFC", text).strip(_EDGES)


def refuse_control_characters(value: str) -> None:
    """Raise CONTROL_CHARACTERS when a single line holds what no line of text should."""
    if value.isascii():
        if value.isprintable():
            return
    elif not _UNSAFE_IN_LINE(value):
        return
    raise InvalidValue(
        InvalidCode.CONTROL_CHARACTERS,
        "This holds line breaks, tabs or invisible control characters: type it as one plain line.",
    )


def parse_text(text: str, *, max_length: int = 200) -> str:
    """One line of text, trimmed and NFC. `max_length` counts code points, as varchar(n) does.

    Raises REQUIRED, TOO_LONG or CONTROL_CHARACTERS.
    """
    if len(text) <= max_length and text.isprintable() and (text.isascii() or is_normalized("NFC", text)):
        usual = text.strip()
        if usual:
            return usual
    value = trimmed(text)
    if not value:
        raise required()
    if len(value) > max_length:
        raise too_long(max_length)
    refuse_control_characters(value)
    return value


def parse_multiline(text: str, *, max_length: int = 10_000) -> str:
    """Text of several lines: line ends become line feeds, tabs stay, other control characters are refused.

    Raises REQUIRED, TOO_LONG or CONTROL_CHARACTERS.
    """
    value = trimmed(text.replace("\r\n", "\n").replace("\r", "\n"))
    if not value:
        raise required()
    if len(value) > max_length:
        raise too_long(max_length)
    if _UNSAFE_IN_LINES(value):
        raise InvalidValue(
            InvalidCode.CONTROL_CHARACTERS,
            "This holds invisible control characters: remove them or type it again.",
        )
    return value


def parse_tag(text: str) -> str:
    """One tag: a line of at most 50 characters without `,` `;` `|`, which stand between tags in a file.

    Raises REQUIRED, TOO_LONG, CONTROL_CHARACTERS or INVALID_TAG.
    """
    value = parse_text(text, max_length=MAX_TAG_LENGTH)
    if _TAG_SEPARATORS.search(value):
        raise InvalidValue(InvalidCode.INVALID_TAG, "A tag cannot contain , ; or |: write two tags instead.")
    return value


def parse_tags(text: str) -> list[str]:
    """Tags separated by `,` `;` `|` or line breaks, each once whatever its case, in the order written.

    Raises what `parse_tag` raises, REQUIRED without any tag, and INVALID_TAG above 50 tags.
    """
    tags: dict[str, str] = {}
    for part in filter(trimmed, _TAG_SEPARATORS.split(text)):
        tag = parse_tag(part)
        tags.setdefault(tag.casefold(), tag)
    if not tags:
        raise required()
    if len(tags) > MAX_TAGS:
        raise InvalidValue(InvalidCode.INVALID_TAG, f"These are too many tags: keep {MAX_TAGS} at most.")
    return list(tags.values())


def parse_boolean(text: str) -> bool:
    """Yes or no, in the words of English, German, French, Spanish, Italian, Portuguese and Dutch files.

    Raises REQUIRED or INVALID_BOOLEAN.
    """
    word = trimmed(text).casefold()
    if word in _BOOLEANS:
        return _BOOLEANS[word]
    if not word:
        raise required()
    raise InvalidValue(
        InvalidCode.INVALID_BOOLEAN, "This is neither yes nor no: write yes, no, true, false, 1 or 0."
    )
