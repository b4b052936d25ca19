"""What kind of CSV file is this? Encoding, delimiter, header and columns, from its first bytes."""

import csv
import re
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import islice
from unicodedata import normalize

from crm.imports.csv_format import (
    MAX_COLUMN_NAME,
    MAX_COLUMNS,
    Checkpoint,
    Delimiter,
    Encoding,
    FileCode,
    FileProblem,
    Sniffed,
    UnreadableFile,
)
from crm.imports.reading import Row, RowReader, first_row, size_of_lines

SNIFF_BYTES = 256 * 1024
_ROWS_TRIED = 200
_CONSISTENT = 0.7
_QUOTE = '"'

_BOMS = (
    (b"\xef\xbb\xbf", Encoding.UTF_8),
    (b"\xff\xfe", Encoding.UTF_16_LE),
    (b"\xfe\xff", Encoding.UTF_16_BE),
)
_SAVE_AS_CSV = "open it in the spreadsheet program and save it as CSV (UTF-8)."
_MAGIC = (
    (b"PK\x03\x04", f"This is an Excel, OpenDocument or ZIP file, not CSV: {_SAVE_AS_CSV}"),
    (b"\xd0\xcf\x11\xe0", f"This is an old Excel file, not CSV: {_SAVE_AS_CSV}"),
    (b"%PDF", "This is a PDF document: export the table as CSV from the program it comes from."),
    (b"\x1f\x8b", "This is a compressed file: unpack it and upload the CSV file inside."),
    (b"\xff\xfe\0\0", "This file is encoded in UTF-32: save it as CSV in UTF-8."),
    (b"\0\0\xfe\xff", "This file is encoded in UTF-32: save it as CSV in UTF-8."),
)
_MARKUP = re.compile(
    r"\s*(?:<(?:!doctype|html|\?xml|table)\b|\{\s*[\"}]|\[\s*[\[{]|\{\\rtf)", re.IGNORECASE
).match
_CONTROLS = re.compile(r"[\0-\x08\x0e-\x1f]")
_SEPARATOR_LINE = re.compile(r"sep=([,;\t|])\r?\n?$", re.IGNORECASE).match
# Cells that a first row of names does not hold: numbers (but for years), dates, addresses.
_DATA = re.compile(
    r"[^@\s]+@[^@\s]+\.\w+|https?://\S+|(?!(?:19|20)\d\d$)[-+(]?\d[\d\s.,:/()+-]*%?|\d{4}-\d\d-\d\d.*"
).fullmatch


def sniff(
    first_bytes: bytes,
    *,
    complete: bool,
    encoding: Encoding | None = None,
    delimiter: Delimiter | None = None,
    has_header: bool | None = None,
) -> Sniffed:
    """Tell how to read a file from its beginning (SNIFF_BYTES are plenty); `complete` says that this is all of it.

    What the user says about encoding, delimiter or header wins over the guess. Header names are made unique
    and come with a warning. Raises UnreadableFile: EMPTY_FILE, BINARY_FILE, NOT_CSV, TOO_MANY_COLUMNS,
    UNCLOSED_QUOTE, TOO_LONG_LINE or NO_ROWS.
    """
    encoding, bom = _encoding(first_bytes, encoding)
    text = _text(first_bytes[bom:], encoding, complete=complete)
    text, delimiter, declared = _without_declaration(text, delimiter)
    delimiter, skip_space = _delimiter(text, delimiter)
    first, lines = first_row(text, delimiter, skip_initial_space=skip_space)
    if len(first) > MAX_COLUMNS:
        raise _too_many_columns(len(first), lines)
    has_header = _looks_like_header(first) if has_header is None else has_header
    columns, problems = _columns(first) if has_header else (_numbered(first), ())
    skipped = (lines if has_header else 0) + declared
    sniffed = Sniffed(
        encoding=encoding,
        delimiter=delimiter,
        has_header=has_header,
        quote=_QUOTE,
        newline=_newline(text),
        skip_initial_space=skip_space,
        columns=columns,
        start=Checkpoint(bom + size_of_lines(first_bytes[bom:], skipped, encoding), 1 + skipped),
        problems=problems,
    )
    if not sample_rows(first_bytes, sniffed, complete=complete) and complete:
        raise _no_rows()
    return sniffed


def _without_declaration(text: str, delimiter: Delimiter | None) -> tuple[str, Delimiter | None, bool]:
    """The text without Excel's own hint, which is no row; the delimiter it names, unless the user did; if it was there."""
    declared = _SEPARATOR_LINE(next(iter(StringIO(text, newline="")), ""))
    if not declared:
        return text, delimiter, False
    return text[declared.end() :], delimiter or Delimiter(declared[1]), True


def sample_rows(
    first_bytes: bytes, sniffed: Sniffed, *, complete: bool, limit: int = _ROWS_TRIED
) -> list[Row]:
    """Return the first rows, to suggest a mapping from and to show. Raises UnreadableFile."""
    reader = RowReader(sniffed)
    rows = reader.feed(first_bytes)
    rows += reader.finish() if complete else reader.complete_rows()
    return rows[:limit]


def _encoding(data: bytes, chosen: Encoding | None) -> tuple[Encoding, int]:
    """Return the encoding and the length of the byte order mark."""
    if not data.strip(b" \t\r\n\0\xef\xbb\xbf\xfe\xff"):
        raise UnreadableFile(FileCode.EMPTY_FILE, "This file is empty: choose the file that holds the rows.")
    for magic, message in _MAGIC:
        if data.startswith(magic):
            raise UnreadableFile(FileCode.BINARY_FILE, message)
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return encoding, len(bom)
    return chosen or _utf_16(data) or _eight_bit(data), 0


def _utf_16(data: bytes) -> Encoding | None:
    """UTF-16 without a mark: NUL bytes on one side of the pairs only, and text with separators when read that way."""
    low, high = data[0::2].count(0), data[1::2].count(0)
    if (low + high) * 50 < len(data):
        return None
    encoding = Encoding.UTF_16_LE if high > low else Encoding.UTF_16_BE
    text = data[: len(data) // 2 * 2].decode(encoding, "replace")
    plausible = min(low, high) * 20 <= max(low, high) and "\ufffd" not in text[:-1]
    return encoding if plausible and any(c in text for c in "\n\r,;\t|") else None


def _eight_bit(data: bytes) -> Encoding:
    """UTF-8 unless more is wrong with it than right: accents of Windows-1252 hardly ever form UTF-8 by chance."""
    text = data.decode(Encoding.UTF_8, "replace")
    wrong = text[:-1].count("\ufffd")  # the last one may be a character cut off
    right = sum(1 for c in text if c > "\x7f") - wrong
    return Encoding.WINDOWS_1252 if wrong and wrong >= right else Encoding.UTF_8


def _text(data: bytes, encoding: Encoding, *, complete: bool) -> str:
    text = data.decode(encoding, "replace")
    if len(_CONTROLS.findall(text)) * 10 > len(text):
        raise UnreadableFile(
            FileCode.BINARY_FILE, "This is not a text file: export the table as CSV (UTF-8) and upload that."
        )
    if _MARKUP(text):
        raise UnreadableFile(
            FileCode.NOT_CSV, f"This is a web page or data document, not CSV: {_SAVE_AS_CSV}"
        )
    text = text.replace("\0", "\ufffd")
    end = max(text.rfind("\n"), text.rfind("\r")) + 1
    return text[:end] if end and not complete else text


def _parsed(text: str, delimiter: str, *, skip_space: bool) -> Iterator[list[str]]:
    lines = StringIO(text, newline="")
    return (row for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=skip_space) if any(row))


def _delimiter(text: str, chosen: Delimiter | None) -> tuple[Delimiter, bool]:
    """Return the delimiter that splits most rows like the first one into most columns, and whether blanks follow it."""
    candidates = [chosen] if chosen else list(Delimiter)
    best = max(candidates, key=lambda delimiter: _fit(text, delimiter, skip_space=False))
    plain, skipping = (_fit(text, best, skip_space=skip) for skip in (False, True))
    blank_before_quote = f"{best} {_QUOTE}" in text
    return best, blank_before_quote and skipping[2] > plain[2]


def _fit(text: str, delimiter: Delimiter, *, skip_space: bool) -> tuple[bool, int, float]:
    """Compare delimiters: (most rows alike, columns, share alike). A name after a blank is prose, so no column."""
    try:
        rows = list(islice(_parsed(text, delimiter, skip_space=skip_space), _ROWS_TRIED))
    except csv.Error:
        rows = []
    if not rows or len(rows[0]) == 1:
        return False, 0, 0.0
    alike = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
    columns = len(rows[0]) - sum(cell.startswith(" ") for cell in rows[0])
    return alike >= _CONSISTENT, columns, alike


def _no_rows() -> UnreadableFile:
    return UnreadableFile(
        FileCode.NO_ROWS, "This file has column names but no rows: add rows and upload it again."
    )


def _too_many_columns(count: int, line: int) -> UnreadableFile:
    message = f"This file has {count} columns: keep the ones to import, {MAX_COLUMNS} at most."
    return UnreadableFile(FileCode.TOO_MANY_COLUMNS, message, line)


def _looks_like_header(row: Sequence[str]) -> bool:
    return not any(_DATA(cell.strip()) for cell in row)


def _numbered(row: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"Column {number}" for number in range(1, len(row) + 1))


def _columns(header: Sequence[str]) -> tuple[tuple[str, ...], tuple[FileProblem, ...]]:
    """Return unique names, with a warning for names that came twice and for columns without one."""
    typed = [" ".join(normalize("NFC", cell).split())[:MAX_COLUMN_NAME] for cell in header]
    taken = set(typed)
    names: list[str] = []
    for number, name in enumerate(typed, 1):
        wanted = name or f"Column {number}"
        if wanted in names or (not name and wanted in taken):
            wanted = next(w for w in (f"{wanted} ({n})" for n in range(2, MAX_COLUMNS + 3)) if w not in taken)
        taken.add(wanted)
        names.append(wanted)
    return tuple(names), tuple(_header_warnings(typed, names))


def _header_warnings(typed: Sequence[str], names: Sequence[str]) -> Iterator[FileProblem]:
    renamed = [new for old, new in zip(typed, names, strict=True) if old and old != new]
    if renamed:
        yield FileProblem(
            FileCode.DUPLICATE_HEADERS,
            f"Some columns have the same name; the later ones are called {', '.join(renamed)} here.",
            1,
        )
    unnamed = [new for old, new in zip(typed, names, strict=True) if not old]
    if unnamed:
        yield FileProblem(
            FileCode.UNNAMED_COLUMNS,
            f"Some columns have no name; they are called {', '.join(unnamed)} here.",
            1,
        )


def _newline(text: str) -> str:
    counts = {"\r\n": text.count("\r\n")}
    counts["\n"] = text.count("\n") - counts["\r\n"]
    counts["\r"] = text.count("\r") - counts["\r\n"]
    return max(("\n", "\r\n", "\r"), key=counts.__getitem__)
