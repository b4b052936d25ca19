"""Rows made ready by the preview, which reads them all anyway: the import then only decides, and adds the ids.

They lie beside the uploaded file, a line of JSON for some hundred of them: where these begin and end in the uploaded file,
then the rows. The first line tells by what plan they were made: an import that reads the file by another one, because a
choice was renamed meanwhile, reads the uploaded file again. The last one says that none is missing.
"""

import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import orjson

from crm.imports.cells import CellProblem
from crm.imports.chunks import Chunk, Pace
from crm.imports.creation import Creation
from crm.imports.csv_format import Checkpoint
from crm.imports.deciding import UNIQUE_COLUMNS
from crm.imports.models import DuplicateRule, Import
from crm.imports.plan import ImportPlan, ParsedRow, Ready
from crm.imports.threads import in_thread
from crm.kernel import storage

_FORMAT = 2
_END = b"null"
_NO_LIMIT = 1 << 62
_LABEL = "status_label_id"
# Who consented to what and when is known when the import runs; invoice types have a table of their own.
_LATER = frozenset({"consent", "invoice_type_ids"})


def preparable(plan: ImportPlan) -> bool:
    """Rows that change customers are needed as they are, and few files have what is left for later."""
    return plan.duplicate_rule is not DuplicateRule.UPDATE and plan.mapped.isdisjoint(_LATER)


async def store(found: Import, plan: ImportPlan, lines: AsyncIterator[bytes]) -> None:
    """Stores what `Preparation.lines` makes; if that ends in an exception, nothing changes."""
    await storage.put_stream("imports", _file(found, plan, lines), limit=_NO_LIMIT, key=_key(found))


async def forget(found: Import) -> None:
    await storage.delete(_key(found))


def _key(found: Import) -> str:
    return f"{found.storage_key}.rows"


async def _file(found: Import, plan: ImportPlan, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield orjson.dumps(_fingerprint(found, plan), option=orjson.OPT_APPEND_NEWLINE)
    async for line in lines:
        yield line
    yield _END + b"\n"


def _fingerprint(found: Import, plan: ImportPlan) -> str:
    """Of everything the prepared rows follow from, but for the uploaded file, which never changes."""
    references = plan.references
    named = [
        (key, name, [(str(each), references.names[each]) for each in ids])
        for key, names in sorted(references.by_name.items())
        for name, ids in sorted(names.items())
    ]
    said = (found.sniffed, found.mapping, found.options, found.duplicate_key, found.duplicate_rule)
    parts = (_FORMAT, Creation(plan).columns, plan.required, said, named)
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class Preparation:
    """Makes a plan's rows ready; work for a thread."""

    def __init__(self, plan: ImportPlan) -> None:
        self._creation = Creation(plan)
        self._kept = (*{"name", plan.key_column, *UNIQUE_COLUMNS, _LABEL} & plan.mapped,)

    def rows(self, chunk: Chunk) -> list[ParsedRow]:
        """The chunk's rows with what they come to."""
        ready = self._creation.ready
        return [row if row.problems else row._replace(ready=ready(row.values)) for row in chunk.rows]

    def lines(self, chunk: Chunk) -> list[bytes]:
        """A line for each part of a chunk of such rows."""
        lines, first, start = list[bytes](), 0, chunk.start
        for last, end in chunk.parts:
            rows = [self._row(row) for row in chunk.rows[first:last]]
            line = (start.offset, start.line, end.offset, end.line, rows)
            lines.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            first, start = last, end
        return lines

    def _row(self, row: ParsedRow) -> tuple[Any, ...]:
        if row.ready is None:
            return row.line, row.cells, list(map(tuple, row.problems))
        values = row.values
        kept = {name: values[name] for name in self._kept if name in values}
        if _LABEL in kept:
            kept[_LABEL] = str(kept[_LABEL])
        return row.line, orjson.dumps(row.cells).decode(), kept, list(map(tuple, row.warnings)), *row.ready


async def reader_of(found: Import, plan: ImportPlan, start: Checkpoint, pace: Pace) -> "_Reader | None":
    """Reads the rows from `start` on; None where there are none that this plan can use."""
    if not preparable(plan):
        return None
    lines = _lines(_key(found))
    try:
        if orjson.loads(await anext(lines)) == _fingerprint(found, plan):
            async for line in lines:
                if line != _END and _offset(line) == start.offset:
                    return _Reader(found, line, lines, pace)
    except FileNotFoundError:
        return None
    await lines.aclose()
    return None


def _offset(line: bytes) -> int:
    return int(line[1 : line.index(b",")])


async def _lines(key: str) -> AsyncGenerator[bytes, None]:
    rest = b""
    async for piece in storage.get_stream(key):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line
    yield rest  # nothing, if all is there


class DamagedRows(Exception):
    """Prepared rows are missing. They are forgotten, so that who tries again reads the uploaded file."""


class _Reader:
    """Chunks of prepared rows, one after the other. Raises DamagedRows."""

    def __init__(self, found: Import, first: bytes, lines: AsyncGenerator[bytes, None], pace: Pace) -> None:
        self._found, self._line = found, first
        self._lines, self._pace = lines, pace

    async def next(self) -> Chunk | None:
        rows, start, end = list[ParsedRow](), None, None
        while self._line != _END:
            try:
                begins, ends, some = await in_thread(_loaded, self._line)
            except orjson.JSONDecodeError:
                await forget(self._found)
                raise DamagedRows from None
            start, end = start or begins, ends
            rows += some
            self._line = await anext(self._lines, b"")
            if self._pace.enough(len(rows), end.offset - start.offset):
                break
        return None if start is None or end is None else Chunk(rows, start, end)

    async def close(self) -> None:
        await self._lines.aclose()


def _loaded(line: bytes) -> tuple[Checkpoint, Checkpoint, list[ParsedRow]]:
    offset, number, end_offset, end_number, rows = orjson.loads(line)
    return Checkpoint(offset, number), Checkpoint(end_offset, end_number), [_row(row) for row in rows]


def _row(row: Sequence[Any]) -> ParsedRow:
    if len(row) == 3:  # noqa: PLR2004  as `Preparation._row` makes one that cannot be used
        line, cells, problems = row
        return ParsedRow(line, cells, {}, _problems(problems), [])
    line, cells, values, warnings, *texts = row
    if _LABEL in values:
        values[_LABEL] = UUID(values[_LABEL])
    return ParsedRow(line, cells, values, [], _problems(warnings) if warnings else [], Ready(*texts))


def _problems(found: Sequence[Sequence[Any]]) -> list[CellProblem]:
    return [CellProblem(*each) for each in found]
