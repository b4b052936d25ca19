"""The import itself: chunk after chunk, each with its checkpoint and its account in one transaction.

Killed at any point it goes on behind the last chunk that was committed, and applies no row twice.
"""

import asyncio
from contextlib import aclosing
from uuid import UUID

import asyncpg
from tortoise.exceptions import IntegrityError

from crm.imports.chunks import Chunk, Pace, read_chunks, sample_of
from crm.imports.csv_format import Checkpoint, UnreadableFile
from crm.imports.deciding import Changes, Decider
from crm.imports.events import CustomersImported
from crm.imports.garbage import few_collections
from crm.imports.lookups import look_up
from crm.imports.models import Import, ImportState
from crm.imports.plan import ImportPlan, make_plan
from crm.imports.rejected import store_rejected_rows
from crm.imports.rules import Outcome
from crm.imports.statistics import Statistics
from crm.imports.working import Refused, as_refused, fail, importer, keep, locked
from crm.imports.writing import write
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.events import emit
from crm.kernel.jobs import Claim
from crm.kernel.settings import settings
from crm.kernel.transaction import raw_connection, transaction

_UNIT_LOCK = 720_411_835  # any number: two imports into one unit take turns, chunk by chunk
_TAKE_TURNS = "select pg_advisory_xact_lock($1, hashtext($2))"
_RACES = 3
_COUNTERS = ("rows_done", "created_count", "updated_count", "skipped_count", "failed_count", "checkpoint")


async def run(import_id: UUID, user_id: UUID, claim: Claim) -> None:
    """Imports what is left of the file. Raises LostLease when another worker took over."""
    found = await Import.get_or_none(id=import_id, state=ImportState.RUNNING)
    if found is None:
        return
    try:
        actor = await importer(user_id, found.unit_id)
        with few_collections():
            ended = await _every_chunk(found, actor, claim)
        if ended:
            await _complete(found, claim)
    except Refused as error:
        await fail(import_id, ImportState.RUNNING, claim, error)
    except UnreadableFile as error:
        await fail(import_id, ImportState.RUNNING, claim, as_refused(error))
    except Exception as error:
        if claim.attempt >= settings().job_max_attempts:
            message = (
                "Something went wrong on our side; an administrator finds the reason among the dead jobs."
            )
            await fail(import_id, ImportState.RUNNING, claim, Refused("INTERNAL_ERROR", message))
        raise error from None


async def _every_chunk(found: Import, actor: Actor, claim: Claim) -> bool:
    """False when the import was cancelled."""
    plan = await make_plan(found, await sample_of(found))
    pace, statistics = Pace(), Statistics()
    await statistics.note(0)
    async with aclosing(read_chunks(found, plan, Checkpoint(**found.checkpoint), pace)) as chunks:
        async for chunk in chunks:
            counts = await _apply_despite_races(chunk, plan, actor, claim)
            if counts is None:
                return False
            await statistics.note(counts[Outcome.CREATED])
            pace.note(len(chunk.rows))
    return True


async def _apply_despite_races(
    chunk: Chunk, plan: ImportPlan, actor: Actor, claim: Claim
) -> dict[Outcome, int] | None:
    """How many rows came out how; None when the import was cancelled.

    Somebody may take a number between our look and our write: the next look sees it.
    """
    for _ in range(_RACES):
        try:
            return await _apply(chunk, plan, actor, claim)
        except (asyncpg.UniqueViolationError, IntegrityError):
            continue
    return await _apply(chunk, plan, actor, claim)


async def _apply(chunk: Chunk, plan: ImportPlan, actor: Actor, claim: Claim) -> dict[Outcome, int] | None:
    async with transaction():
        found = await locked(plan.import_id, ImportState.RUNNING, claim)
        if found is None:
            return None
        await raw_connection().execute(_TAKE_TURNS, _UNIT_LOCK, str(plan.unit_id))
        known = await look_up(chunk.rows, plan)
        changes = await asyncio.to_thread(Decider(plan, known, actor).decide, chunk.rows)
        await write(changes, plan, actor)
        await _advance(found, chunk, changes)
        return changes.counts


async def _advance(found: Import, chunk: Chunk, changes: Changes) -> None:
    counts = changes.counts
    found.rows_done += len(chunk.rows)
    found.created_count += counts[Outcome.CREATED]
    found.updated_count += counts[Outcome.UPDATED]
    found.skipped_count += counts[Outcome.SKIPPED]
    found.failed_count += counts[Outcome.FAILED]
    found.checkpoint = {"offset": chunk.end.offset, "line": chunk.end.line}
    await keep(found, *_COUNTERS)
    created, updated = counts[Outcome.CREATED], counts[Outcome.UPDATED]
    if created or updated:
        await emit(
            CustomersImported(import_id=found.id, unit_id=found.unit_id, created=created, updated=updated)
        )


async def _complete(found: Import, claim: Claim) -> None:
    rejected_key = await store_rejected_rows(found.id)
    async with transaction():
        done = await locked(found.id, ImportState.RUNNING, claim)
        if done is None:
            return
        done.state, done.finished_at = ImportState.COMPLETED, now()
        done.rejected_key, done.rows_total = rejected_key, done.rows_done
        await keep(done, "state", "finished_at", "rejected_key", "rows_total")
