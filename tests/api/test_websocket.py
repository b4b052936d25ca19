"""graphql-transport-ws as a client meets it: who gets in, what fails alone, what is heard, and when it ends."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from factories import Person, make_customer, make_unit, make_user
from graphql import GraphQLError
from kith_client import Kith
from kith_socket import Socket, address, code_of, opened, raw, until_listened
from own_process import running
from redis.asyncio import Redis
from starlette.requests import Request
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from api.auth import COOKIE
from api.context import Context
from api.errors import with_code
from api.hub import MAX_WAITING, Listener
from crm.accounts import logins, users
from crm.accounts.models import Login
from crm.customers.models import Customer
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode

CHANGES = "subscription ($id: ID!) { customerChanged(id: $id) { action customer { name } } }"
VIEWER = "{ viewer { name } }"


def topic(customer: Customer) -> str:
    return f"customer:{customer.id.hex}"


async def add_contact(server: str, person: Person, customer: Customer, name: str) -> None:
    given = {"customerId": encode(Kind.CUSTOMER, customer.id), "name": name, "email": f"{name}@example.com"}
    payload = await Kith(server, person.token).mutate("createContact", "CreateContactInput", "", given)
    assert payload["errors"] == []


@pytest.fixture(scope="module")
def worker(database: str) -> Iterator[None]:
    """A real worker: what carries an event from the outbox to Redis."""
    with running("workers", says="worker ready"):
        yield


@pytest.fixture
async def manager(db: None) -> Person:
    return await make_user(Role.MANAGER, [await make_unit()])


@pytest.fixture
async def customer(manager: Person) -> Customer:
    unit = await manager.user.memberships.all().first()
    assert unit is not None
    return await Customer.create(name="Nordwind", email="office@nordwind.example", unit_id=unit.unit_id)


# Who gets in


async def test_a_token_in_connection_init_opens_the_socket(server: str, manager: Person) -> None:
    async with opened(server, manager) as socket:
        answer = await socket.answer("1", VIEWER)

    assert answer == [
        {"id": "1", "type": "next", "payload": {"data": {"viewer": {"name": manager.user.name}}}},
        {"id": "1", "type": "complete"},
    ]


async def test_a_browsers_cookie_opens_the_socket_for_a_page_of_ours(server: str, manager: Person) -> None:
    cookie = {"cookie": f"{COOKIE}={manager.token}"}

    async with raw(server, origin=server, additional_headers=cookie) as socket:
        await socket.send(type="connection_init")

        assert (await socket.hear())["type"] == "connection_ack"


async def test_a_browsers_cookie_opens_nothing_for_a_page_of_others(server: str, manager: Person) -> None:
    cookie = {"cookie": f"{COOKIE}={manager.token}"}

    for origin in ("https://evil.example", "null", server + ".evil.example"):
        with pytest.raises(InvalidStatus) as refusal:
            async with raw(server, origin=origin, additional_headers=cookie):
                pass
        assert refusal.value.response.status_code == 403


@pytest.mark.parametrize(
    "payload", [None, {}, {"authorization": "Bearer kith_at_wrong"}, {"authorization": 5}]
)
async def test_nobody_is_shown_the_door(server: str, db: None, payload: object) -> None:
    async with raw(server) as socket:
        await socket.send(type="connection_init", **({} if payload is None else {"payload": payload}))

        assert await socket.closed_with() == (4403, "Forbidden")


async def test_an_operation_before_the_greeting_closes_the_socket(server: str, db: None) -> None:
    async with raw(server) as socket:
        await socket.subscribe("1", VIEWER)

        assert await socket.closed_with() == (4401, "Unauthorized")


async def test_another_protocol_is_not_spoken(server: str, db: None) -> None:
    async with connect(address(server), subprotocols=[Subprotocol("graphql-ws")]) as connection:
        assert (await Socket(connection).closed_with())[0] == 4406


# What fails alone


@pytest.mark.parametrize(
    "frame",
    [
        "5",
        "[]",
        "null",
        '"x"',
        "{",
        "[" * 20_000,
        b"\xff",
        "{}",
        '{"type": 5}',
        '{"type": "nonsense"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "id": 5, "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": [], "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": "1", "payload": "{ __typename }"}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 5}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }", "variables": []}}',
        '{"type": "complete", "id": {}}',
    ],
)
async def test_what_is_no_message_closes_the_socket_with_4400(
    server: str, manager: Person, frame: str | bytes
) -> None:
    async with opened(server, manager) as socket:
        await socket.connection.send(frame)

        assert (await socket.closed_with())[0] == 4400


@pytest.mark.parametrize(
    ("query", "kind", "code"),
    [
        ("{ viewer", "error", "GRAPHQL_PARSE_FAILED"),
        ("", "error", "BAD_REQUEST"),
        ("{ nothing }", "error", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { customerChanged { action } }", "error", "GRAPHQL_VALIDATION_FAILED"),
        ("fragment F on Query { __typename }", "error", "BAD_REQUEST"),
        ("query ($n: Int!) { users(first: $n) { totalCount } }", "next", "BAD_USER_INPUT"),
    ],
)
async def test_a_bad_document_fails_alone(
    server: str,
    worker: None,
    manager: Person,
    customer: Customer,
    redis_url: str,
    query: str,
    kind: str,
    code: str,
) -> None:
    async with opened(server, manager) as socket:
        await socket.subscribe("good", CHANGES, id=encode(Kind.CUSTOMER, customer.id))
        await until_listened(redis_url, topic(customer))

        refusal, *end = await socket.answer("bad", query)

        assert (refusal["id"], refusal["type"], code_of(refusal)) == ("bad", kind, code)
        assert end == ([{"id": "bad", "type": "complete"}] if kind == "next" else [])
        await add_contact(server, manager, customer, "ada")
        heard = await socket.hear()
        assert (heard["id"], heard["type"]) == ("good", "next")


async def test_a_customer_one_may_not_see_cannot_be_followed(server: str, manager: Person) -> None:
    hidden = await make_customer()

    async with opened(server, manager) as socket:
        refusal, end = await socket.answer("1", CHANGES, id=encode(Kind.CUSTOMER, hidden.id))

    assert (refusal["payload"]["data"], code_of(refusal)) == (None, "NOT_FOUND")
    assert end == {"id": "1", "type": "complete"}


async def test_a_hundred_and_first_operation_is_refused_alone(
    server: str, manager: Person, customer: Customer
) -> None:
    async with opened(server, manager) as socket:
        for number in range(100):
            await socket.subscribe(str(number), CHANGES, id=encode(Kind.CUSTOMER, customer.id))

        (refusal,) = await socket.answer("one more", VIEWER)
        await socket.send(id="0", type="complete")
        answer = await socket.answer("now", VIEWER)

    assert (refusal["id"], code_of(refusal)) == ("one more", "TOO_MANY_OPERATIONS")
    assert answer[0]["payload"]["data"]["viewer"]["name"] == manager.user.name


async def test_a_ping_is_answered(server: str, manager: Person) -> None:
    async with opened(server, manager) as socket:
        await socket.send(type="ping")

        assert await socket.hear() == {"type": "pong"}


def test_an_unforeseen_error_tells_callers_only_its_number() -> None:
    told = with_code(GraphQLError("password=secret", original_error=ValueError("password=secret")))

    assert told.extensions is not None
    assert told.extensions["code"] == "INTERNAL_SERVER_ERROR"
    assert told.extensions["incident"] in told.message
    assert "secret" not in str(told.formatted)


# What is heard


async def test_a_change_reaches_who_follows_the_customer_as_it_is_by_then(
    server: str, worker: None, manager: Person, customer: Customer, redis_url: str
) -> None:
    async with opened(server, manager) as socket:
        await socket.subscribe("1", CHANGES, id=encode(Kind.CUSTOMER, customer.id))
        await until_listened(redis_url, topic(customer))

        await add_contact(server, manager, customer, "ada")

        told = {"action": "create_contact", "customer": {"name": "Nordwind"}}
        heard = await socket.hear()
        assert (heard["id"], heard["type"]) == ("1", "next")
        assert heard["payload"]["data"] == {"customerChanged": told}


async def test_a_hundred_subscriptions_share_one_connection_to_redis(
    server: str, worker: None, manager: Person, customer: Customer, redis_url: str
) -> None:
    others = [await make_customer(unit=await customer.unit) for _ in range(9)]
    followed = [customer, *others]
    async with opened(server, manager) as socket:
        for number in range(100):
            key = followed[number % 10].id
            await socket.subscribe(str(number), CHANGES, id=encode(Kind.CUSTOMER, key))
        for each in followed:
            await until_listened(redis_url, topic(each))

        await add_contact(server, manager, customer, "ada")

        heard = {(await socket.hear())["id"] for _ in range(10)}
        assert heard == {str(number) for number in range(0, 100, 10)}
        async with Redis.from_url(redis_url, decode_responses=True) as redis:
            database = (await redis.client_info())["db"]
            connections = await redis.client_list(_type="pubsub")
        assert len([each for each in connections if each["db"] == str(database)]) == 1


async def test_what_nobody_listens_to_any_more_is_unsubscribed(
    server: str, manager: Person, customer: Customer, redis_url: str
) -> None:
    async with opened(server, manager) as socket:
        for name in ("1", "2"):
            await socket.subscribe(name, CHANGES, id=encode(Kind.CUSTOMER, customer.id))
        await until_listened(redis_url, topic(customer), 1)
        for name in ("1", "2"):
            await socket.send(id=name, type="complete")
        await until_listened(redis_url, topic(customer), 0)

        await socket.subscribe("3", CHANGES, id=encode(Kind.CUSTOMER, customer.id))
        await until_listened(redis_url, topic(customer), 1)
    await until_listened(redis_url, topic(customer), 0)


async def test_who_reads_too_slowly_is_told_to_begin_again() -> None:
    listener = Listener(Context(Request({"type": "http", "headers": []}), None, logins_of_nobody))
    for number in range(MAX_WAITING):
        listener.tell(f"{number + 1}-0", {"type": "Sample", "data": {}, "id": str(number)})
    assert (await listener.hear())["id"] == "0"

    listener.tell("9998-0", {"type": "Sample", "data": {}, "id": "fits"})
    listener.tell("9999-0", {"type": "Sample", "data": {}, "id": "too much"})

    with pytest.raises(GraphQLError) as end:
        await listener.hear()
    assert (end.value.extensions or {})["code"] == "SUBSCRIPTION_LAGGING"


async def logins_of_nobody(_context: Context) -> None:
    return None


# When it ends


async def test_the_end_of_a_login_ends_its_subscriptions_and_nobody_elses(
    server: str, worker: None, manager: Person, customer: Customer, redis_url: str
) -> None:
    colleague = await make_user(Role.MANAGER, [await customer.unit])
    async with opened(server, manager) as mine, opened(server, colleague) as theirs:
        for socket in (mine, theirs):
            await socket.subscribe("1", CHANGES, id=encode(Kind.CUSTOMER, customer.id))
        await until_listened(redis_url, topic(customer))

        await logins.log_out(actor=manager.actor)

        refusal, end = await mine.hear(), await mine.hear()
        assert (refusal["payload"]["data"], code_of(refusal)) == (None, "UNAUTHENTICATED")
        assert end == {"id": "1", "type": "complete"}
        (refused,) = await mine.answer("2", VIEWER)
        assert (refused["type"], code_of(refused)) == ("error", "UNAUTHENTICATED")
        await add_contact(server, colleague, customer, "ada")
        assert (await theirs.hear())["payload"]["data"]["customerChanged"]["action"] == "create_contact"


async def test_a_deactivated_user_hears_no_more(
    server: str, manager: Person, customer: Customer, redis_url: str
) -> None:
    admin = await make_user(Role.ADMIN)
    async with opened(server, manager) as socket:
        await socket.subscribe("1", CHANGES, id=encode(Kind.CUSTOMER, customer.id))
        await until_listened(redis_url, topic(customer))

        await users.deactivate_user(actor=admin.actor, user_id=manager.user.id)

        assert code_of(await socket.hear()) == "UNAUTHENTICATED"


async def test_a_subscription_outlives_the_access_token_it_began_with(
    server: str, worker: None, manager: Person, customer: Customer, redis_url: str
) -> None:
    author = await make_user(Role.MANAGER, [await customer.unit])
    async with opened(server, manager) as socket:
        await socket.subscribe("1", CHANGES, id=encode(Kind.CUSTOMER, customer.id))
        await until_listened(redis_url, topic(customer))

        await Login.filter(id=manager.actor.login_id).update(access_expires_at=now() - timedelta(minutes=1))
        await asyncio.sleep(1.5)  # longer than the server takes to look at its logins
        await add_contact(server, author, customer, "ada")

        assert (await socket.hear())["type"] == "next"
    assert await Kith(server, manager.token).graphql(VIEWER) == {"viewer": None}
