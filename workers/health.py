"""Whether a worker of this host is at work, as the health check of a container asks."""

import asyncio
import os
import socket
import time

import structlog
from redis.exceptions import RedisError

from workers.doorbell import redis
from workers.relay import Relay

log = structlog.get_logger()

REPORT_SECONDS = 5.0
FRESH_SECONDS = 30


def _key() -> str:
    return f"kith:worker:{socket.gethostname()}"


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
        await redis().set(_key(), os.getpid(), ex=FRESH_SECONDS)
    except RedisError:
        log.debug("health not reported")


async def reported() -> bool:
    """Say whether a worker of this host reported within 30 s."""
    try:
        return bool(await redis().exists(_key()))
    except RedisError:
        return False
    finally:
        await redis().aclose()
