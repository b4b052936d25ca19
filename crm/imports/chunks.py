"""A stored file in chunks of parsed rows. The next chunk is read and parsed while the last one is being written."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from crm.imports.csv_format import Checkpoint, Sniffed
from crm.imports.models import Import
from crm.imports.plan import ImportPlan, ParsedRow, parse_rows
from crm.imports.reading import PIECE_BYTES, RowReader
from crm.imports.sniffing import SNIFF_BYTES, sample_rows
from crm.imports.threads import in_thread
from crm.kernel import storage
from crm.kernel.settings import settings

_CHUNK_SECONDS = 0.8  # progress is told after each chunk, of which three are on their way in
_FEWEST_ROWS = 500
_MOST_ROWS = 5000  # up to five chunks are on their way at once
_MOST_BYTES = 1_500_000  # of the file: rows may be long
_BYTES_PER_ROW = 100  # a guess, to cut pieces by
_LEAST_PIECE = 2048


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive rows, where they began, and where the row after them begins.

    `parts`: the same for pieces of them: how many rows there are up to their end, and where the next one begins.
    """

    rows: list[ParsedRow]
    start: Checkpoint
    end: Checkpoint
    parts: tuple[tuple[int, Checkpoint], ...] = ()


class Pace:
    """How much a chunk should hold, to take less than a second, no more rows than the setting allows, and little memory."""

    def __init__(self) -> None:
        self._most = min(settings().import_chunk_rows, _MOST_ROWS)
        self._started = time.monotonic()
        self.rows = min(self._most, _FEWEST_ROWS)

    def enough(self, rows: int, size: int) -> bool:
        """Whether so many rows, of so many bytes of the file, are a chunk."""
        return rows >= self.rows or (rows > 0 and size >= _MOST_BYTES)

    def note(self, rows: int) -> None:
        """Tells that a chunk of so many rows is done; the next begins now."""
        ended = time.monotonic()
        rate = rows / max(ended - self._started, 0.001)
        self._started = ended
        wanted = min(rate * _CHUNK_SECONDS, self.rows * 2)
        self.rows = min(self._most, max(_FEWEST_ROWS, int(wanted)))


class Reader(Protocol):
    """Chunks, one after the other."""

    async def next(self) -> Chunk | None: ...

    async def close(self) -> None: ...


class FileReader:
    """Reads the rows of a stored file from `start` on."""

    def __init__(self, key: str, plan: ImportPlan, start: Checkpoint, pace: Pace) -> None:
        self._stream = storage.get_stream(key, start=start.offset)
        self._reader = RowReader(plan.sniffed, start, piece_bytes=1)
        self._plan, self._pace = plan, pace
        self._bytes, self._at, self._ended = b"", 0, False

    async def next(self) -> Chunk | None:
        start, rows, parts = self._reader.checkpoint, list[ParsedRow](), list[tuple[int, Checkpoint]]()
        while not self._ended:
            piece = await self._piece()
            rows += await in_thread(self._parse, piece)
            end = self._reader.checkpoint
            parts.append((len(rows), end))
            if self._pace.enough(len(rows), end.offset - start.offset):
                break
        return Chunk(rows, start, parts[-1][1], tuple(parts)) if rows else None

    async def close(self) -> None:
        await self._stream.aclose()

    async def _piece(self) -> bytes | None:
        """A piece that holds a quarter of a chunk or so; None at the end."""
        if self._at >= len(self._bytes):
            self._bytes, self._at = await anext(self._stream, b""), 0
        if not self._bytes:
            self._ended = True
            return None
        size = min(PIECE_BYTES, max(_LEAST_PIECE, self._pace.rows * _BYTES_PER_ROW // 4))
        piece = self._bytes[self._at : self._at + size]
        self._at += size
        return piece

    def _parse(self, piece: bytes | None) -> list[ParsedRow]:
        rows = self._reader.finish() if piece is None else self._reader.feed(piece)
        return parse_rows(rows, self._plan)


async def read_chunks(reader: Reader) -> AsyncGenerator[Chunk, None]:
    """What the reader reads. Raises UnreadableFile. To be closed (aclosing) when left early."""
    coming = asyncio.create_task(reader.next())
    try:
        while (chunk := await coming) is not None:
            coming = asyncio.create_task(reader.next())
            yield chunk
    finally:
        coming.cancel()
        await asyncio.wait({coming})
        if not coming.cancelled():
            coming.exception()  # looked at: who left early has another reason
        await reader.close()


async def first_bytes(key: str) -> tuple[bytes, bool]:
    """The beginning of a stored file, and whether that is all of it."""
    data = bytearray()
    async for piece in _until_enough(key):
        data += piece
    return bytes(data[:SNIFF_BYTES]), len(data) <= SNIFF_BYTES


async def _until_enough(key: str) -> AsyncIterator[bytes]:
    size = 0
    async for piece in storage.get_stream(key):
        yield piece
        size += len(piece)
        if size > SNIFF_BYTES:
            return


async def sample_of(found: Import) -> list[list[str]]:
    """The cells of the file's first good rows."""
    data, complete = await first_bytes(found.storage_key)
    rows = sample_rows(data, Sniffed.from_json(found.sniffed), complete=complete)
    return [cells for _, cells, broken in rows if broken is None]
