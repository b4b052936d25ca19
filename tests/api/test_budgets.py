"""What a caller may spend, and how it is told: through HTTP, through sockets, with Redis and without."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from factories import Person, make_customer, make_unit, make_user
from graphql import GraphQLError
from kith_client import Kith
from kith_socket import code_of, opened
from redis.asyncio import Redis
from starlette.requests import Request

from api.budgets import Budgets
from api.context import Context
from crm.contacts.models import Contact
from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode

PAGE = "query ($first: Int) { customers(first: $first) { nodes { id } } }"
CHANGE = "mutation ($input: CreateContactInput!) { createContact(input: $input) { errors { code } } }"


@pytest.fixture
async def redis(redis_url: str, db: None) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def commands(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the commands that Redis is sent."""
    execute, found = redis.execute_command, []

    async def noting(*command: Any, **options: Any) -> Any:
        found.append(command[0])
        return await execute(*command, **options)

    monkeypatch.setattr(redis, "execute_command", noting)
    return found


async def points(redis: Redis) -> int:
    """What Redis says 192.0.2.1 has left."""
    return int(float(await redis.hget("kith:budget:address:192.0.2.1", "points") or 0))


async def nobody(_context: Context) -> None:
    return None


def at(address: str) -> Context:
    """Somebody who is not logged in, at a network address."""
    return Context(Request({"type": "http", "headers": [], "client": (address, 1)}), None, nobody)


async def spent(budgets: Budgets, context: Context, cost: int, times: int) -> int:
    """How many of so many operations are let through."""
    answers = await asyncio.gather(
        *(budgets.charge(context, cost) for _ in range(times)), return_exceptions=True
    )
    refused = [each for each in answers if isinstance(each, BaseException)]
    assert all(isinstance(each, GraphQLError) for each in refused)
    return times - len(refused)


async def test_who_asks_is_told_what_an_operation_cost(
    server: str, db: None, setting: Callable[..., None]
) -> None:
    person = await make_user()
    setting(cost_per_minute=600)
    kith = Kith(server, person.token, headers={"x-kith-cost": "1"})
    body = {"query": PAGE, "variables": {"first": 40}}

    first = (await kith.post(body)).json()["extensions"]["cost"]
    second = (await kith.post(body)).json()["extensions"]["cost"]
    plain = (await Kith(server, person.token).post(body)).json()
    by_extension = (await Kith(server, person.token).post(body | {"extensions": {"cost": True}})).json()

    assert first["requested"] == 41
    assert second["remaining"] < first["remaining"] <= 600 - 41
    assert first["restoresAt"].startswith("20")
    assert "extensions" not in plain
    assert by_extension["extensions"]["cost"]["requested"] == 41


async def test_a_spent_budget_refuses_and_changes_nothing(
    server: str, db: None, setting: Callable[..., None]
) -> None:
    unit = await make_unit()
    person, other = await make_user(Role.MANAGER, [unit]), await make_user()
    customer = await make_customer(unit=unit)
    given = {"customerId": encode(Kind.CUSTOMER, customer.id), "name": "Ada", "email": "ada@example.com"}
    setting(cost_per_minute=60)
    kith = Kith(server, person.token)
    assert "data" in (await kith.post({"query": PAGE, "variables": {"first": 55}})).json()

    draft = await kith.post(
        {"query": CHANGE, "variables": {"input": given}}, accept="application/graphql-response+json"
    )
    old = await kith.post({"query": CHANGE, "variables": {"input": given}})

    assert (draft.status_code, old.status_code) == (429, 200)
    for answer in (draft, old):
        (error,) = answer.json()["errors"]
        assert error["extensions"]["code"] == "RATE_LIMITED"
        assert error["extensions"]["found"] == 10
        assert answer.headers["retry-after"] == str(error["extensions"]["retryAfter"])
        assert "of the 60 you may spend in a minute" in error["message"]
    assert await Contact.all().count() == 0
    assert "data" in (await Kith(server, other.token).post({"query": PAGE, "variables": {"first": 1}})).json()


async def test_a_budget_is_the_users_whatever_they_come_with(
    server: str, db: None, setting: Callable[..., None]
) -> None:
    person: Person = await make_user()
    setting(cost_per_minute=60)
    assert (
        "data" in (await Kith(server, person.token).post({"query": PAGE, "variables": {"first": 55}})).json()
    )

    async with opened(server, person) as socket:
        (refusal,) = await socket.answer("1", PAGE, first=20)
        answer = await socket.answer("2", "{ __typename }")

    assert (refusal["type"], code_of(refusal)) == ("error", "RATE_LIMITED")
    assert answer[0]["payload"]["data"] == {"__typename": "Query"}


async def test_nobody_in_particular_spends_what_their_address_has(
    server: str, redis: Redis, setting: Callable[..., None]
) -> None:
    await Kith(server, headers={"x-kith-cost": "1"}).post(
        {"query": "{ __typename }"}
    )  # nothing is owed from before
    await redis.delete("kith:budget:address:127.0.0.1")
    setting(public_cost_per_minute=30)
    log_in = {
        "query": "mutation ($input: LogInInput!) { logIn(input: $input) { errors { code } } }",
        "variables": {"input": {"email": "nobody@kith.example", "password": "wrong wrong wrong"}},
    }
    async with httpx.AsyncClient(base_url=server) as client:
        answers = [(await client.post("/graphql", json=log_in)).json() for _ in range(4)]

    codes = [
        each["errors"][0]["extensions"]["code"]
        if "errors" in each
        else each["data"]["logIn"]["errors"][0]["code"]
        for each in answers
    ]
    assert codes == ["WRONG_CREDENTIALS"] * 3 + ["RATE_LIMITED"]
    assert "data" in (await Kith(server, (await make_user()).token).post({"query": "{ __typename }"})).json()


async def test_processes_share_a_budget(redis: Redis, setting: Callable[..., None]) -> None:
    setting(public_cost_per_minute=1000)
    processes = [Budgets(redis) for _ in range(4)]

    let_through = await asyncio.gather(*(spent(each, at("192.0.2.1"), 20, 50) for each in processes))

    assert sum(let_through) == 50


async def test_small_operations_overdraw_by_a_hundredth_a_process_at_most(
    redis: Redis, setting: Callable[..., None]
) -> None:
    setting(public_cost_per_minute=1000)
    processes = [Budgets(redis) for _ in range(4)]

    let_through = await asyncio.gather(*(spent(each, at("192.0.2.1"), 1, 400) for each in processes))

    assert 1000 <= sum(let_through) <= 1000 + 4 * 10 + 5  # 5: what a fifth of a second brings back


async def test_most_small_operations_wait_for_nothing(
    redis: Redis, setting: Callable[..., None], commands: list[str]
) -> None:
    setting(public_cost_per_minute=100_000)
    budgets = Budgets(redis)

    for _ in range(500):
        await budgets.charge(at("192.0.2.1"), 1)

    assert 0 < len(commands) < 100


async def test_of_many_who_come_after_a_rest_one_asks(
    redis: Redis, setting: Callable[..., None], monkeypatch: pytest.MonkeyPatch, commands: list[str]
) -> None:
    setting(public_cost_per_minute=100_000)
    budgets, caller = Budgets(redis), at("192.0.2.1")
    await budgets.charge(caller, 1)
    commands.clear()
    monkeypatch.setattr("api.budgets.LONGEST_SECONDS", 0.5)
    await asyncio.sleep(0.6)

    assert await spent(budgets, caller, 10, 40) == 40

    assert commands == ["EVALSHA"]
    assert (await budgets.charge(caller, 10)).remaining == 100_000 - 41 * 10


async def test_who_goes_away_has_spent_what_was_asked_for(redis: Redis, setting: Callable[..., None]) -> None:
    setting(public_cost_per_minute=6000)
    budgets, caller = Budgets(redis), at("192.0.2.1")
    asking = asyncio.ensure_future(budgets.charge(caller, 40))
    await asyncio.sleep(0)
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    await budgets.close()

    assert await points(redis) == 6000 - 40


async def test_what_a_second_has_brought_is_taken_while_nobody_waits(
    redis: Redis, setting: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    setting(public_cost_per_minute=6000)
    monkeypatch.setattr("api.budgets.SETTLE_SECONDS", 0.0)
    budgets, caller = Budgets(redis), at("192.0.2.1")

    await budgets.charge(caller, 40)
    asked = await points(redis)
    await budgets.charge(caller, 40)
    before = await points(redis)
    await budgets.close()

    assert before == asked == 6000 - 40
    assert 6000 - 80 <= await points(redis) < asked
    monkeypatch.setattr("api.budgets.LONGEST_SECONDS", 0.0)
    await budgets.charge(caller, 40)
    assert await points(redis) < 6000 - 80


async def test_a_budget_fills_again_with_time(redis: Redis, setting: Callable[..., None]) -> None:
    setting(public_cost_per_minute=600)
    budgets = Budgets(redis)
    assert await spent(budgets, at("192.0.2.1"), 100, 7) == 6

    await redis.hincrbyfloat("kith:budget:address:192.0.2.1", "at", -30)

    assert await spent(budgets, at("192.0.2.1"), 100, 7) == 3


async def test_an_address_is_not_another_one_and_half_of_one_is_all_of_it(
    redis: Redis, setting: Callable[..., None]
) -> None:
    setting(public_cost_per_minute=100)
    budgets = Budgets(redis)

    let_through = [
        await spent(budgets, at(address), 60, 1)
        for address in ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::ffff", "2001:db8:0:1::1", "")
    ]

    assert let_through == [1, 1, 1, 0, 1, 1]


async def test_without_redis_each_process_counts_for_itself(setting: Callable[..., None]) -> None:
    setting(public_cost_per_minute=100)
    async with Redis.from_url("redis://127.0.0.1:9", decode_responses=True) as nowhere:
        budgets = Budgets(nowhere)

        assert await spent(budgets, at("192.0.2.1"), 10, 30) == 10
        with pytest.raises(GraphQLError) as refusal:
            await budgets.charge(at("192.0.2.1"), 10)

    assert (refusal.value.extensions or {})["code"] == "RATE_LIMITED"


async def test_no_limit_is_no_limit(setting: Callable[..., None]) -> None:
    setting(public_cost_per_minute=0)
    async with Redis.from_url("redis://127.0.0.1:9", decode_responses=True) as nowhere:
        budget = await Budgets(nowhere).charge(at("192.0.2.1"), 10**9)

    assert budget.told() == {"requested": 10**9, "remaining": None, "restoresAt": None}
