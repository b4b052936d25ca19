"""Rings for jobs that are due: the way from the outbox to arq. One runs in every worker."""

import asyncio
import time

import asyncpg
import structlog

from crm.kernel import jobs
from crm.kernel.database import credentials
from crm.kernel.settings import settings
from workers.doorbell import ring, rings

log = structlog.get_logger()

CHANNEL = "kith_outbox"  # the trigger outbox_ring notifies it
BATCH = 100
MOST_RINGS = 200  # more need not be in Redis: the rest waits in PostgreSQL
BUSY_SECONDS = 0.05
SHORTEST_PAUSE_SECONDS = 0.01
RECOVERY_SECONDS = 1.0
RECONNECT_SECONDS = 2.0
CONNECT_SECONDS = 10.0


class Relay:
    """Woken by PostgreSQL when a job is promised, by the clock when one falls due or a lease may have lapsed."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self.last_success = time.monotonic()

    async def relay(self) -> None:
        """Go on for ever: neither a dead Redis nor a dead PostgreSQL ends it, and nothing is lost meanwhile."""
        while True:
            self._woken.clear()
            try:
                pause = await self._once()
                self.last_success = time.monotonic()
            except Exception as error:  # noqa: BLE001  whatever fails is tried again
                log.warning("relay held up", error=jobs.describe(error))
                pause = RECOVERY_SECONDS
            await self._sleep(pause)

    async def listen(self) -> None:
        """Keep a connection of its own for notifications, for ever. Without it, the clock finds every job."""
        while True:
            try:
                await self._listen_until_lost()
            except Exception as error:  # noqa: BLE001  whatever fails is tried again
                log.warning("not listening for new jobs", error=jobs.describe(error))
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _once(self) -> float:
        """Offer what is due; return the seconds until it is worth looking again."""
        for job_id in await jobs.bury():
            log.error("job dead", job=job_id.hex, error="its workers died")
        room = min(BATCH, MOST_RINGS - await rings())  # also finds out whether Redis answers before offering
        if room <= 0:
            return BUSY_SECONDS
        offers = await jobs.offer(room)
        for offer in offers:
            await ring(offer)
        if len(offers) >= room:
            return 0
        next_due = await jobs.seconds_to_next()
        sweep = settings().job_sweep_seconds
        return sweep if next_due is None else max(SHORTEST_PAUSE_SECONDS, min(next_due, sweep))

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _listen_until_lost(self) -> None:
        lost = asyncio.Event()
        connection = await asyncpg.connect(
            **credentials(settings().database_url),
            server_settings={"application_name": "kith relay"},
            timeout=CONNECT_SECONDS,
        )
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, lambda *_: self._woken.set())
            self._woken.set()  # something may have been promised while nobody listened
            await lost.wait()
        finally:
            connection.terminate()
