"""No reference query walks through a large table: each is served by an index, whatever it is asked with.

The tables here are small, so PostgreSQL is told to prefer indexes: it walks through a table only where it has none.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from kith_client import Kith

from api.fusion import ReadPool
from api.fusion.pool import explained
from bench.data import READER, Size, fill_sql
from bench.queries import QUERIES, bodies, sample
from crm.accounts.models import User
from crm.accounts.tokens import create_token
from crm.kernel import database as database_connection
from crm.kernel.actor import Actor, Role
from crm.kernel.clock import now
from crm.kernel.database import credentials

SIZE = Size(3000, big=12, small=2)
LARGE = {"customer", "contact", "activity", "invoice", "invoice_line"}


@pytest.fixture
async def filled(database: str, db: None) -> AsyncIterator[None]:
    connection = await asyncpg.connect(**credentials(database), timeout=60)
    try:
        await connection.execute(fill_sql(SIZE))
        await connection.execute("vacuum analyze")
        yield
    finally:
        await connection.execute("drop schema if exists bench cascade")
        await connection.close()


@pytest.fixture
def indexes_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    async def plan_of(_pool: ReadPool, sql: str, values: Sequence[Any], *, varies: bool) -> str:
        assert not varies  # reference queries are those whose plans are kept
        link = await asyncpg.connect(**database_connection.reading())
        try:
            await link.execute("set enable_seqscan = off")
            return await explained(link, sql, values, "format json")
        finally:
            await link.close()

    monkeypatch.setattr(ReadPool, "plan_of", plan_of)


async def test_no_reference_query_scans_a_large_table(
    server: str, database: str, filled: None, indexes_preferred: None
) -> None:
    user = await User.get(email=READER)
    await User.filter(id=user.id).update(role=Role.ADMIN)  # who may see plans
    made = await create_token(
        actor=Actor(user.id, user.name, Role.ADMIN), name="plans", expires_at=now() + timedelta(days=1)
    )
    kith = Kith(server, made.secret)
    values = await sample(database, SIZE)
    loop = asyncio.get_running_loop()

    def ask(operation: str, document: str, variables: dict[str, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(kith.graphql(document, variables), loop).result()

    scanned: dict[str, set[str]] = {}
    for query in QUERIES:
        asked = await asyncio.to_thread(bodies, query, "kith", values, ask, SIZE)
        for body in asked[:: max(1, len(asked) // 5)]:
            answer = (await kith.post(json.loads(body) | {"extensions": {"explain": True}})).json()
            assert "errors" not in answer, answer
            plans = [each["plan"]["Plan"] for each in answer["extensions"]["explain"]]
            nodes = [node for plan in plans for node in _nodes(plan)]
            read = {node["Relation Name"] for node in nodes if "Relation Name" in node}
            assert LARGE & read, query.name
            seen = {node["Relation Name"] for node in nodes if node["Node Type"].endswith("Seq Scan")}
            scanned.setdefault(query.name, set()).update(seen & LARGE)

    assert scanned == {query.name: set() for query in QUERIES}


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from _nodes(each)
