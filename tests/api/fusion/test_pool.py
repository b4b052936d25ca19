"""Connections that rest hold nothing of the answers they brought, and what varies is planned for its values."""

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator

import asyncpg
import pytest

from api.fusion.pool import LOOKS, ReadPool
from crm.kernel.database import credentials, reading

LARGE = "select convert_to(repeat('x', 2000000), 'utf8')"
SECONDS = 2.0
PATIENCE = 50


@pytest.fixture
async def pool(database: str) -> AsyncIterator[ReadPool]:
    made = ReadPool(4, seconds=SECONDS, **reading())
    yield made
    await made.close()


async def _large_answers(pool: ReadPool) -> None:
    for row in await asyncio.gather(*[pool.fetch(LARGE, ()) for _ in range(4)]):
        assert len(row[0] or b"") == 2_000_000


async def _a_look() -> None:
    await asyncio.sleep(SECONDS / LOOKS)


async def test_the_last_pieces_of_a_large_answer_are_let_go(pool: ReadPool) -> None:
    await asyncio.gather(*[pool.fetch("select pg_sleep(0.1)::text::bytea", ()) for _ in range(4)])
    tracemalloc.start()
    try:
        await _large_answers(pool)
        held = tracemalloc.get_traced_memory()[0]
        for _ in range(PATIENCE):
            if tracemalloc.get_traced_memory()[0] < held / 4:
                break
            await _a_look()
        left = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert held > 200_000  # else there was nothing to let go
    assert left < held / 4
    assert pool.in_use == 0


async def test_a_connection_that_breaks_meanwhile_is_not_missed(database: str, pool: ReadPool) -> None:
    await _large_answers(pool)
    other = await asyncpg.connect(**credentials(database))
    ended = await other.fetchval(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity"
        " where datname = current_database() and query = $1",
        LARGE,
    )
    await other.close()

    for _ in range(4):
        await _a_look()

    assert ended == 4
    assert pool.in_use == 0
    await _large_answers(pool)


async def test_closing_waits_for_those_that_are_being_let_go(database: str) -> None:
    before = asyncio.all_tasks()
    pool = ReadPool(4, seconds=SECONDS, **reading())
    await _large_answers(pool)
    for _ in range(1_000_000):
        if pool.in_use:  # by nobody who asked something
            break
        await asyncio.sleep(0)

    assert pool.in_use
    await pool.close()

    assert asyncio.all_tasks() <= before
    assert pool.in_use == 0


async def test_what_varies_is_planned_for_its_values_and_nothing_else_is(pool: ReadPool) -> None:
    """One after the other they take the same connection."""
    planned = "select convert_to(current_setting('plan_cache_mode') || $1, 'utf8')"

    told = [(await pool.fetch(planned, ("",), varies=varies))[0] for varies in (False, True, True, False)]

    assert told == [b"force_generic_plan", *[b"force_custom_plan"] * 2, b"force_generic_plan"]


async def test_the_plan_that_is_told_is_the_one_that_is_taken(pool: ReadPool) -> None:
    """Made for any number it keeps the bound parameter; made for this one it has nothing left to ask."""
    sql = "select n from generate_series(1, 9) n where $1::int = 3 and $2::text <> 'it''s' and n::text = any($3::text[])"
    values = (4, 'it\'s "so"', ["1", "a,b"])

    kept, made = [await pool.plan_of(sql, values, varies=varies) for varies in (False, True)]

    assert "($1 = 3)" in kept
    assert json.loads(kept)[0]["Plan"]["Actual Rows"] == 0
    assert json.loads(made)[0]["Plan"]["One-Time Filter"] == "false"
    assert pool.in_use == 0
    assert (await pool.fetch("select convert_to('next', 'utf8')", ()))[0] == b"next"
