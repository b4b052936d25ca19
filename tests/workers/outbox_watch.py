"""Promising jobs and watching what becomes of them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from tortoise.connection import get_connection

from crm.kernel.models import JobState, OutboxJob
from crm.kernel.outbox import enqueue
from crm.kernel.transaction import transaction


async def until(condition: Callable[[], Awaitable[object]], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        await asyncio.sleep(0.03)


async def promise(kind: str, *, run_after: datetime | None = None, **payload: object) -> UUID:
    async with transaction():
        return await enqueue(kind, payload, run_after=run_after)


async def until_state(job_id: UUID, state: JobState) -> OutboxJob:
    await until(lambda: OutboxJob.exists(id=job_id, state=state))
    return await OutboxJob.get(id=job_id)


async def until_all_done(seconds: float = 30) -> None:
    async def settled() -> bool:
        dead = await OutboxJob.filter(state=JobState.DEAD).values_list("kind", "last_error")
        assert not dead, dead
        return not await OutboxJob.exists(state__not=JobState.DONE)

    await until(settled, seconds)


async def notes(job_id: UUID) -> list[str]:
    """What a job wrote to `sample.effect`, in the order it was written."""
    rows = await get_connection("default").execute_query_dict(
        "select note from sample.effect where job_id = $1 order by ctid", [job_id]
    )
    return [row["note"] for row in rows]
