"""Reports to Redis that this worker is at work; `workers/check.py` reads it."""

import asyncio
import os
import time

import structlog

from workers.check import FRESH_SECONDS, worker_key
from workers.doorbell import redis
from workers.relay import Relay

log = structlog.get_logger()

REPORT_SECONDS = 5.0


class Health:
    """Reports while both the relay and arq's loop go round."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._answering = time.monotonic()

    def answering(self) -> None:
        """Note that arq's loop went round."""
        self._answering = time.monotonic()

    async def report_for_ever(self) -> None:
        while True:
            if time.monotonic() - min(self._relay.last_success, self._answering) < FRESH_SECONDS:
                await _report()
            await asyncio.sleep(REPORT_SECONDS)


async def _report() -> None:
    try:
        await redis().set(worker_key(), os.getpid(), ex=FRESH_SECONDS)
    except Exception as error:  # noqa: BLE001  a report that is missing is what the check looks for
        log.debug("health not reported", error=str(error))
