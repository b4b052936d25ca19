"""The import itself: chunk after chunk, each with its checkpoint and its account in one transaction.

Killed at any point it goes on behind the last chunk that was committed, and applies no row twice.
"""

from collections import deque
from contextlib import aclosing
from uuid import UUID

import asyncpg
from tortoise.exceptions import IntegrityError

from crm.customers.search_indexes import file_entries
from crm.imports import prepared
from crm.imports.applying import Application
from crm.imports.chunks import FileReader, Pace, Reader, read_chunks, sample_of
from crm.imports.csv_format import Checkpoint, UnreadableFile
from crm.imports.garbage import few_collections
from crm.imports.models import DuplicateRule, Import, ImportState
from crm.imports.plan import ImportPlan, make_plan
from crm.imports.prepared import DamagedRows
from crm.imports.rejected import store_rejected_rows
from crm.imports.rules import Outcome
from crm.imports.statistics import Statistics
from crm.imports.working import Cancelled, Refused, as_refused, fail, importer, keep, locked
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.jobs import Claim
from crm.kernel.settings import settings
from crm.kernel.transaction import transaction

_AT_ONCE = 3  # one waits to commit, or is being decided, while two processors write the others
_RACES = 3


async def run(import_id: UUID, user_id: UUID, claim: Claim) -> None:
    """Imports what is left of the file. Raises LostLease when another worker took over."""
    found = await Import.get_or_none(id=import_id)
    if found is None:
        return
    if found.state is not ImportState.RUNNING:  # cancelled meanwhile
        await prepared.forget(found)
        return
    try:
        actor = await importer(user_id, found.unit_id)
        with few_collections():
            ended = await _despite_races(found, actor, claim)
        if ended:
            await _complete(found, claim)
        await prepared.forget(found)
        await file_entries()  # nobody waits for it: a search reads what was not filed yet
    except Refused as error:
        await _give_up(found, claim, error)
    except UnreadableFile as error:
        await _give_up(found, claim, as_refused(error))
    except Exception as error:
        if claim.attempt >= settings().job_max_attempts:
            message = (
                "Something went wrong on our side; an administrator finds the reason among the dead jobs."
            )
            await _give_up(found, claim, Refused("INTERNAL_ERROR", message))
        raise error from None


async def _give_up(found: Import, claim: Claim, refused: Refused) -> None:
    await fail(found.id, ImportState.RUNNING, claim, refused)
    await prepared.forget(found)


async def _despite_races(found: Import, actor: Actor, claim: Claim) -> bool:
    """Where the preview found no number taken, it trusts that none is, and asks nobody: the database refuses what is.
    Somebody may have taken one since, or between our look and our write: from the last checkpoint, the next look sees it.
    Rows that were prepared may be gone: it reads the uploaded file.

    False when the import was cancelled.
    """
    trusting = _nothing_was_taken(found)
    for _ in range(_RACES):
        try:
            return await _every_chunk(found, actor, claim, trusting=trusting)
        except (asyncpg.UniqueViolationError, IntegrityError, DamagedRows):
            await found.refresh_from_db(fields=["checkpoint"])
            trusting = False
    return await _every_chunk(found, actor, claim, trusting=False)


def _nothing_was_taken(found: Import) -> bool:
    """Only said of rows that make customers: those that change some may pass numbers on to each other."""
    told = found.preview is not None and "ALREADY_TAKEN" not in found.preview["codes"]
    return told and found.duplicate_rule is not DuplicateRule.UPDATE


async def _every_chunk(found: Import, actor: Actor, claim: Claim, *, trusting: bool) -> bool:
    plan = await make_plan(found, await sample_of(found))
    pace, statistics = Pace(), Statistics()
    await statistics.note(0)
    begun: deque[Application] = deque()
    try:
        async with aclosing(read_chunks(await _reader(found, plan, pace))) as chunks:
            async for chunk in chunks:
                while len(begun) >= _AT_ONCE:
                    await _end_first(begun, statistics, pace)
                last = begun[-1] if begun else None
                begun.append(Application(chunk, plan, actor, claim, trusting=trusting))
                begun[-1].begin(last)
                await begun[-1].until_next_may_begin()
        while begun:
            await _end_first(begun, statistics, pace)
    except Cancelled:
        return False
    finally:
        for application in reversed(begun):
            await application.abandon()
    return True


async def _reader(found: Import, plan: ImportPlan, pace: Pace) -> Reader:
    start = Checkpoint(**found.checkpoint)
    ready = await prepared.reader_of(found, plan, start, pace)
    return ready or FileReader(found.storage_key, plan, start, pace)


async def _end_first(begun: deque[Application], statistics: Statistics, pace: Pace) -> None:
    counts = await begun[0].end()
    begun.popleft()
    await statistics.note(counts[Outcome.CREATED])
    pace.note(sum(counts.values()))


async def _complete(found: Import, claim: Claim) -> None:
    rejected_key = await store_rejected_rows(found.id)
    async with transaction():
        done = await locked(found.id, ImportState.RUNNING, claim)
        if done is None:
            return
        done.state, done.finished_at = ImportState.COMPLETED, now()
        done.rejected_key, done.rows_total = rejected_key, done.rows_done
        await keep(done, "state", "finished_at", "rejected_key", "rows_total")
