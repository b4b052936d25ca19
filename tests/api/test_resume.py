"""A subscription goes on where it was: after a connection of its own was lost, or ours to Redis. Nothing is missed."""

import asyncio
from collections.abc import Iterator

import pytest
from factories import Person, make_unit, make_user
from kith_client import Kith
from kith_socket import code_of, opened, until_listened
from kith_stream import Stream, subscribed
from own_process import running
from redis.asyncio import Redis

from crm.customers.models import Customer
from crm.kernel.actor import Role
from crm.kernel.events import EVENT_STREAM
from crm.kernel.ids import Kind, encode
from crm.kernel.models import JobState, OutboxJob

CHANGES = "subscription ($id: ID!) { customerChanged(id: $id) { action fields } }"
OF_UNITS = "subscription { customersChanged { action customer { name } } }"


@pytest.fixture(scope="module")
def worker(database: str) -> Iterator[None]:
    with running("workers", says="worker ready"):
        yield


@pytest.fixture
async def manager(db: None) -> Person:
    return await make_user(Role.MANAGER, [await make_unit(), await make_unit()])


@pytest.fixture
async def customer(manager: Person) -> Customer:
    return await a_customer(manager, 0)


async def a_customer(manager: Person, place: int) -> Customer:
    units = await manager.user.memberships.all().order_by("id")
    return await Customer.create(
        name=f"Nordwind {place}", email=f"{place}@nordwind.example", unit_id=units[place].unit_id
    )


def topic(customer: Customer) -> str:
    return f"customer:{customer.id.hex}"


async def add_contacts(server: str, person: Person, customer: Customer, *names: str) -> None:
    """One after the other, each told before the next begins."""
    for name in names:
        given = {
            "customerId": encode(Kind.CUSTOMER, customer.id),
            "name": name,
            "email": f"{name}@example.com",
        }
        payload = await Kith(server, person.token).mutate("createContact", "CreateContactInput", "", given)
        assert payload["errors"] == []
        await until_told()


async def until_told() -> None:
    async with asyncio.timeout(30):
        while await OutboxJob.filter(kind="event").exclude(state=JobState.DONE).exists():  # noqa: ASYNC110  a table tells nobody
            await asyncio.sleep(0.02)


async def told(redis_url: str) -> list[str]:
    """The positions of all events so far."""
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        return [position for position, entry in await redis.xrange(EVENT_STREAM) if entry["message"]]


async def ids_of(stream: Stream, count: int) -> list[str | None]:
    return [(await stream.next_event()).id for _ in range(count)]


async def test_events_are_numbered_and_a_stream_goes_on_after_the_last_one_heard(
    server: str, worker: None, manager: Person, customer: Customer, redis_url: str
) -> None:
    variables = {"id": encode(Kind.CUSTOMER, customer.id)}
    async with subscribed(server, manager.token, CHANGES, variables) as stream:
        await until_listened(redis_url, topic(customer))
        await add_contacts(server, manager, customer, "ada")
        first = await stream.next_event()
    await until_listened(redis_url, topic(customer), 0)
    await add_contacts(server, manager, customer, "bea", "cleo", "dora")

    async with subscribed(server, manager.token, CHANGES, variables, last_event_id=str(first.id)) as stream:
        heard = await ids_of(stream, 3)
        await add_contacts(server, manager, customer, "emmy")
        heard += await ids_of(stream, 1)

    assert first.data["extensions"]["eventId"] == first.id
    assert [first.id, *heard] == await told(redis_url)


async def test_a_socket_goes_on_after_the_last_event_heard(
    server: str, worker: None, manager: Person, customer: Customer, redis_url: str
) -> None:
    variables = {"id": encode(Kind.CUSTOMER, customer.id)}
    async with opened(server, manager) as socket:
        await socket.subscribe("1", CHANGES, **variables)
        await until_listened(redis_url, topic(customer))
        await add_contacts(server, manager, customer, "ada")
        first = (await socket.hear())["payload"]["extensions"]["eventId"]
    await add_contacts(server, manager, customer, "bea", "cleo")

    async with opened(server, manager) as socket:
        payload = {"query": CHANGES, "variables": variables, "extensions": {"resumeAfter": first}}
        await socket.send(id="1", type="subscribe", payload=payload)
        heard = [(await socket.hear())["payload"]["extensions"]["eventId"] for _ in range(2)]

    assert [first, *heard] == await told(redis_url)


async def test_events_of_several_topics_come_once_and_in_one_order(
    server: str, worker: None, manager: Person, redis_url: str
) -> None:
    customers = [await a_customer(manager, place) for place in (0, 1)]
    async with subscribed(
        server, manager.token, CHANGES, {"id": encode(Kind.CUSTOMER, customers[0].id)}
    ) as stream:
        await until_listened(redis_url, topic(customers[0]))
        await add_contacts(server, manager, customers[0], "ada")
        first = str((await stream.next_event()).id)
    rename = "mutation ($input: UpdateCustomerInput!) { updateCustomer(input: $input) { errors { code } } }"
    for number in range(6):
        each = await Customer.get(id=customers[number % 2].id)
        given = {
            "id": encode(Kind.CUSTOMER, each.id),
            "expectedVersion": each.version,
            "name": f"Name {number}",
        }
        assert (await Kith(server, manager.token).graphql(rename, {"input": given}))["updateCustomer"][
            "errors"
        ] == []
    await until_told()

    async with subscribed(server, manager.token, OF_UNITS, last_event_id=first) as stream:
        heard = await ids_of(stream, 6)

    assert heard == (await told(redis_url))[1:]


async def test_what_happens_while_our_connection_to_redis_is_cut_is_heard_all_the_same(
    server: str, worker: None, manager: Person, customer: Customer, redis_url: str
) -> None:
    async with opened(server, manager) as socket, Redis.from_url(redis_url) as redis:
        await socket.subscribe("1", CHANGES, id=encode(Kind.CUSTOMER, customer.id))
        await until_listened(redis_url, topic(customer))
        for name in ("ada", "bea", "cleo", "dora", "emmy"):
            await redis.client_kill_filter(_type="pubsub", skipme=True)
            await add_contacts(server, manager, customer, name)

        heard = [(await socket.hear())["payload"]["extensions"]["eventId"] for _ in range(5)]

    assert heard == await told(redis_url)


@pytest.mark.parametrize("cut", ["trimmed", "wiped", "begun anew"])
async def test_a_gap_is_said_rather_than_left(
    server: str, worker: None, manager: Person, customer: Customer, redis_url: str, cut: str
) -> None:
    variables = {"id": encode(Kind.CUSTOMER, customer.id)}
    async with subscribed(server, manager.token, CHANGES, variables) as stream:
        await until_listened(redis_url, topic(customer))
        await add_contacts(server, manager, customer, "ada")
        first = str((await stream.next_event()).id)
    async with Redis.from_url(redis_url) as redis:
        if cut == "trimmed":
            await add_contacts(server, manager, customer, "bea", "cleo")
            await redis.xtrim(EVENT_STREAM, maxlen=1, approximate=False)
        else:
            await redis.delete(EVENT_STREAM)
        if cut == "begun anew":
            await add_contacts(server, manager, customer, "dora")

    async with subscribed(server, manager.token, CHANGES, variables, last_event_id=first) as stream:
        event, end = await stream.next_event(), await stream.next_event()

    assert event.data["errors"][0]["extensions"]["code"] == "EVENTS_LOST"
    assert end.name == "complete"


async def test_a_socket_hears_of_a_gap_when_redis_was_wiped_under_it(
    server: str, worker: None, manager: Person, customer: Customer, redis_url: str
) -> None:
    async with opened(server, manager) as socket, Redis.from_url(redis_url) as redis:
        await socket.subscribe("1", CHANGES, id=encode(Kind.CUSTOMER, customer.id))
        await until_listened(redis_url, topic(customer))
        await redis.delete(EVENT_STREAM)
        await redis.client_kill_filter(_type="pubsub", skipme=True)

        assert code_of(await socket.hear()) == "EVENTS_LOST"


@pytest.mark.parametrize("position", ["yesterday", "5", "1-2-3", "9" * 50 + "-0"])
async def test_what_is_no_position_is_refused(
    server: str, manager: Person, customer: Customer, position: str
) -> None:
    variables = {"id": encode(Kind.CUSTOMER, customer.id)}

    async with subscribed(server, manager.token, CHANGES, variables, last_event_id=position) as stream:
        event = await stream.next_event()

    assert event.data["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
