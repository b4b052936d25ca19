"""What the plans of reads are asked in tests: a large enough database, and an admin who may see them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from kith_client import Kith

from api.fusion import ReadPool
from api.fusion.pool import explained
from bench.data import READER, Size, fill_sql
from crm.accounts.models import User
from crm.accounts.tokens import create_token
from crm.kernel import database
from crm.kernel.actor import Actor, Role
from crm.kernel.clock import now


@asynccontextmanager
async def filled(url: str, size: Size) -> AsyncIterator[Any]:
    """The benchmark's data, vacuumed and analysed; a connection to it."""
    connection = await asyncpg.connect(**database.credentials(url), timeout=120)
    try:
        await connection.execute(fill_sql(size))
        await connection.execute("vacuum analyze")
        yield connection
    finally:
        await connection.execute("drop schema if exists bench cascade")
        await connection.close()


async def reader_of_plans(server: str) -> Kith:
    user = await User.get(email=READER)
    await User.filter(id=user.id).update(role=Role.ADMIN)
    actor = Actor(user.id, user.name, Role.ADMIN)
    made = await create_token(actor=actor, name="plans", expires_at=now() + timedelta(days=1))
    return Kith(server, made.secret)


def plan_with(monkeypatch: pytest.MonkeyPatch, options: str, *, setting: str = "") -> list[bool]:
    """Has plans made with these options of EXPLAIN, and a setting. Which of them were made for their values, as they are."""
    varied: list[bool] = []

    async def plan_of(_pool: ReadPool, sql: str, values: Sequence[Any], *, varies: bool) -> str:
        varied.append(varies)
        link = await asyncpg.connect(**database.reading())
        try:
            if varies:
                await link.execute("set plan_cache_mode = force_custom_plan")
            if setting:
                await link.execute(setting)
            return await explained(link, sql, values, options)
        finally:
            await link.close()

    monkeypatch.setattr(ReadPool, "plan_of", plan_of)
    return varied
