"""Invoice numbers from patterns such as `INV-{year}-{seq:5}`. Pure; the service gives out the sequence."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from crm.kernel.errors import InvalidInput, Problem

LONGEST_PATTERN = 60  # characters, as stored
LONGEST_NUMBER = 80  # characters, as stored
WIDEST_SEQUENCE = 9  # digits; the counter is a 32-bit integer

_PIECE = re.compile(r"\{(?P<token>[^{}]*)\}|(?P<literal>[^{}]+)|(?P<stray>[{}])")
# What a file name, an e-mail subject and a bank's reference field all take.
_LITERAL = re.compile(r"[A-Za-z0-9 ._/\-]*")
_ENTITY_CODE = re.compile(r"[A-Za-z0-9]{1,12}")


class Token(StrEnum):
    YEAR = "year"
    SHORT_YEAR = "yy"
    MONTH = "month"
    SEQUENCE = "seq"
    ENTITY = "entity"


TOKENS: Mapping[Token, str] = MappingProxyType(
    {
        Token.YEAR: "year of issue, four digits",
        Token.SHORT_YEAR: "year of issue, two digits",
        Token.MONTH: "month of issue, two digits",
        Token.SEQUENCE: "running number; {seq:5} fills up to five digits with zeros",
        Token.ENTITY: "code of the legal entity",
    }
)


@dataclass(frozen=True, slots=True)
class Piece:
    """Either literal text or a token with the least number of digits it is written with."""

    literal: str = ""
    token: Token | None = None
    width: int = 0


@dataclass(frozen=True, slots=True)
class NumberPattern:
    """A parsed pattern. Two issues that differ in year or sequence never get the same number from it."""

    text: str
    pieces: tuple[Piece, ...]

    @property
    def needs_entity_code(self) -> bool:
        return any(piece.token is Token.ENTITY for piece in self.pieces)


def parse_pattern(text: str) -> NumberPattern:
    """Reads a pattern; raises InvalidInput with every problem at once, each on the path `pattern`."""
    pieces, problems = _split(text)
    problems += _problems_of_whole(text, pieces)
    if problems:
        raise InvalidInput(problems)
    return NumberPattern(text, tuple(pieces))


def format_number(pattern: NumberPattern, *, sequence: int, issued_on: date, entity_code: str = "") -> str:
    """The number of the `sequence`-th document (from 1) issued that day.

    A sequence longer than its width is written in full: `{seq:3}` gives 999, then 1000.
    """
    if sequence < 1:
        raise ValueError("A sequence starts at 1.")
    if pattern.needs_entity_code and not _ENTITY_CODE.fullmatch(entity_code):
        sentence = "The pattern uses {entity}; give the legal entity a code of 1 to 12 letters and digits."
        raise InvalidInput([_problem("ENTITY_CODE_MISSING", sentence)])
    values = {
        Token.YEAR: f"{issued_on.year:04}",
        Token.SHORT_YEAR: f"{issued_on.year % 100:02}",
        Token.MONTH: f"{issued_on.month:02}",
        Token.ENTITY: entity_code,
    }
    return "".join(_write(piece, sequence, values) for piece in pattern.pieces)


def _write(piece: Piece, sequence: int, values: Mapping[Token, str]) -> str:
    if piece.token is None:
        return piece.literal
    if piece.token is Token.SEQUENCE:
        return f"{sequence:0{max(piece.width, 1)}}"
    return values[piece.token]


def _problem(code: str, sentence: str) -> Problem:
    return Problem(("pattern",), code, sentence)


def _split(text: str) -> tuple[list[Piece], list[Problem]]:
    pieces: list[Piece] = []
    problems: list[Problem] = []
    for match in _PIECE.finditer(text):
        if match["stray"]:
            problems.append(_problem("BRACE_UNMATCHED", f"The brace at {match.start() + 1} has no partner."))
        elif match["literal"]:
            pieces.append(Piece(literal=match["literal"]))
        else:
            piece = _token(match["token"])
            if isinstance(piece, Problem):
                problems.append(piece)
            else:
                pieces.append(piece)
    return pieces, problems


def _token(text: str) -> Piece | Problem:
    name, colon, width = text.partition(":")
    if name not in TOKENS:
        known = ", ".join(f"{{{token}}}" for token in Token)
        return _problem("TOKEN_UNKNOWN", f"{{{text}}} is not known. Use {known}.")
    token = Token(name)
    if not colon:
        return Piece(token=token)
    if token is not Token.SEQUENCE:
        return _problem("WIDTH_NOT_ALLOWED", f"{{{name}}} takes no width; only {{seq}} does.")
    if not re.fullmatch(r"[1-9]", width):
        return _problem("WIDTH_INVALID", f"The width in {{{text}}} must be 1 to {WIDEST_SEQUENCE}.")
    return Piece(token=token, width=int(width))


def _problems_of_whole(text: str, pieces: list[Piece]) -> list[Problem]:
    problems: list[Problem] = []
    tokens = [piece.token for piece in pieces if piece.token]
    if len(text) > LONGEST_PATTERN:
        problems.append(_problem("TOO_LONG", f"A pattern has at most {LONGEST_PATTERN} characters."))
    if text != text.strip():
        problems.append(_problem("SPACE_AT_END", "A pattern neither begins nor ends with a space."))
    if not all(_LITERAL.fullmatch(piece.literal) for piece in pieces):
        problems.append(_problem("CHARACTER_NOT_ALLOWED", "Use letters A-Z, digits, spaces and . _ / -."))
    if tokens.count(Token.SEQUENCE) != 1:
        problems.append(_problem("SEQUENCE_NOT_ONCE", "A pattern has {seq} exactly once."))
    # The running number starts again each year, so without the year last year's numbers would return.
    if Token.YEAR not in tokens and Token.SHORT_YEAR not in tokens:
        problems.append(_problem("YEAR_MISSING", "A pattern has {year} or {yy}, as numbering restarts."))
    return problems
