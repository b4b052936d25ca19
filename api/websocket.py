"""graphql-transport-ws, and the hub that carries Redis messages to subscriptions."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import orjson
import structlog
from graphql import GraphQLError
from redis.asyncio import Redis
from redis.exceptions import RedisError
from strawberry.exceptions import ConnectionRejectionError
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler

from api.context import Context
from crm.kernel.settings import settings

log = structlog.get_logger(__name__)

CHANNEL = "kith:"
MAX_WAITING = 1000  # messages a slow subscriber may lag behind before it is told to start again


class TransportWSHandler(BaseGraphQLTransportWSHandler[Context, None]):
    @staticmethod
    def _get_pre_execution_close_reason(error: GraphQLError) -> str | None:
        """A document that does not parse is one operation's error, not the connection's."""
        del error
        return None


async def connect(context: Context) -> dict[str, object]:
    """Accepts the socket of somebody who is logged in: by cookie, or by a token in `connection_init`."""
    context.actor = await context.authenticate(context)
    if context.actor is None:
        raise ConnectionRejectionError({"code": "UNAUTHENTICATED"})
    return {}


class Hub:
    """One Redis connection for all subscriptions of this process."""

    def __init__(self) -> None:
        self._redis = Redis.from_url(settings().redis_url, decode_responses=True)
        self._waiting: dict[str, set[asyncio.Queue[dict[str, Any]]]] = defaultdict(set)
        self._pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
        self._reader: asyncio.Task[None] | None = None

    async def close(self) -> None:
        if self._reader:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
        await self._pubsub.aclose()
        await self._redis.aclose()

    @contextlib.asynccontextmanager
    async def listen(self, *topics: str) -> AsyncIterator[asyncio.Queue[dict[str, Any]]]:
        """A queue of the messages on these topics, from now until the block ends."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MAX_WAITING)
        channels = [CHANNEL + topic for topic in topics]
        fresh = [channel for channel in channels if not self._waiting[channel]]
        for channel in channels:
            self._waiting[channel].add(queue)
        try:
            if fresh:
                await self._pubsub.subscribe(*fresh)
            if self._reader is None:
                self._reader = asyncio.create_task(self._read())
            yield queue
        finally:
            await self._leave(queue, channels)

    async def _leave(self, queue: asyncio.Queue[dict[str, Any]], channels: list[str]) -> None:
        for channel in channels:
            self._waiting[channel].discard(queue)
        idle = [channel for channel in channels if not self._waiting[channel]]
        for channel in idle:
            del self._waiting[channel]
        if idle:
            with contextlib.suppress(RedisError, OSError):
                await self._pubsub.unsubscribe(*idle)

    async def _read(self) -> None:
        """Reads for ever; after a lost connection redis-py subscribes again by itself."""
        while True:
            try:
                message = await self._pubsub.get_message(timeout=None)
                if message is not None:
                    self._deliver(message["channel"], orjson.loads(message["data"]))
            except (RedisError, OSError) as error:
                log.warning("subscriptions wait for Redis", reason=str(error))
                await asyncio.sleep(0.5)
            except RuntimeError:
                await asyncio.sleep(0.05)  # nothing is subscribed just now

    def _deliver(self, channel: str, message: dict[str, Any]) -> None:
        for queue in self._waiting.get(channel, ()):
            if queue.full():
                log.warning("a subscriber lags behind; a message was dropped", channel=channel)
                continue
            queue.put_nowait(message)
