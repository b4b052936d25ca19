"""Work that is due by the clock.

Each slot is an outbox row with a key of its own, so that it happens once, however many workers there are. After a
standstill the latest slot is made up for, earlier ones are not.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from crm.kernel import jobs
from crm.kernel.jobs import SLOT
from crm.kernel.outbox import enqueue
from crm.kernel.transaction import raw_connection, transaction

log = structlog.get_logger()

CHECK_SECONDS = 10.0
DAY = timedelta(days=1)
_BEGINNING = datetime(2000, 1, 3, tzinfo=UTC)  # a Monday


@dataclass(frozen=True, slots=True)
class Schedule:
    """A kind of job, with an empty payload, that is due every `every`, from Monday 00:00 UTC plus `at`."""

    kind: str
    every: timedelta
    at: timedelta = timedelta()

    def slot(self, now: datetime) -> datetime:
        """Return the latest instant at or before `now` at which it was due."""
        return now - (now - _BEGINNING - self.at) % self.every

    def key(self, now: datetime) -> str:
        """Return the once_key of the slot, such as `slot:nightly-prune:2026-11-21T03:00:00+00:00`."""
        return f"{SLOT}{self.kind}:{self.slot(now).isoformat()}"


_schedules: list[Schedule] = []


def schedule(kind: str, *, every: timedelta, at: timedelta = timedelta()) -> None:
    """Have jobs of a kind promised by the clock: `schedule("prune", every=DAY, at=timedelta(hours=3))`."""
    _schedules.append(Schedule(kind, every, at))


class Clock:
    """Promises what is due. Every worker has one; the once_key makes them agree."""

    def __init__(self) -> None:
        self._promised: set[str] = set()

    async def run(self) -> None:
        while True:
            try:
                await self.tick()
            except Exception as error:  # noqa: BLE001  the next tick makes up for it
                log.warning("schedule held up", error=jobs.describe(error))
            await asyncio.sleep(CHECK_SECONDS)

    async def tick(self) -> None:
        """Promise the current slot of every schedule that has not been promised yet."""
        async with transaction():
            now: datetime = await raw_connection().fetchval("select now()")
            due = {s.key(now): s.kind for s in _schedules}
            for key in due.keys() - self._promised:
                await enqueue(due[key], {}, once_key=key)
        self._promised = set(due)
