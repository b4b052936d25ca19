"""Thousands of callers who hang up: afterwards no connection to the database is in use, and the next is answered."""

import asyncio
import random

import httpx
import pytest
from factories import make_customer, make_unit, make_user
from kith_client import Kith

from api.app import create_app
from api.executor import Executor
from api.metrics import database_connections_in_use
from crm.customers.models import Customer
from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode

CANCELS = 5_000
AT_ONCE = 50
PATIENCE_SECONDS = 10
LIST = "{ customers { totalCount nodes { name contacts { nodes { name } } } } }"
PLAIN = "{ viewer { name units { name } } }"
CHANGE = "mutation ($input: TagCustomerInput!) { tagCustomer(input: $input) { errors { code } } }"


@pytest.mark.timeout(300)
async def test_a_storm_of_cancelled_requests_leaves_no_connection_in_use(server: str, db: None) -> None:
    """Each is a request in this process whose task is cancelled: the worst a lost caller, or a deadline, can do."""
    unit = await make_unit()
    person, customer = await make_user(Role.MANAGER, [unit]), await make_customer(unit=unit)
    tagging = {
        "query": CHANGE,
        "variables": {"input": {"id": encode(Kind.CUSTOMER, customer.id), "add": ["x"]}},
    }
    bodies = [{"query": LIST}, {"query": PLAIN}, tagging]
    served = Executor.reads.pool
    app = create_app()
    chance = random.Random(20261126)  # noqa: S311  the same storm every time
    cancelled = 0
    async with app.router.lifespan_context(app):
        pool = Executor.reads.pool
        assert pool is not None
        headers = {"authorization": f"Bearer {person.token}"}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://kith", headers=headers
        ) as client:
            for body in bodies:
                assert "errors" not in (await client.post("/graphql", json=body)).json()
            while cancelled < CANCELS:
                tasks = [
                    asyncio.create_task(client.post("/graphql", json=bodies[n % 3])) for n in range(AT_ONCE)
                ]
                for task in tasks:
                    asyncio.get_running_loop().call_later(chance.uniform(0, 0.06), task.cancel)
                results = await asyncio.gather(*tasks, return_exceptions=True)
                cancelled += sum(isinstance(each, asyncio.CancelledError) for each in results)
            await _settled(pool)
            answer = (await client.post("/graphql", json={"query": LIST})).json()
            await _settled(pool)
        assert (pool.in_use, database_connections_in_use()) == (0, 0)
        assert answer["data"]["customers"]["totalCount"] == 1
    Executor.reads.pool = served
    assert (await Customer.get(id=customer.id)).tags in ([], ["x"])
    assert (await Kith(server, person.token).graphql(LIST))["customers"]["totalCount"] == 1


async def _settled(pool: object) -> None:
    """What was cancelled in its last step, or has answered, finishes that step by itself; else TimeoutError."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while getattr(pool, "in_use") or database_connections_in_use():  # noqa: ASYNC110, B009  nobody tells
            await asyncio.sleep(0.01)
