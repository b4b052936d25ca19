"""What the house does for itself: at night, and behind imports."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg

from crm.customers import letters, words
from crm.customers.search_indexes import file_entries
from crm.kernel import idempotency, jobs
from crm.kernel.clock import now
from crm.kernel.jobs import Claim, still_mine
from crm.kernel.outbox import enqueue
from crm.kernel.transaction import transaction
from workers.registry import job
from workers.schedule import DAY, schedule

KEEP_DONE_DAYS = 7
PRUNE_ROWS = 5000
WORDS_AT_ONCE = 1000
LETTERS_AT_ONCE = 2000
LETTERS_TRIES = 20


@job("nightly-prune", long=True)
async def prune(_payload: dict[str, Any], claim: Claim) -> None:
    pruned = PRUNE_ROWS
    while pruned == PRUNE_ROWS:
        async with transaction():
            await still_mine(claim)
            pruned = await jobs.prune(days=KEEP_DONE_DAYS, limit=PRUNE_ROWS)


@job("nightly-forget-keys")
async def forget_keys(_payload: dict[str, Any], _claim: Claim) -> None:
    await idempotency.forget_old()


@job("nightly-forget-words", long=True)
async def forget_words(_payload: dict[str, Any], claim: Claim) -> None:
    reached: str | None = ""
    while reached is not None:
        async with transaction():
            await still_mine(claim)
            reached = await words.forget_unused(reached, WORDS_AT_ONCE)
    async with transaction():
        await words.count_common()


@job(letters.FILE, long=True)
async def file_letters(_payload: dict[str, Any], claim: Claim) -> None:
    """Behind imports; while one writes, it waits."""
    filed = 0
    while (rows := await _filed_some(claim)) is not None:
        filed += rows
    await file_entries()
    async with transaction():
        await letters.have_counted()
        await words.count_common(new=filed)


async def _filed_some(claim: Claim) -> int | None:
    """How many rows; None when there are no more for now."""
    for _ in range(LETTERS_TRIES):
        try:
            async with transaction():
                await still_mine(claim)
                if wait := await letters.patience():
                    await enqueue(letters.FILE, {}, dedupe_key=letters.FILE, run_after=now() + wait)
                    return None
                return await letters.file_next(LETTERS_AT_ONCE)
        except (asyncpg.LockNotAvailableError, asyncpg.ForeignKeyViolationError):
            await asyncio.sleep(0.2)
    raise TimeoutError("Somebody has been writing the same rows for too long.")


schedule("nightly-prune", every=DAY, at=timedelta(hours=3))
schedule("nightly-forget-keys", every=DAY, at=timedelta(hours=3, minutes=10))
schedule("nightly-forget-words", every=DAY, at=timedelta(hours=3, minutes=20))
