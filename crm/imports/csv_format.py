"""What is known of a CSV file before its rows are read, and what can be wrong with it."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

MAX_COLUMNS = 100
MAX_COLUMN_NAME = 200


class Encoding(StrEnum):
    """The encodings CSV files come in; the values are Python's names."""

    UTF_8 = "utf-8"
    UTF_16_LE = "utf-16-le"
    UTF_16_BE = "utf-16-be"
    WINDOWS_1252 = "cp1252"

    @property
    def label(self) -> str:
        return {"utf-8": "UTF-8", "cp1252": "Windows-1252"}.get(self.value, "UTF-16")


class Delimiter(StrEnum):
    """What may stand between two cells, the likelier first."""

    COMMA = ","
    SEMICOLON = ";"
    TAB = "\t"
    PIPE = "|"


class FileCode(StrEnum):
    """What can be wrong with a file or with one of its rows."""

    EMPTY_FILE = "EMPTY_FILE"
    BINARY_FILE = "BINARY_FILE"
    NOT_CSV = "NOT_CSV"
    NO_ROWS = "NO_ROWS"
    TOO_MANY_COLUMNS = "TOO_MANY_COLUMNS"
    TOO_LONG_LINE = "TOO_LONG_LINE"
    TOO_LONG_CELL = "TOO_LONG_CELL"
    UNCLOSED_QUOTE = "UNCLOSED_QUOTE"
    DUPLICATE_HEADERS = "DUPLICATE_HEADERS"
    UNNAMED_COLUMNS = "UNNAMED_COLUMNS"
    RAGGED_ROW = "RAGGED_ROW"
    UNDECODABLE = "UNDECODABLE"
    NUL_BYTES = "NUL_BYTES"


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A warning about a file, or the reason why one of its rows cannot be used. Lines are physical and count from 1."""

    code: FileCode
    message: str
    line: int | None = None


class UnreadableFile(Exception):
    """The file cannot be read to its end; nothing of it should be imported. `line` is where to look, if known."""

    def __init__(self, code: FileCode, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.line = line


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A place between two rows: the bytes of the file before it, and the number of the physical line that follows."""

    offset: int
    line: int


@dataclass(frozen=True, slots=True)
class Sniffed:
    """How to read a file. `start` is its first row of data; `columns` are unique names; `problems` are warnings."""

    encoding: Encoding
    delimiter: Delimiter
    has_header: bool
    quote: str
    newline: str
    skip_initial_space: bool
    columns: tuple[str, ...]
    start: Checkpoint
    problems: tuple[FileProblem, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Sniffed":
        return cls(
            encoding=Encoding(stored["encoding"]),
            delimiter=Delimiter(stored["delimiter"]),
            has_header=stored["has_header"],
            quote=stored["quote"],
            newline=stored["newline"],
            skip_initial_space=stored["skip_initial_space"],
            columns=tuple(stored["columns"]),
            start=Checkpoint(**stored["start"]),
            problems=tuple(
                FileProblem(FileCode(p["code"]), p["message"], p["line"]) for p in stored["problems"]
            ),
        )
