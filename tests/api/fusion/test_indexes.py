"""No reference query walks through a large table: each is served by an index, whatever it is asked with.

The tables here are small, so PostgreSQL is told to prefer indexes: it walks through a table only where it has none.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from bench.data import Size
from bench.queries import QUERIES, bodies, sample
from tests.api.fusion.explained_reads import filled, plan_with, reader_of_plans

SIZE = Size(3000, big=12, small=2)
LARGE = {"customer", "contact", "activity", "invoice", "invoice_line"}


@pytest.fixture
async def some_customers(database: str, db: None) -> AsyncIterator[None]:
    async with filled(database, SIZE):
        yield


async def test_no_reference_query_scans_a_large_table(
    server: str, database: str, some_customers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    varied = plan_with(monkeypatch, "format json", setting="set enable_seqscan = off")
    kith = await reader_of_plans(server)
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
    assert set(varied) == {False}  # reference queries are those whose plans are kept


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from _nodes(each)
