"""What the house does for itself at night."""

from datetime import timedelta
from typing import Any

from crm.kernel import idempotency, jobs
from crm.kernel.jobs import Claim, still_mine
from crm.kernel.transaction import transaction
from workers.registry import job
from workers.schedule import DAY, schedule

KEEP_DONE_DAYS = 7
PRUNE_ROWS = 5000


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


schedule("nightly-prune", every=DAY, at=timedelta(hours=3))
schedule("nightly-forget-keys", every=DAY, at=timedelta(hours=3, minutes=10))
