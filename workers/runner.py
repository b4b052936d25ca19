"""Does claimed jobs beside each other, keeps their leases, and records how each went."""

import asyncio
import time
from uuid import UUID

import structlog
from structlog.contextvars import bound_contextvars

from crm.kernel import jobs, traces
from crm.kernel.jobs import Claim, GiveUp, LostLease
from crm.kernel.models import JobState
from crm.kernel.settings import settings
from crm.kernel.transaction import transaction
from workers.registry import registration

log = structlog.get_logger()

HEARTBEATS_PER_LEASE = 4
TRANSACTION_SECONDS = 300  # the longest an ordinary job may take: a hung one must not hold its locks for ever
INTERRUPT_SECONDS = 0.5
LOST = "job lost to another worker"


async def perform(claim: Claim) -> None:
    """Do the job and mark it done. What it raises, an ordinary job has rolled back."""
    told = {"kith.job.id": claim.job_id.hex, "kith.job.kind": claim.kind, "kith.job.attempt": claim.attempt}
    with traces.span(f"job {claim.kind}", "CONSUMER", parent=claim.trace, attributes=told):
        await _perform(claim)


async def _perform(claim: Claim) -> None:
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
        self._interrupted: set[Claim] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False

    async def claim(self, job_id: UUID) -> Claim | None:
        return None if self._stopping else await jobs.claim(job_id)

    async def work(self, claim: Claim) -> None:
        """Return when the job has ended, one way or another, and that is recorded."""
        if self._stopping:
            await jobs.give_back(claim)
            return
        with bound_contextvars(kind=claim.kind, job=claim.job_id.hex, attempt=claim.attempt):
            started = time.monotonic()
            task = asyncio.create_task(perform(claim))
            self._works[claim] = task
            self._idle.clear()
            try:
                await asyncio.wait({task})
                await self._record(claim, task, time.monotonic() - started)
            finally:
                self._forget(claim)

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
                self._interrupt(claim)

    async def stop(self, *, grace_seconds: float) -> None:
        """Take no more jobs, let those under way finish for a moment, and give back the rest."""
        self._stopping = True
        await self._until_idle(grace_seconds)
        while self._works:
            for claim in list(self._works):
                self._interrupt(claim)
            await self._until_idle(INTERRUPT_SECONDS)

    async def _until_idle(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return

    def _interrupt(self, claim: Claim) -> None:
        if claim in self._works:
            self._interrupted.add(claim)
            self._works[claim].cancel()

    def _forget(self, claim: Claim) -> None:
        del self._works[claim]
        self._interrupted.discard(claim)
        if not self._works:
            self._idle.set()

    async def _record(self, claim: Claim, task: asyncio.Task[None], seconds: float) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            log.info("job done", seconds=round(seconds, 3))
        elif isinstance(error, LostLease):
            log.warning(LOST)
        elif claim in self._interrupted:
            await jobs.give_back(claim)  # changes nothing when another worker owns it
            log.warning("job interrupted")
        else:
            await _record_failure(claim, error)


async def _record_failure(claim: Claim, error: BaseException) -> None:
    state = await jobs.fail(claim, error)
    if state is None:
        log.warning(LOST, error=jobs.describe(error))
        return
    tell = log.error if state is JobState.DEAD else log.warning
    trace = None if isinstance(error, GiveUp) else error
    tell(f"job {'dead' if state is JobState.DEAD else 'failed'}", error=jobs.describe(error), exc_info=trace)
