"""What the house does for itself at night."""

from datetime import timedelta
from typing import Any

from crm.customers import words
from crm.kernel import idempotency, jobs
from crm.kernel.jobs import Claim, still_mine
from crm.kernel.transaction import transaction
from workers.registry import job
from workers.schedule import DAY, schedule

KEEP_DONE_DAYS = 7
PRUNE_ROWS = 5000
WORDS_AT_ONCE = 1000


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


schedule("nightly-prune", every=DAY, at=timedelta(hours=3))
schedule("nightly-forget-keys", every=DAY, at=timedelta(hours=3, minutes=10))
schedule("nightly-forget-words", every=DAY, at=timedelta(hours=3, minutes=20))
