"""Connections for single reading statements: no reset between them, no proxy, no transaction.

asyncpg's own pool asks the server to reset a connection each time it is given back, a round trip that costs a short
read a third of its time. A statement that only reads leaves nothing to reset.
"""

import asyncio
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from math import inf
from typing import Any, TypeAlias

import asyncpg

from api.fusion.memory import Memory

Row: TypeAlias = Sequence[bytes | None]
MOST_STATEMENTS = 300  # of one connection; the server keeps a plan for each
LOOKS = 10  # at what has taken too long, within the time that is allowed
LARGE = 32_000  # bytes of an answer, the last pieces of which are worth giving back


class ReadPool:
    """At most `size` connections, opened when they are first needed. It belongs to the running event loop.

    A statement that has waited for a connection, or run, for about `seconds` raises TimeoutError.
    """

    def __init__(self, size: int, *, seconds: float, **connect: Any) -> None:
        self._size = size
        self._seconds = seconds
        self._connect = connect
        # Kept, for asking costs a system call; as one look at all connections now and then costs less than timers do.
        self._loop = asyncio.get_running_loop()
        self._next_look = self._loop.call_later(seconds / LOOKS, self._look)
        self._all: set[_Connection] = set()
        self._free: list[Any] = []
        self._waiting: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._open = 0
        self._beside: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def in_use(self) -> int:
        """How many connections are at work at this moment."""
        return self._open - len(self._free)

    async def fetch(
        self, sql: str, values: Sequence[Any], *, varies: bool = False, again: bool = True
    ) -> Row:
        """The statement's only row, as the server wrote it. Raises TimeoutError, and what asyncpg raises.

        `varies`: it is planned for these values, and not by the plan the connection keeps. A statement that only reads is
        asked `again` where its connection turns out to be lost, as all are after the server was restarted.
        """
        connection = self._free.pop() if self._free else await self._another()
        connection.since = time.monotonic()
        try:
            if varies is not connection.varies:
                await connection.plan_for_values(varies)
            rows: Sequence[Row] = await connection.ask(sql, values)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            self._give_back(connection)
            if connection.overdue:
                raise TimeoutError(f"no answer within {self._seconds} s") from None
            if not connection.link.is_closed():
                raise
            if not again:
                raise ConnectionError("the server, or the way to it, went away") from error
        except BaseException:  # cancelled in the middle of an answer
            self._let_go(connection)
            raise
        else:
            found = rows[0]
            if len(found[0] or b"") * len(found) > LARGE:
                connection.laden = True
            self._give_back(connection)
            return found
        while self._free:
            self._let_go(self._free.pop())
        return await self.fetch(sql, values, varies=varies, again=False)

    async def plan_of(self, sql: str, values: Sequence[Any], *, varies: bool = False) -> str:
        """What EXPLAIN says of the plan that `fetch` takes, as JSON; run once to tell how long each step takes."""
        connection = self._free.pop() if self._free else await self._another()
        try:
            await connection.plan_for_values(varies)
            found = await explained(connection.link, sql, values, "analyze, buffers, format json")
        except BaseException:
            self._let_go(connection)
            raise
        self._give_back(connection)
        return found

    async def close(self) -> None:
        self._closed = True
        self._next_look.cancel()
        while self._free:
            self._let_go(self._free.pop())
        while self._beside:
            await asyncio.wait(self._beside)

    async def _another(self) -> Any:
        if self._open < self._size:
            return await self._opened()
        waiter = self._loop.create_future()
        self._waiting.append((time.monotonic(), waiter))
        try:
            connection = await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and not waiter.exception() and waiter.result():
                self._give_back(waiter.result())  # it was handed over in the same moment
            raise
        return connection or await self._another()

    async def _opened(self) -> Any:
        self._open += 1
        try:
            link = await asyncpg.connect(**self._connect)
            await link.set_type_codec(
                "json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary"
            )
        except BaseException:
            self._open -= 1
            self._wake(None)
            raise
        connection = (_Watched if "connection_class" in self._connect else _Connection)(link)
        self._all.add(connection)
        return connection

    def _give_back(self, connection: Any) -> None:
        connection.since = inf
        if self._closed or connection.link.is_closed():
            self._let_go(connection)
        elif not self._wake(connection):
            self._free.append(connection)

    def _wake(self, connection: Any) -> bool:
        """Hands a connection (or, for None, the right to open one) to whoever waits longest."""
        while self._waiting:
            _, waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False

    def _let_go(self, connection: Any) -> None:
        """Ends a connection beside the request: `close` waits until the server has given up its statement."""
        self._open -= 1
        self._all.discard(connection)
        self._do_beside(_ended(connection.link))
        self._wake(None)

    def _do_beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def _lighten(self, connection: Any) -> None:
        """Lets go of a large answer's last two pieces, up to 0.5 MB, which asyncpg keeps until two others have come."""
        try:
            await connection.link.execute("select")
            await connection.link.execute("select")
        except Exception:  # noqa: BLE001  it is broken; nobody was waiting for it
            self._let_go(connection)
        else:
            connection.laden = False
            self._give_back(connection)

    def _look(self) -> None:
        """Ends what has taken too long, and lightens what rests."""
        latest = time.monotonic() - self._seconds
        for connection in self._all:
            if connection.since < latest:
                connection.overdue = True
                connection.link.terminate()
        while self._waiting and self._waiting[0][0] < latest:
            _, waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(TimeoutError(f"no connection came free within {self._seconds} s"))
        for connection in [each for each in self._free if each.laden]:
            self._free.remove(connection)
            connection.since = time.monotonic()
            self._do_beside(self._lighten(connection))
        self._next_look = self._loop.call_later(self._seconds / LOOKS, self._look)


class _Connection:
    """A connection and its statements, prepared once; the least used are given up."""

    __slots__ = ("laden", "link", "overdue", "since", "statements", "varies")

    def __init__(self, link: Any) -> None:
        self.link = link
        self.since = inf
        self.overdue = False
        self.laden = False
        self.varies = False
        self.statements: Memory[Any] = Memory(MOST_STATEMENTS)

    def ask(self, sql: str, values: Sequence[Any]) -> Coroutine[Any, Any, Sequence[Row]]:
        """The statement's rows, of which there is one. Raises what asyncpg raises."""
        statement = self.statements.get(sql)
        if statement is None:
            return self._prepared(sql, values)
        if self.link.is_closed():
            raise asyncpg.InterfaceError("connection is closed")
        # What `statement.fetch` comes to in the end, without the three coroutines around it.
        return self.link._protocol.bind_execute(statement._state, values, "", 1, False, None)  # type: ignore[no-any-return]

    async def _prepared(self, sql: str, values: Sequence[Any]) -> Sequence[Row]:
        self.statements[sql] = await self.link.prepare(sql)
        return await self.ask(sql, values)

    async def plan_for_values(self, varies: bool) -> None:
        """Whether from now on each statement is planned for its values; else as the connection was set up."""
        await self.link.execute(
            "set plan_cache_mode = force_custom_plan" if varies else "reset plan_cache_mode"
        )
        self.varies = varies


class _Watched(_Connection):
    """A connection of a class of its own, which wants to see each statement."""

    __slots__ = ()

    def ask(self, sql: str, values: Sequence[Any]) -> Coroutine[Any, Any, Sequence[Row]]:
        return self.link.fetch(sql, *values)  # type: ignore[no-any-return]


async def explained(link: Any, sql: str, values: Sequence[Any], options: str) -> str:
    """EXPLAIN of a statement as it is prepared: with values bound to it, EXPLAIN would make a plan for them."""
    types = [each.name for each in (await link.prepare(sql)).get_parameters()]
    texts = [f"quote_nullable(${n}::{name}::text)" for n, name in enumerate(types, 1)]
    told = await link.fetchval(f"select concat_ws(', ', {', '.join(texts)})", *values) if texts else ""
    await link.execute(f"prepare fusion_explained as {sql}")
    try:
        execute = f"execute fusion_explained({told})" if told else "execute fusion_explained"
        found = await link.fetchval(f"explain ({options}) {execute}")
    finally:
        await link.execute("deallocate fusion_explained")
    return found.decode() if isinstance(found, bytes) else str(found)


async def _ended(connection: Any) -> None:
    try:
        await connection.close(timeout=5)
    except Exception:  # noqa: BLE001  it was broken; that is why it goes
        connection.terminate()
