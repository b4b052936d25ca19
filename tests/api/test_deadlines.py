"""Operations that take too long: ended in time, through each door, and by the database itself."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from factories import make_unit, make_user
from kith_client import GraphQLFailed, Kith
from kith_socket import code_of, opened
from kith_stream import subscribed
from locks import customers_locked
from own_process import running

from crm.customers.models import Customer
from crm.kernel.actor import Role

LOOK = "query Late { customers { nodes { id } } }"  # that nobody else asks: what is remembered has its own deadline
CHANGE = "mutation ($input: CreateCustomerInput!) { createCustomer(input: $input) { errors { code } } }"
PATIENCE = 10.0


@pytest.fixture
async def locked(database: str, db: None) -> AsyncIterator[None]:
    async with customers_locked(database):
        yield


@contextlib.asynccontextmanager
async def api(**settings: str) -> AsyncIterator[httpx.AsyncClient]:
    """An application of its own with these settings."""
    with tempfile.TemporaryDirectory(prefix="kith-") as place:
        path = f"{place}/api.sock"
        started = ("uvicorn", "--factory", "api.app:create_app", "--uds", path)
        with running(*started, says="startup complete", **settings):
            transport = httpx.AsyncHTTPTransport(uds=path)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://api", timeout=PATIENCE
            ) as client:
                yield client


async def test_a_look_ends_at_the_deadline_and_gives_its_connection_back(
    server: str, locked: None, setting: Callable[..., None]
) -> None:
    kith = Kith(server, (await make_user(Role.MANAGER, [await make_unit()])).token)
    setting(request_timeout_seconds=1)

    for _ in range(12):  # more than there are connections
        began = time.monotonic()
        with pytest.raises(GraphQLFailed) as refusal:
            await kith.graphql(LOOK)
        assert refusal.value.codes == ["TIMEOUT"]
        assert time.monotonic() - began < PATIENCE

    assert "1 s" in refusal.value.errors[0]["message"]
    assert (await kith.graphql("{ viewer { name } }"))["viewer"] is not None


async def test_a_change_that_ends_at_the_deadline_changed_nothing(
    server: str, database: str, db: None, setting: Callable[..., None]
) -> None:
    unit = await make_unit()
    kith = Kith(server, (await make_user(Role.MANAGER, [unit])).token)
    setting(request_timeout_seconds=1)
    given = {"name": "Nordwind", "email": "o@nordwind.example", "unitId": f"unit_{unit.id.hex}"}
    async with customers_locked(database):
        with pytest.raises(GraphQLFailed) as refusal:
            await kith.graphql(CHANGE, {"input": given})

    assert refusal.value.codes == ["TIMEOUT"]
    assert await Customer.all().count() == 0


async def test_sockets_and_events_have_the_same_deadline(
    server: str, locked: None, setting: Callable[..., None]
) -> None:
    person = await make_user(Role.MANAGER, [await make_unit()])
    setting(request_timeout_seconds=1)

    async with opened(server, person) as socket:
        (refusal,) = await socket.answer("1", LOOK)
        answer = await socket.answer("2", "{ __typename }")
    async with subscribed(server, person.token, LOOK) as stream:
        event, end = await stream.next_event(), await stream.next_event()

    assert (refusal["type"], code_of(refusal)) == ("error", "TIMEOUT")
    assert answer[0]["payload"]["data"] == {"__typename": "Query"}
    assert event.data["errors"][0]["extensions"]["code"] == "TIMEOUT"
    assert end.name == "complete"


async def test_the_database_ends_statements_by_itself(database: str, locked: None) -> None:
    person = await make_user(Role.MANAGER, [await make_unit()])
    headers = {"authorization": f"Bearer {person.token}"}
    async with api(KITH_STATEMENT_TIMEOUT_SECONDS="1") as client:
        answer = await client.post("/graphql", json={"query": LOOK}, headers=headers)

    assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["TIMEOUT"]


@pytest.mark.parametrize("reads_at_once", ["1", "10"])
async def test_a_remembered_look_ends_at_the_deadline_too(
    database: str, db: None, reads_at_once: str
) -> None:
    """Those that wait for a connection and those that have one, in about the time of one."""
    person = await make_user(Role.MANAGER, [await make_unit()])
    headers = {"authorization": f"Bearer {person.token}"}

    async with api(KITH_REQUEST_TIMEOUT_SECONDS="3", KITH_READ_POOL=reads_at_once) as client:

        async def look() -> Any:
            return (await client.post("/graphql", json={"query": LOOK}, headers=headers)).json()

        for _ in range(2):  # by the pipeline, then by the front door
            assert (await look())["data"] == {"customers": {"nodes": []}}
        async with customers_locked(database):
            began = time.monotonic()
            answers = await asyncio.gather(*(look() for _ in range(4)))
            took = time.monotonic() - began
        after = await look()

    codes = [[error["extensions"]["code"] for error in answer["errors"]] for answer in answers]
    assert codes == [["TIMEOUT"]] * 4
    assert 2.5 < took < 5.5  # less than the time of two, one after the other
    assert after["data"] == {"customers": {"nodes": []}}
