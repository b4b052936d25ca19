"""arq as the doorbell: it tells workers that a job waits, and limits how many run at once. It keeps nothing.

A ring carries the id of an outbox row, no more. It may be lost, doubled, late or forged: the claim decides.
"""

import asyncio
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import orjson
import structlog
from arq.connections import ArqRedis
from arq.worker import Worker, func
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, RedisError, TimeoutError  # noqa: A004

from crm.kernel.jobs import Offer
from crm.kernel.settings import settings
from workers.runner import Runner

if TYPE_CHECKING:
    from arq.typing import WorkerCoroutine

log = structlog.get_logger()

QUEUE = "kith:jobs"
FUNCTION = "work"
RING_SECONDS = 3600  # an unanswered ring is forgotten; the sweep rings again
POLL_SECONDS = 0.05
RECOVERY_SECONDS = 1.0
UNLIMITED = 1_000_000_000
NO_TIMEOUT = cast("float", None)  # the lease is the limit; arq understands None, its annotation does not


@cache
def redis() -> ArqRedis:
    """Return this process's client. It rides out a restart of Redis of a second or so; longer ones raise RedisError."""
    client = cast(
        "ArqRedis",
        ArqRedis.from_url(
            settings().redis_url,
            socket_connect_timeout=2,
            socket_timeout=5,
            health_check_interval=30,
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=4),
            retry_on_timeout=True,
            retry_on_error=[ConnectionError, TimeoutError, BusyLoadingError],
        ),
    )
    client.default_queue_name = QUEUE
    client.expires_extra_ms = RING_SECONDS * 1000
    client.job_serializer = _encode  # arq's own is pickle: whoever may write to Redis could run code here
    client.job_deserializer = orjson.loads
    return client


def _encode(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value, default=str)


async def ring(offer: Offer) -> None:
    """Ring for a job; a second time for the same try does nothing. Raises RedisError."""
    # A cancelled pipeline of redis-py can leave answers in its connection for the next user.
    await asyncio.shield(
        redis().enqueue_job(FUNCTION, str(offer.job_id), _job_id=f"{offer.job_id}:{offer.epoch}")
    )


async def rings() -> int:
    """Return how many rings nobody has answered yet. Raises RedisError."""
    return int(await redis().zcard(QUEUE))


class Doorbell(Worker):
    """arq's worker, answering rings with a Runner, and made to outlive whatever Redis does."""

    def __init__(self, runner: Runner, *, on_alive: Callable[[], None]) -> None:
        super().__init__(
            [func(cast("WorkerCoroutine", self._answer), name=FUNCTION)],
            queue_name=QUEUE,
            redis_pool=redis(),
            handle_signals=False,
            max_jobs=settings().job_concurrency,
            job_timeout=NO_TIMEOUT,
            keep_result=0,
            poll_delay=POLL_SECONDS,
            max_tries=UNLIMITED,  # the outbox counts tries
            job_serializer=_encode,
            job_deserializer=orjson.loads,
        )
        self.sem = asyncio.BoundedSemaphore(UNLIMITED)  # leaks in the same way; job_counter is the limit
        self._runner = runner
        self._on_alive = on_alive

    async def answer_for_ever(self) -> None:
        """Run arq's loop, and begin it again whenever an error of Redis outlasted the retries."""
        while True:
            try:
                await self.async_run()
            except Exception as error:  # noqa: BLE001  also what a forged ring may provoke
                log.warning("Redis does not answer as it should", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(RECOVERY_SECONDS)

    @property
    def job_counter(self) -> int:
        """Count the tasks: arq's own counter is never put back when Redis fails at the wrong moment."""
        return sum(not task.done() for task in self.tasks.values())

    @job_counter.setter
    def job_counter(self, _value: int) -> None: ...

    async def run_job(self, job_id: str, score: int) -> None:
        """Drop a ring that arq cannot even read; left in the queue, it would stop arq's loop again and again."""
        try:
            await super().run_job(job_id, score)
        except (RedisError, OSError):
            raise
        except Exception as error:  # noqa: BLE001  somebody else wrote it
            log.warning("ring not understood", ring=job_id, error=f"{type(error).__name__}: {error}")
            await self._forget(job_id)

    async def heart_beat(self) -> None:
        self._on_alive()

    async def _answer(self, context: dict[str, Any], job_id: str) -> None:
        try:
            claim = await self._runner.claim(UUID(job_id))
            if claim is not None:
                await self._forget(context["job_id"])
                await self._runner.work(claim)
        except Exception as error:  # noqa: BLE001  the sweep will ring again
            log.warning("ring not answered", job=job_id, error=f"{type(error).__name__}: {error}")

    async def _forget(self, ring_id: str) -> None:
        """Take the ring from the queue, where it would be answered again: from here on the lease speaks."""
        try:
            await redis().zrem(QUEUE, ring_id)
        except RedisError:
            log.debug("ring not taken from the queue", ring=ring_id)
