"""The hub that carries Redis messages to subscriptions, and ends those whose login has ended.

A listener goes on where it was: after the last event of a connection that was lost, its own or ours to Redis. While
it catches up, what is told meanwhile is held back, so that it hears everything once and in order.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, TypeVar
from weakref import WeakSet

import orjson
import structlog
from graphql import GraphQLError
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError

from api.context import Context
from api.history import History, order
from crm.accounts.logins import renewed_all
from crm.kernel.errors import InvalidInput, Unauthenticated
from crm.kernel.events import CHANNEL
from crm.kernel.settings import settings

log = structlog.get_logger(__name__)

T = TypeVar("T")
Message = dict[str, Any]

HEARTBEAT = "kith:hub"  # nobody publishes on it: a connection that is subscribed to nothing cannot be read
LOST: Message = {"type": "Lost", "data": {}, "id": "", "position": ""}
"""What a listener hears when Redis has forgotten what was told meanwhile: whoever must know looks at the records."""
MAX_WAITING = 1000  # messages a slow subscriber may lag behind before it is told to start again
RECHECK_SECONDS = 0.5
RECONNECT_SECONDS = 0.2
SILENCE_SECONDS = 15.0  # after which Redis is asked whether it is still there


class Listener:
    """What one subscription has still to hear."""

    def __init__(self, context: Context, *topics: str) -> None:
        self.context = context
        self.topics = topics
        self.position = ""
        """Of the last event that was put here; what comes again is not put twice."""
        self._waiting: asyncio.Queue[Message | Exception] = asyncio.Queue()
        self._held: list[tuple[str, Message]] | None = None

    async def hear(self) -> Message:
        """The next message, as soon as there is one. Raises what ended the subscription."""
        heard = await self._waiting.get()
        if isinstance(heard, Exception):
            raise heard
        return heard

    def tell(self, position: str, message: Message) -> None:
        """An event as it happens."""
        if self._held is None:
            self._tell(position, message)
        else:
            self._held.append((position, message))

    def hold(self) -> None:
        """Keeps back what happens from here on, until `go_on`."""
        self._held = self._held or []

    def go_on(self, missed: Iterable[tuple[str, Message]]) -> None:
        """Tells what was missed, then what was held back."""
        held, self._held = self._held or [], None
        for position, message in (*missed, *held):
            self._tell(position, message)

    def lose(self, position: str) -> None:
        """Goes on from a position, with a gap before it."""
        self.position = position
        self.put(LOST)
        self.go_on(())

    def put(self, message: Message) -> None:
        if self._waiting.qsize() < MAX_WAITING:
            self._waiting.put_nowait(message)
            return
        told = "You read more slowly than things happen. Read the records again, then subscribe anew."
        self.end(GraphQLError(told, extensions={"code": "SUBSCRIPTION_LAGGING"}))

    def end(self, reason: Exception) -> None:
        """Lets the subscription hear this next, and nothing of what still waited."""
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(reason)

    def _tell(self, position: str, message: Message) -> None:
        if not self.position or order(position) > order(self.position):
            self.position = position
            self.put({**message, "position": position})


class _Channel:
    """Who listens to one channel of Redis, and whether Redis has confirmed that it sends it to us."""

    def __init__(self) -> None:
        self.listeners: set[Listener] = set()
        self.confirmed = asyncio.Event()


class Hub:
    """One Redis connection for all subscriptions of this process, and one look at all their logins together."""

    def __init__(self) -> None:
        self._redis = Redis.from_url(settings().redis_url, decode_responses=True, socket_connect_timeout=2)
        self._history = History(self._redis)
        self._channels: dict[str, _Channel] = {}
        self._interrupted: WeakSet[Listener] = WeakSet()
        self._connection: PubSub | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()

    @contextlib.asynccontextmanager
    async def listen(
        self, context: Context, *topics: str, after: str | None = None
    ) -> AsyncIterator[Listener]:
        """A listener to these topics: whatever is told from here on reaches it, until the block ends.

        With `after`, the position of an event, it hears what was told since then first. Raises GraphQLError
        (EVENTS_LOST) if that is not kept any more, InvalidInput if it is no position.
        """
        if after is not None:
            order(after)
        if not self._tasks:
            loops = (self._read_for_ever(), self._recheck_for_ever())
            self._tasks = [asyncio.create_task(loop) for loop in loops]
        listener, names = Listener(context, *topics), [CHANNEL + topic for topic in topics]
        listener.hold()
        try:
            listener.position = await self._patiently(self._history.end) if after is None else after
            for name in names:
                await self._join(name, listener)
            missed = await self._patiently(lambda: self._missed(listener))
            if (
                listener not in self._interrupted
            ):  # if our connection was lost meanwhile, the next one sees to it
                listener.go_on(missed)
            yield listener
        finally:
            for name in names:
                await self._leave(name, listener)

    async def _missed(self, listener: Listener) -> list[tuple[str, Message]]:
        """What it has not heard; everything from here on is held for it."""
        kept = await self._history.since(listener.position)
        topics = set(listener.topics)
        return [(each.position, orjson.loads(each.message)) for each in kept if topics & set(each.topics)]

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer of Redis, as soon as it is there."""
        while True:
            try:
                return await ask()
            except (RedisError, OSError):
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _join(self, name: str, listener: Listener) -> None:
        """Waits until Redis confirms, for as long as Redis is away."""
        fresh = name not in self._channels
        channel = self._channels.setdefault(name, _Channel())
        channel.listeners.add(listener)
        if fresh and self._connection:
            await _sent(self._connection.subscribe, name)
        await channel.confirmed.wait()

    async def _leave(self, name: str, listener: Listener) -> None:
        channel = self._channels.get(name)
        if channel is None or listener not in channel.listeners:
            return
        channel.listeners.remove(listener)
        if not channel.listeners:
            del self._channels[name]
            if self._connection:
                await _sent(self._connection.unsubscribe, name)

    async def _read_for_ever(self) -> None:
        """Reads through one connection after another. Each begins with all channels that are wanted by then."""
        away = False
        while True:
            pubsub = self._redis.pubsub()
            catching_up: asyncio.Task[None] | None = None
            try:
                await self._connect(pubsub)
                away = False
                catching_up = asyncio.create_task(self._catch_up_all())
                await self._read(pubsub)
            except Exception as error:  # noqa: BLE001  whatever it is, those who listen need the next connection
                if not away:
                    log.warning("subscriptions wait for Redis", reason=f"{type(error).__name__}: {error}")
                away = True
            finally:
                self._forget_connection()
                if catching_up:
                    catching_up.cancel()
                await _sent(pubsub.aclose)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _catch_up_all(self) -> None:
        """After a connection was lost: tells its listeners what they missed, once the new one carries their topics."""
        for listener in [each for each in self._listeners() if each in self._interrupted]:
            for topic in listener.topics:
                if channel := self._channels.get(CHANNEL + topic):
                    await channel.confirmed.wait()
            await self._catch_up(listener)
            self._interrupted.discard(listener)

    async def _catch_up(self, listener: Listener) -> None:
        try:
            listener.go_on(await self._patiently(lambda: self._missed(listener)))
        except GraphQLError:
            listener.lose(await self._patiently(self._history.end))

    async def _connect(self, pubsub: PubSub) -> None:
        wanted = list(self._channels)
        await pubsub.subscribe(HEARTBEAT, *wanted)
        self._connection = pubsub
        if late := [name for name in self._channels if name not in wanted]:
            await pubsub.subscribe(*late)

    def _forget_connection(self) -> None:
        self._connection = None
        for channel in self._channels.values():
            channel.confirmed.clear()
        for listener in self._listeners():
            listener.hold()
            self._interrupted.add(listener)

    async def _read(self, pubsub: PubSub) -> None:
        """Raises RedisError once the connection is lost, or Redis has been silent for too long."""
        asked = False
        while True:
            message = await pubsub.get_message(timeout=SILENCE_SECONDS)
            if message is not None:
                self._hear(message)
                asked = False
            elif asked:
                raise ConnectionLost("Redis fell silent.")
            else:
                await pubsub.ping()
                asked = True

    def _hear(self, message: dict[str, Any]) -> None:
        channel = self._channels.get(message["channel"] or "")
        if channel is None:
            return
        if message["type"] == "subscribe":
            channel.confirmed.set()
        elif message["type"] == "message":
            position, _, text = message["data"].partition(" ")
            try:
                heard, _ = orjson.loads(text), order(position)
            except (orjson.JSONDecodeError, InvalidInput):
                log.warning("message not understood", channel=message["channel"])
                return
            for listener in channel.listeners:
                listener.tell(position, heard)

    def _listeners(self) -> set[Listener]:
        return {listener for channel in self._channels.values() for listener in channel.listeners}

    async def _recheck_for_ever(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            try:
                await self._recheck()
            except Exception as error:  # noqa: BLE001  while the database is away, nothing can be read either
                log.warning("logins not checked", reason=f"{type(error).__name__}: {error}")

    async def _recheck(self) -> None:
        """Gives every listener's context the actor as of now, and ends those whose login has ended."""
        listeners = self._listeners()
        contexts = {id(listener.context): listener.context for listener in listeners}.values()
        asked = [(context, context.actor) for context in contexts if context.actor]
        renewed = await renewed_all(actor for _, actor in asked)
        for context, actor in asked:
            context.actor = renewed.get(actor)
        for listener in listeners:
            if listener.context.actor is None:
                listener.end(Unauthenticated("This login has ended. Log in again."))


async def _sent(command: Callable[..., Awaitable[object]], *names: str) -> None:
    """A connection that is lost meanwhile is the reader's business."""
    with contextlib.suppress(RedisError, OSError):
        await command(*names)
