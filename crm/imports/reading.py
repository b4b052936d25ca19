"""Rows out of the bytes of a CSV file: streaming, in constant memory, with physical line numbers, resumable.

A physical line is what an editor counts: it ends with LF, CR LF or CR, inside quotation marks too. A row's
number is that of its first line. Blank lines and rows of empty cells are not rows.

Resuming: `RowReader.checkpoint` is a byte offset and a line number, always between two rows; reading on from
there is the same as never having stopped. It costs nothing to keep, and nothing is read twice.
"""

import csv
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from io import StringIO
from itertools import chain, islice
from typing import Protocol

from crm.imports.csv_format import Checkpoint, Encoding, FileCode, FileProblem, Sniffed, UnreadableFile

PIECE_BYTES = 256 * 1024
MAX_ROW_BYTES = 4 * 1024 * 1024
_REPLACED = "\ufffd"
# Follows the last line of a piece. It becomes a row of its own, unless a quotation mark is still open there:
# then it ends up in that cell. No text holds it, for NUL is replaced before.
_END = ("\0",)
_LINE_ENDS = {
    Encoding.UTF_8: (b"\n", b"\r"),
    Encoding.WINDOWS_1252: (b"\n", b"\r"),
    Encoding.UTF_16_LE: (b"\n\0", b"\r\0"),
    Encoding.UTF_16_BE: (b"\0\n", b"\0\r"),
}

# The first physical line, the cells, and what makes the row unusable. A plain tuple: half the cost of a named
# one.
Row = tuple[int, list[str], FileProblem | None]


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive rows, and where the row after them begins."""

    rows: list[Row]
    checkpoint: Checkpoint


def read_rows(chunks: Iterable[bytes], sniffed: Sniffed, start: Checkpoint | None = None) -> Iterator[Row]:
    """Yield every row. Without `start` the chunks are the whole file; with it they begin at byte `start.offset`.

    A row that cannot be used (other number of cells than columns, bytes that are not text) carries a problem.
    Raises UnreadableFile: UNCLOSED_QUOTE or TOO_LONG_LINE.
    """
    for batch in read_batches(chunks, sniffed, start):
        yield from batch.rows


def read_batches(
    chunks: Iterable[bytes], sniffed: Sniffed, start: Checkpoint | None = None
) -> Iterator[Batch]:
    """Yield the rows as `read_rows` does, a few thousand at a time, each batch with the checkpoint after it."""
    reader = RowReader(sniffed, start)
    for chunk in chunks:
        if rows := reader.feed(chunk):
            yield Batch(rows, reader.checkpoint)
    if rows := reader.finish():
        yield Batch(rows, reader.checkpoint)


class RowReader:
    """Takes the file's bytes in chunks of any size and gives back the rows they complete.

    Give it the whole file, or everything from byte `start.offset` on. It parses `piece_bytes` or more at a
    time.
    """

    def __init__(
        self, sniffed: Sniffed, start: Checkpoint | None = None, *, piece_bytes: int = PIECE_BYTES
    ) -> None:
        self._sniffed = sniffed
        self._width = len(sniffed.columns)
        self._skip = sniffed.start.offset if start is None else 0
        self._offset, self._line = (start or sniffed.start).offset, (start or sniffed.start).line
        self._buffer = bytearray()
        self._piece_bytes = piece_bytes

    @property
    def checkpoint(self) -> Checkpoint:
        """Where the first row begins that was not given back yet."""
        return Checkpoint(self._offset, self._line)

    def feed(self, data: bytes) -> list[Row]:
        """Return the rows completed so far; none until `piece_bytes` have come. Raises UnreadableFile."""
        if self._skip:
            data, self._skip = data[self._skip :], max(0, self._skip - len(data))
        self._buffer += data
        return self._take() if len(self._buffer) >= self._piece_bytes else []

    def finish(self) -> list[Row]:
        """Return the rows that were left when the file ended. Raises UnreadableFile (UNCLOSED_QUOTE)."""
        return self._take(final=True)

    def complete_rows(self) -> list[Row]:
        """Return the rows that end with a line break in what was fed, however little that is. Raises UnreadableFile."""
        return self._take()

    def _take(self, *, final: bool = False) -> list[Row]:
        end = len(self._buffer) if final else _end_of_last_line(self._buffer, self._sniffed.encoding)
        piece = bytes(self._buffer[:end])
        rows, lines = self._parse(piece, final=final) if piece else ([], 0)
        used = end if lines is None else size_of_lines(piece, lines, self._sniffed.encoding)
        self._offset += used
        del self._buffer[:used]
        if len(self._buffer) > MAX_ROW_BYTES:
            raise _too_long_line(self._line)
        return rows

    def _parse(self, piece: bytes, *, final: bool) -> tuple[list[Row], int | None]:
        """Return the rows of the piece, and the number of lines they take, or None when that is all of them."""
        text, damaged = self._decoded(piece)
        reader = csv.reader(
            chain(StringIO(text, newline=""), _END),
            delimiter=self._sniffed.delimiter,
            quotechar=self._sniffed.quote,
            skipinitialspace=self._sniffed.skip_initial_space,
        )
        first = self._line
        rows, start, cells = _rows(reader, first, self._width)
        self._line = first + reader.line_num - len(_END)
        if rows and rows[-1][0] == start:  # it holds the end mark
            rows.pop()
        if damaged:
            _mark_damaged(rows, damaged)
        if start == self._line:
            return rows, None
        if final:
            raise _unclosed(_line_of_quote(self._line, cells))
        self._line = start
        return rows, start - first

    def _decoded(self, piece: bytes) -> tuple[str, dict[int, FileProblem]]:
        """Return the text, with U+FFFD for what is none, and a problem for each physical line that has such a place."""
        encoding = self._sniffed.encoding
        try:
            text = piece.decode(encoding)
        except UnicodeDecodeError:
            text = piece.decode(encoding, "replace")
            problem = _undecodable(encoding)
        else:
            if "\0" not in text:
                return text, {}
            problem = _NUL_BYTES
        text = text.replace("\0", _REPLACED)
        lines = enumerate(StringIO(text, newline=""), self._line)
        return text, {number: problem for number, line in lines if _REPLACED in line}


def first_row(text: str, delimiter: str, *, skip_initial_space: bool) -> tuple[list[str], int]:
    """Return the first row that holds anything, and the number of physical lines up to its end; no NUL in `text`.

    Raises UnreadableFile: EMPTY_FILE, TOO_LONG_CELL or UNCLOSED_QUOTE.
    """
    lines = chain(StringIO(text, newline=""), _END)
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=skip_initial_space)
    try:
        row = next(row for row in reader if any(map(str.strip, row)))
    except csv.Error:
        raise UnreadableFile(FileCode.TOO_LONG_CELL, _TOO_LONG_CELL.message, 1) from None
    if row == [*_END]:
        raise UnreadableFile(
            FileCode.EMPTY_FILE, "This file holds no text: choose the file that holds the rows."
        )
    if row[-1].endswith(_END):
        raise _unclosed(_line_of_quote(reader.line_num, row))
    return row, reader.line_num


def _line_of_quote(next_line: int, cells: list[str]) -> int:
    """The line where the open quotation mark of a row stands: its last cell runs from there to the end mark."""
    return next_line - max(1, sum(1 for _ in StringIO(cells[-1].removesuffix(_END[0]), newline="")))


class _Lines(Protocol):
    """What csv.reader returns."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...


def _rows(reader: _Lines, first: int, width: int) -> tuple[list[Row], int, list[str]]:
    """Return the rows, and the first line and the cells of the last one, which holds the end mark.

    This loop runs once per row of the file: what happens only sometimes happens in `_irregular`.
    """
    rows: list[Row] = []
    append = rows.append
    start = line = first
    cells = [""]
    while True:
        try:
            for cells in reader:
                start, line = line, first + reader.line_num
                if len(cells) == width and (cells[0] or any(cells)):
                    append((start, cells, None))
                elif any(cells):
                    append(_irregular(start, line - start, cells, width))
        except csv.Error as error:
            start, line = line, first + reader.line_num
            if (
                line - start > 1
            ):  # a cell of several lines without an end: its quotation mark was never closed
                raise _unclosed(start) from error
            append((start, [], _TOO_LONG_CELL))
        else:
            return rows, start, cells


def _irregular(start: int, lines: int, cells: list[str], width: int) -> Row:
    """Empty cells too many are forgiven: spreadsheets write them. Cells too few are not: the row may be cut off."""
    if len(cells) > width and not any(cells[width:]):
        return start, cells[:width], None
    advice = (
        f"Check the quotation mark on line {start}: it may not be closed where it should be."
        if lines > 1
        else "Put cells that contain the delimiter in quotation marks."
    )
    message = f"This row has {len(cells)} cells, but the file has {width} columns. {advice}"
    return start, cells, FileProblem(FileCode.RAGGED_ROW, message, start)


def _mark_damaged(rows: list[Row], damaged: dict[int, FileProblem]) -> None:
    """Give each row that a damaged line belongs to the problem of that line, in place."""
    starts = [row[0] for row in rows]
    for line, problem in damaged.items():
        index = bisect_right(starts, line) - 1
        if index >= 0 and any(_REPLACED in cell for cell in rows[index][1]):
            start, cells, _ = rows[index]
            rows[index] = (start, cells, replace(problem, line=line))


def _end_of_last_line(buffer: bytearray, encoding: Encoding) -> int:
    """Return the number of bytes up to the end of the last complete line; a CR counts only where no LF is."""
    for mark in _LINE_ENDS[encoding]:
        width = len(mark)
        # A CR at the very end may be half of a CR LF.
        at = buffer.rfind(mark, 0, len(buffer) if mark.strip(b"\0") == b"\n" else max(0, len(buffer) - width))
        while at > 0 and at % width:
            at = buffer.rfind(mark, 0, at + width - 1)
        if at >= 0 and at % width == 0:
            return at + width
    return 0


def size_of_lines(piece: bytes, count: int, encoding: Encoding) -> int:
    """Return the number of bytes the first physical lines of the piece take."""
    if encoding in (
        Encoding.UTF_16_LE,
        Encoding.UTF_16_BE,
    ):  # in UTF-16 the replacement of a damaged place is as long as the place
        lines = StringIO(piece.decode(encoding, "replace"), newline="")
        return sum(len(line.encode(encoding)) for line in islice(lines, count))
    return sum(map(len, piece.splitlines(keepends=True)[:count]))


_TOO_LONG_CELL = FileProblem(
    FileCode.TOO_LONG_CELL,
    f"A cell of this row is longer than {csv.field_size_limit():,} characters: shorten it.",
)
_NUL_BYTES = FileProblem(
    FileCode.NUL_BYTES, "This line contains NUL bytes: remove them, or export the file again."
)


def _undecodable(encoding: Encoding) -> FileProblem:
    other = "UTF-8" if encoding is Encoding.WINDOWS_1252 else "Windows-1252"
    return FileProblem(
        FileCode.UNDECODABLE,
        f"This line contains bytes that are not {encoding.label}: save the file as UTF-8, or choose {other} if it is that.",
    )


def _unclosed(line: int) -> UnreadableFile:
    return UnreadableFile(
        FileCode.UNCLOSED_QUOTE,
        f"The quotation mark that opens on line {line} is never closed: close it, or double the marks inside a cell.",
        line,
    )


def _too_long_line(line: int) -> UnreadableFile:
    return UnreadableFile(
        FileCode.TOO_LONG_LINE,
        f"The row on line {line} is longer than {MAX_ROW_BYTES // 1024 // 1024} MB: is this a CSV file with line breaks?",
        line,
    )
