"""One business action = one transaction; a transaction inside another joins it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

import asyncpg
from tortoise.connection import get_connections
from tortoise.transactions import in_transaction

Connection = Any  # asyncpg's pool proxy; it answers as asyncpg.Connection


@dataclass(frozen=True, slots=True)
class _Open:
    task: asyncio.Task[Any] | None
    client: Any


_open: ContextVar[_Open | None] = ContextVar("kith_transaction", default=None)


def in_progress() -> bool:
    """Whether this task is inside `transaction()`. A task started inside one is not part of it."""
    current = _open.get()
    return current is not None and current.task is asyncio.current_task()


@contextlib.asynccontextmanager
async def transaction() -> AsyncIterator[None]:
    """Commits when the block ends, rolls back when it raises or is cancelled.

    Tortoise leaks the connection when it is cancelled between acquiring and beginning, so the start is guarded here.
    """
    if in_progress():
        yield
        return
    context: Any = in_transaction()
    client = await _begin(context)
    token = _open.set(_Open(asyncio.current_task(), client))
    try:
        yield
    except BaseException:
        await asyncio.shield(asyncio.ensure_future(_finish(client, commit=False)))
        raise
    else:
        await asyncio.shield(asyncio.ensure_future(_finish(client, commit=True)))
    finally:
        _open.reset(token)
        get_connections().reset(context.token)


async def _begin(context: Any) -> Any:
    try:
        return await context.__aenter__()
    except BaseException:
        client = context.client
        connection = client._connection  # noqa: SLF001  Tortoise offers no other way to give it back
        if connection is not None and connection is not client._parent._connection:  # noqa: SLF001
            if hasattr(context, "token"):
                get_connections().reset(context.token)
            await asyncio.shield(client._parent._pool.release(connection))  # noqa: SLF001
        raise


async def _finish(client: Any, *, commit: bool) -> None:
    """Ends the transaction and gives the connection back, whatever happens on the way."""
    pool, connection = client._parent._pool, client._connection  # noqa: SLF001
    try:
        if not client._finalized:  # noqa: SLF001
            await (client.commit() if commit else client.rollback())
    finally:
        if pool:
            await pool.release(connection)


def raw_connection() -> "asyncpg.Connection[asyncpg.Record]":
    """The asyncpg connection of the open transaction, for COPY and set-based SQL. Only inside `transaction()`."""
    current = _open.get()
    if current is None or not in_progress():
        raise RuntimeError("raw_connection() needs an open transaction.")
    return cast("asyncpg.Connection[asyncpg.Record]", current.client._connection)  # noqa: SLF001
