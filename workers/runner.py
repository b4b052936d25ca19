"""Does claimed jobs beside each other, keeps their leases, and records how each went."""

import asyncio
import time
from collections.abc import Collection
from uuid import UUID

import structlog

from crm.kernel import jobs
from crm.kernel.jobs import Claim, GiveUp, LostLease
from crm.kernel.models import JobState
from crm.kernel.settings import settings
from crm.kernel.transaction import transaction
from workers.registry import registration

log = structlog.get_logger()

HEARTBEATS_PER_LEASE = 4
TRANSACTION_SECONDS = 300  # the longest an ordinary job may take: a hung one must not hold its locks for ever


async def perform(claim: Claim) -> None:
    """Do the job and mark it done. What it raises, an ordinary job has rolled back."""
    found = registration(claim.kind)
    if found.long:
        await found.handler(claim.payload, claim)
        await jobs.finish(claim)
        return
    async with asyncio.timeout(TRANSACTION_SECONDS), transaction():
        await jobs.end_when_abandoned()
        await found.handler(claim.payload, claim)
        await jobs.finish(claim)


class Runner:
    """The jobs this process has under way."""

    def __init__(self) -> None:
        self._works: dict[Claim, asyncio.Task[None]] = {}
        self._stopping = False

    async def claim(self, job_id: UUID) -> Claim | None:
        return None if self._stopping else await jobs.claim(job_id)

    async def work(self, claim: Claim) -> None:
        """Return when the job has ended, one way or another, and that is recorded."""
        if self._stopping:
            await jobs.give_back(claim)
            return
        task = asyncio.create_task(_work(claim))
        self._works[claim] = task
        task.add_done_callback(lambda _: self._works.pop(claim))
        await asyncio.shield(task)  # only stop() ends it early: it gives the job back

    async def keep_leases(self) -> None:
        """Extend the leases of everything under way, for ever; end the work on a job that was lost."""
        pause = settings().job_lease_seconds / HEARTBEATS_PER_LEASE
        while True:
            await asyncio.sleep(pause)
            if not self._works:
                continue
            try:
                async with asyncio.timeout(pause):
                    lost = await jobs.heartbeat(list(self._works))
            except Exception as error:  # noqa: BLE001  without a database nobody else can take the jobs either
                log.warning("leases not extended", error=jobs.describe(error))
                continue
            for claim in lost:
                self._cancel(claim)

    async def stop(self, *, grace_seconds: float) -> None:
        """Take no more jobs, let those under way finish for a moment, and give back the rest."""
        self._stopping = True
        await _ended(self._works.values(), grace_seconds)
        for claim in list(self._works):
            self._cancel(claim)
        await _ended(self._works.values(), None)

    def _cancel(self, claim: Claim) -> None:
        if claim in self._works:
            self._works[claim].cancel()


async def _ended(tasks: Collection[asyncio.Task[None]], seconds: float | None) -> None:
    if tasks:
        await asyncio.wait(list(tasks), timeout=seconds)


async def _work(claim: Claim) -> None:
    started = time.monotonic()
    with structlog.contextvars.bound_contextvars(
        kind=claim.kind, job=claim.job_id.hex, attempt=claim.attempt
    ):
        try:
            await perform(claim)
        except LostLease:
            log.warning("job lost to another worker")
        except asyncio.CancelledError as error:
            await _cancelled(claim, error)
        except Exception as error:  # noqa: BLE001  whatever a job raises is recorded, and the job tried again
            await _failed(claim, error)
        else:
            log.info("job done", seconds=round(time.monotonic() - started, 3))


async def _cancelled(claim: Claim, error: asyncio.CancelledError) -> None:
    task = asyncio.current_task()
    if task is None or not task.cancelling():  # the handler cancelled itself
        await _failed(claim, error)
        return
    await jobs.give_back(claim)  # changes nothing if another worker owns it
    log.warning("job interrupted")


async def _failed(claim: Claim, error: BaseException) -> None:
    state = await jobs.fail(claim, error)
    trace = None if isinstance(error, GiveUp) else error
    if state is JobState.DEAD:
        log.error("job dead", error=jobs.describe(error), exc_info=trace)
    else:
        log.warning("job failed", error=jobs.describe(error), exc_info=trace)
