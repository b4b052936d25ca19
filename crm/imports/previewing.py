"""The preview: what an import would do, decided for every row of the file. Nothing of it is in the database.

Where it can it leaves the rows ready for the import (prepared.py).
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm.customers.fields import CUSTOMER_FIELDS
from crm.imports import prepared
from crm.imports.cells import CellProblem
from crm.imports.chunks import Chunk, FileReader, Pace, read_chunks, sample_of
from crm.imports.csv_format import UnreadableFile
from crm.imports.deciding import Decider, Known
from crm.imports.fields import IMPORT_FIELDS
from crm.imports.garbage import few_collections
from crm.imports.lookups import look_up
from crm.imports.models import Import, ImportState
from crm.imports.plan import FIELD_OF_COLUMN, ImportPlan, ParsedRow, make_plan
from crm.imports.prepared import Preparation
from crm.imports.references import References
from crm.imports.rules import PREVIEW_PROBLEMS, PREVIEW_ROWS, Outcome
from crm.imports.seen import SeenRows
from crm.imports.threads import in_thread
from crm.imports.working import Cancelled, Refused, as_refused, fail, importer, keep, locked
from crm.imports.writing import write_problems
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.jobs import Claim
from crm.kernel.settings import settings
from crm.kernel.transaction import transaction


@dataclass(slots=True)
class _Forecast:
    counts: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    rows: list[dict[str, Any]] = field(default_factory=list)
    problems: list[tuple[int, CellProblem, bool]] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)


async def preview(import_id: UUID, user_id: UUID, claim: Claim) -> None:
    """Looks at the whole file; afterwards the import is READY, or FAILED with a code and a line."""
    found = await Import.get_or_none(id=import_id, state=ImportState.PREVIEWING)
    if found is None:
        return
    try:
        actor = await importer(user_id, found.unit_id)
        with few_collections():
            forecast = await _every_chunk(found, actor, claim)
    except Cancelled:
        return
    except Refused as error:
        await fail(import_id, ImportState.PREVIEWING, claim, error)
    except UnreadableFile as error:
        await fail(import_id, ImportState.PREVIEWING, claim, as_refused(error))
    except Exception:
        if claim.attempt >= settings().job_max_attempts:
            message = (
                "Something went wrong on our side; an administrator finds the reason among the dead jobs."
            )
            await fail(import_id, ImportState.PREVIEWING, claim, Refused("INTERNAL_ERROR", message))
        raise
    else:
        await _ready(import_id, forecast, claim)


async def _every_chunk(found: Import, actor: Actor, claim: Claim) -> _Forecast:
    """Raises Cancelled."""
    plan, forecast = await make_plan(found, await sample_of(found)), _Forecast()
    preparation = Preparation(plan) if prepared.preparable(plan) else None
    async with aclosing(_decided(found, plan, actor, claim, forecast, preparation)) as lines:
        if preparation is not None:
            await prepared.store(found, plan, lines)
        else:
            async for _ in lines:
                pass
    return forecast


async def _decided(
    found: Import,
    plan: ImportPlan,
    actor: Actor,
    claim: Claim,
    forecast: _Forecast,
    preparation: Preparation | None,
) -> AsyncGenerator[bytes, None]:
    """Adds each chunk to the forecast, and yields its rows made ready, if they are to be."""
    pace, seen = Pace(), SeenRows()
    reader = FileReader(found.storage_key, plan, plan.sniffed.start, pace)
    try:
        async with aclosing(read_chunks(reader)) as chunks:
            async for chunk in chunks:
                known = await _look(chunk, plan, claim)
                await in_thread(seen.complete, known)
                if preparation is not None:
                    chunk = replace(chunk, rows=await in_thread(preparation.rows, chunk))  # noqa: PLW2901  the same, ready
                    for line in await in_thread(preparation.lines, chunk):
                        yield line
                await in_thread(_forecast, chunk, Decider(plan, known, actor), plan, forecast)
                await in_thread(seen.add, known)
                pace.note(len(chunk.rows))
    finally:
        await in_thread(seen.close)  # behind what the thread still does with it


async def _look(chunk: Chunk, plan: ImportPlan, claim: Claim) -> Known:
    """What the database holds of the chunk's keys; also tells how far the preview came. Raises Cancelled."""
    async with transaction():
        found = await locked(plan.import_id, ImportState.PREVIEWING, claim)
        if found is None:
            raise Cancelled
        found.checkpoint = {"offset": chunk.start.offset, "line": chunk.start.line}
        await keep(found, "checkpoint")
        return await look_up(chunk.rows, plan)


def _forecast(chunk: Chunk, decider: Decider, plan: ImportPlan, forecast: _Forecast) -> None:
    for row in chunk.rows:
        shown = _row(row, plan) if len(forecast.rows) < PREVIEW_ROWS else None
        before = len(decider.changes.problems)
        outcome = decider.decide_one(row)
        forecast.counts[outcome] += 1
        if shown is not None:
            found = [problem._asdict() for _, problem, _ in decider.changes.problems[before:]]
            forecast.rows.append(shown | {"outcome": outcome.value, "problems": found})
    told = decider.changes.problems
    for _, problem, _ in told:
        code = str(problem.code)
        forecast.codes[code] = forecast.codes.get(code, 0) + 1
    forecast.problems += told[: PREVIEW_PROBLEMS - len(forecast.problems)]


def _row(row: ParsedRow, plan: ImportPlan) -> dict[str, Any]:
    """A row as it would land."""
    values = [
        {"field": FIELD_OF_COLUMN.get(name, name), "label": _label(name), "value": text}
        for name, value in row.values.items()
        if (text := _text(value, plan.references))
    ]
    return {"line": row.line, "values": values}


def _label(name: str) -> str:
    return CUSTOMER_FIELDS[name].label if name in CUSTOMER_FIELDS else IMPORT_FIELDS[name].label


def _text(value: object, references: References) -> str:
    match value:
        case UUID():
            return references.names.get(value, "")
        case list():
            return ", ".join(_text(each, references) for each in value)
        case Decimal():
            return f"{value:f}"
        case date():
            return value.isoformat()
        case _:
            return str(value)


async def _ready(import_id: UUID, forecast: _Forecast, claim: Claim) -> None:
    async with transaction():
        found = await locked(import_id, ImportState.PREVIEWING, claim)
        if found is None:
            return
        counts = forecast.counts
        found.state, found.rows_total = ImportState.READY, sum(counts.values())
        found.preview = {
            "created": counts[Outcome.CREATED],
            "updated": counts[Outcome.UPDATED],
            "skipped": counts[Outcome.SKIPPED],
            "failed": counts[Outcome.FAILED],
            "rows": forecast.rows,
            "codes": forecast.codes,
            "at": now().isoformat(),
        }
        await write_problems(forecast.problems, import_id)
        await keep(found, "state", "rows_total", "preview")
