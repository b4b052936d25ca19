"""Holding up everybody else in the database."""

import contextlib
from collections.abc import AsyncIterator

import asyncpg

from crm.kernel.database import credentials


@contextlib.asynccontextmanager
async def customers_locked(database: str) -> AsyncIterator[None]:
    """Nobody else reads or writes customers for as long as this lasts."""
    connection = await asyncpg.connect(**credentials(database))
    try:
        async with connection.transaction():
            await connection.execute("lock table customer in access exclusive mode")
            yield
    finally:
        await connection.close()
