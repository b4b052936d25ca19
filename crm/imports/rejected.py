"""The rejected rows as a CSV file: the original columns, the line and the reasons, ready to mend and import again."""

import csv
from collections.abc import AsyncIterator, Sequence
from io import StringIO
from typing import Any
from uuid import UUID

from crm.imports.models import Import, ImportProblem, ImportRejectedRow, ImportState
from crm.imports.working import keep
from crm.kernel import storage
from crm.kernel.csv_safety import safe_cell, unsafe_cell
from crm.kernel.transaction import transaction

LINE, REASONS = "Rejected line", "Rejected because"
_PAGE = 500
_NO_LIMIT = 1 << 62


async def store_rejected_rows(import_id: UUID) -> str | None:
    """Writes the file, however many rows, and returns its storage key; None when no row was rejected."""
    found = await Import.get(id=import_id)
    if not found.failed_count:
        return None
    return (await storage.put_stream("rejected", _file(found), limit=_NO_LIMIT)).key


async def report_rejected_rows(import_id: UUID) -> None:
    """Does that for an import that was cancelled; a second time changes nothing."""
    found = await Import.get_or_none(id=import_id, state=ImportState.CANCELLED, rejected_key__isnull=True)
    key = None if found is None else await store_rejected_rows(import_id)
    async with transaction():
        locked = await Import.filter(id=import_id).select_for_update(no_key=True).get_or_none()
        if locked is not None and key is not None:
            locked.rejected_key = key
            await keep(locked, "rejected_key")


async def _file(found: Import) -> AsyncIterator[bytes]:
    """UTF-8 with the mark Excel needs. Columns that an earlier report added are not repeated."""
    kept = [index for index, column in enumerate(found.columns) if column not in {LINE, REASONS}]
    yield _csv([[*(safe_cell(found.columns[index]) for index in kept), LINE, REASONS]], "utf-8-sig")
    after = 0
    while (
        rows := await ImportRejectedRow.filter(run_id=found.id, line__gt=after).order_by("line").limit(_PAGE)
    ):
        reasons = await _reasons(found.id, rows)
        table = [
            [*_cells(row.cells, len(found.columns), kept), str(row.line), reasons.get(row.line, "")]
            for row in rows
        ]
        yield _csv(table, "utf-8")
        after = rows[-1].line


async def _reasons(import_id: UUID, rows: Sequence[ImportRejectedRow]) -> dict[int, str]:
    problems = ImportProblem.filter(
        run_id=import_id, fatal=True, line__gte=rows[0].line, line__lte=rows[-1].line
    )
    reasons: dict[int, list[str]] = {}
    for problem in await problems.order_by("line", "id"):
        place = f"{problem.column}: " if problem.column else ""
        reasons.setdefault(problem.line, []).append(f"{place}{problem.message}")
    return {line: safe_cell(" ".join(told)) for line, told in reasons.items()}


def _cells(cells: Sequence[str], width: int, kept: Sequence[int]) -> list[str]:
    """As many as there are columns: what is missing is empty, what is too much stays in the last one."""
    if len(cells) > width:
        cells = [*cells[: width - 1], ",".join(cells[width - 1 :])]
    return [safe_cell(unsafe_cell(cells[index])) if index < len(cells) else "" for index in kept]


def _csv(table: Sequence[Sequence[Any]], encoding: str) -> bytes:
    file = StringIO(newline="")
    csv.writer(file).writerows(table)
    return file.getvalue().encode(encoding, "replace")
