"""One action, one transaction: whole or not at all, and never a lost connection."""

import asyncio
import random
from typing import Any

import pytest
from tortoise.connection import get_connection
from tortoise.exceptions import IntegrityError

from crm.kernel.models import IdempotencyKey
from crm.kernel.transaction import in_progress, raw_connection, transaction

pytestmark = pytest.mark.usefixtures("db")


async def write(caller: str, key: str) -> None:
    await IdempotencyKey.create(caller=caller, key=key, request_hash="x")


async def count(caller: str) -> int:
    return await IdempotencyKey.filter(caller=caller).count()


def connections_in_use() -> int:
    pool: Any = get_connection("default")._pool  # noqa: SLF001  what is proved here is inside
    return int(pool.get_size() - pool.get_idle_size())


async def test_a_block_commits_when_it_ends() -> None:
    async with transaction():
        await write("a", "1")
        await write("a", "2")
        assert in_progress()

    assert await count("a") == 2
    assert not in_progress()


async def test_a_block_that_raises_leaves_nothing() -> None:
    async def write_twice() -> None:
        async with transaction():
            await write("a", "1")
            await write("a", "1")

    with pytest.raises(IntegrityError):
        await write_twice()

    assert await count("a") == 0
    assert connections_in_use() == 0


async def test_a_transaction_inside_another_joins_it() -> None:
    async def inner_and_fail() -> None:
        async with transaction():
            async with transaction():
                await write("a", "inner")
            assert in_progress()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await inner_and_fail()

    assert await count("a") == 0


async def test_a_task_started_inside_a_transaction_is_not_part_of_it() -> None:
    async def look() -> bool:
        return in_progress()

    async with transaction():
        assert await asyncio.create_task(look()) is False
        assert in_progress()


async def test_the_raw_connection_is_the_transactions_own() -> None:
    async with transaction():
        await write("a", "1")
        assert await raw_connection().fetchval("select count(*) from idempotency_key where caller = 'a'") == 1


async def test_there_is_no_raw_connection_without_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="needs an open transaction"):
        raw_connection()


async def test_a_refusal_at_commit_is_raised_and_leaves_nothing() -> None:
    await get_connection("default").execute_script(
        "create table if not exists deferred_check (id int unique deferrable initially deferred)"
    )

    async def write_what_is_refused_later() -> None:
        async with transaction():
            await raw_connection().execute("insert into deferred_check values (1), (1)")
            await write("a", "1")

    try:
        with pytest.raises(Exception, match="duplicate key"):
            await write_what_is_refused_later()

        assert await count("a") == 0
        assert connections_in_use() == 0
    finally:
        await get_connection("default").execute_script("drop table deferred_check")


async def _pair(number: int) -> None:
    async with transaction():
        await write(f"pair-{number}", "1")
        await asyncio.sleep(0)
        await write(f"pair-{number}", "2")


async def test_a_storm_of_cancels_leaks_no_connection_and_commits_nothing_by_halves() -> None:
    chance = random.Random(20261121)  # noqa: S311  the same storm every time
    cancelled = 0

    for start in range(0, 2000, 50):
        tasks = [asyncio.create_task(_pair(n)) for n in range(start, start + 50)]
        for task in tasks:
            asyncio.get_running_loop().call_later(chance.uniform(0, 0.05), task.cancel)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        cancelled += sum(isinstance(r, asyncio.CancelledError) for r in results)
        assert all(r is None or isinstance(r, asyncio.CancelledError) for r in results)

    await _settled()
    halves = await get_connection("default").execute_query_dict(
        "select caller from idempotency_key where caller like 'pair-%' group by caller having count(*) <> 2"
    )
    assert halves == []
    assert 200 < cancelled < 2000
    assert connections_in_use() == 0
    assert await count("nobody") == 0  # and the pool still serves


async def _settled() -> None:
    """What was cancelled during its last step finishes that step by itself."""
    for _ in range(200):
        if connections_in_use() == 0:
            return
        await asyncio.sleep(0.01)


async def test_cancels_leave_no_transaction_open_in_the_database() -> None:
    chance = random.Random(7)  # noqa: S311  the same every time
    for _ in range(100):
        task = asyncio.create_task(_pair(1))
        await asyncio.sleep(chance.uniform(0, 0.003))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await _settled()

    idle = await get_connection("default").execute_query_dict(
        "select pid from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'"
    )
    assert idle == []
