"""Answers that come in pieces: server-sent events, Apollo's multipart subscriptions, and the parts of @defer."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from client_scripts import PATIENCE, needs_node, started
from factories import Person, make_customer, make_unit, make_user
from kith_client import Kith
from kith_socket import opened, until_listened
from kith_stream import subscribed
from own_process import running

from crm.accounts import logins
from crm.contacts.models import Contact
from crm.customers.models import Customer
from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode

JSON = "application/json"
EVENTS = "text/event-stream"
PARTS = "multipart/mixed"
SUBSCRIPTION_PARTS = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"
URQL = "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
URQL_SUBSCRIPTION = "text/event-stream, multipart/mixed"
CHANGES = "subscription ($id: ID!) { customerChanged(id: $id) { action } }"
DEFERRED = (
    'query ($a: Boolean! = true) { viewer { name ... @defer(if: $a, label: "units") { units { name } } } }'
)
CREATE = "mutation ($input: CreateContactInput!) { createContact(input: $input) { errors { code } } }"


@pytest.fixture(scope="module")
def worker(database: str) -> Iterator[None]:
    with running("workers", says="worker ready"):
        yield


@pytest.fixture
async def manager(db: None) -> Person:
    return await make_user(Role.MANAGER, [await make_unit(name="North")])


@pytest.fixture
async def customer(manager: Person) -> Customer:
    membership = await manager.user.memberships.all().first()
    assert membership is not None
    return await Customer.create(name="Nordwind", email="o@nordwind.example", unit_id=membership.unit_id)


def contact(customer: Customer, name: str = "ada") -> dict[str, Any]:
    return {"customerId": encode(Kind.CUSTOMER, customer.id), "name": name, "email": f"{name}@example.com"}


async def add_contact(server: str, person: Person, customer: Customer) -> None:
    await Kith(server, person.token).mutate("createContact", "CreateContactInput", "", contact(customer))


async def asked(server: str, person: Person, accept: str, query: str, **variables: Any) -> httpx.Response:
    body = {"query": query, "variables": variables}
    return await Kith(server, person.token).post(body, accept=accept)


# Which kind of answer


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (URQL, "application/graphql-response+json"),
        (f"{EVENTS}, {JSON}", EVENTS),
        (f"{JSON}, {EVENTS}", JSON),
        (f"{EVENTS};q=0.5, {JSON}", JSON),
        (f"{JSON};q=0.5, {EVENTS};q=0.9", EVENTS),
        (f"{EVENTS};q=0, */*", JSON),
        (f"*/*, {EVENTS}", EVENTS),
        (f"{PARTS}, {JSON}", JSON),
        ("image/png", JSON),
        (EVENTS.upper(), EVENTS),
    ],
)
async def test_events_come_only_to_who_likes_them_best(
    server: str, manager: Person, accept: str, kind: str
) -> None:
    answer = await asked(server, manager, accept, "{ __typename }")

    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == kind


@pytest.mark.parametrize("accept", [JSON, "*/*", "application/graphql-response+json", "multipart/mixed"])
async def test_a_subscription_needs_a_stream(
    server: str, manager: Person, customer: Customer, accept: str
) -> None:
    answer = await asked(server, manager, accept, CHANGES, id=encode(Kind.CUSTOMER, customer.id))

    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (406, "NOT_ACCEPTABLE")


# Server-sent events


@pytest.mark.parametrize("accept", [EVENTS, URQL, URQL_SUBSCRIPTION])
async def test_a_subscription_is_heard_as_events(
    server: str, worker: None, manager: Person, customer: Customer, redis_url: str, accept: str
) -> None:
    variables = {"id": encode(Kind.CUSTOMER, customer.id)}
    async with subscribed(server, manager.token, CHANGES, variables, accept=accept) as stream:
        await until_listened(redis_url, f"customer:{customer.id.hex}")
        await add_contact(server, manager, customer)
        event = await stream.next_event()

        assert stream.response.headers["content-type"].startswith(EVENTS)
        assert "no-store" in stream.response.headers["cache-control"]
        assert event.name == "next"
        assert event.data["data"] == {"customerChanged": {"action": "create_contact"}}
    await until_listened(redis_url, f"customer:{customer.id.hex}", 0)  # who has gone is noticed


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ " + "name " * 1500 + "}", "QUERY_TOO_COMPLEX"),
        ("{ users { totalCount } }", None),
    ],
)
async def test_whole_answers_are_one_event_and_the_end(
    server: str, manager: Person, query: str, code: str | None
) -> None:
    answer = await asked(server, manager, EVENTS, query)

    first, end, rest = answer.text.split("\n\n")
    assert (answer.status_code, end, rest) == (200, "event: complete\ndata: ", "")
    assert first.startswith("event: next\ndata: {")
    assert "\r" not in answer.text
    told = json.loads(first.partition("data: ")[2])
    assert (told["errors"][0]["extensions"]["code"] if "errors" in told else None) == code
    assert ("data" in told) is (code is None)


@pytest.mark.parametrize(
    ("body", "status"),
    [({"query": 5}, 400), ([], 400), ({"query": "{ __typename }", "variables": 5}, 400)],
)
async def test_what_is_no_request_is_refused_in_json_not_in_events(
    server: str, manager: Person, body: Any, status: int
) -> None:
    """As graphql-sse's own server does: there is no operation that events could be of."""
    answer = await Kith(server, manager.token).post(body, accept=EVENTS)

    assert (answer.status_code, answer.headers["content-type"]) == (status, JSON)
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_a_change_through_events_happens_once(server: str, manager: Person, customer: Customer) -> None:
    answer = await asked(server, manager, EVENTS, CREATE, input=contact(customer))

    assert '"createContact":{"errors":[]}' in answer.text
    assert await Contact.all().count() == 1


async def test_the_end_of_a_login_ends_its_events_within_a_second(
    server: str, manager: Person, customer: Customer, redis_url: str
) -> None:
    variables = {"id": encode(Kind.CUSTOMER, customer.id)}
    async with subscribed(server, manager.token, CHANGES, variables) as stream:
        await until_listened(redis_url, f"customer:{customer.id.hex}")

        await logins.log_out(actor=manager.actor)
        event, end = await stream.next_event(), await stream.next_event()

    assert event.data["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert end.name == "complete"


@needs_node
async def test_graphql_sse_reads_them(
    server: str, worker: None, manager: Person, customer: Customer, redis_url: str
) -> None:
    operation = {"query": CHANGES, "variables": {"id": encode(Kind.CUSTOMER, customer.id)}}
    headers = json.dumps({"authorization": f"Bearer {manager.token}"})
    client = await started("sse.mjs", f"{server}/graphql", json.dumps(operation), "1", HEADERS=headers)
    await until_listened(redis_url, f"customer:{customer.id.hex}")

    await add_contact(server, manager, customer)
    out, err = await asyncio.wait_for(client.communicate(), PATIENCE)

    lines = [json.loads(line) for line in out.splitlines()]
    assert client.returncode == 0, err.decode()
    assert lines[0]["next"]["data"] == {"customerChanged": {"action": "create_contact"}}


# Multipart


async def parts(response: httpx.Response, boundary: str) -> AsyncIterator[dict[str, Any]]:
    """The JSON of each part as it comes, heartbeats left out."""
    text = ""
    async for piece in response.aiter_text():
        text += piece
        *whole, text = text.split(f"--{boundary}")
        for part in whole:
            _, _, content = part.partition("\r\n\r\n")
            if content.strip() not in {"", "{}"}:
                yield json.loads(content)


async def test_apollo_hears_a_subscription_in_parts(
    server: str, worker: None, manager: Person, customer: Customer, redis_url: str
) -> None:
    headers = {"authorization": f"Bearer {manager.token}", "accept": SUBSCRIPTION_PARTS}
    body = {"query": CHANGES, "variables": {"id": encode(Kind.CUSTOMER, customer.id)}}
    async with (
        httpx.AsyncClient(base_url=server, timeout=PATIENCE) as client,
        client.stream("POST", "/graphql", json=body, headers=headers) as response,
    ):
        await until_listened(redis_url, f"customer:{customer.id.hex}")
        await add_contact(server, manager, customer)
        part = await anext(parts(response, "graphql"))

    assert response.headers["content-type"].startswith(
        "multipart/mixed;boundary=graphql;subscriptionSpec=1.0"
    )
    assert part["payload"]["data"] == {"customerChanged": {"action": "create_contact"}}
    assert part["payload"]["extensions"]["eventId"]


@pytest.mark.parametrize("accept", [f"{PARTS}, {JSON}", URQL, f"{PARTS};incrementalSpec=v0.2, {JSON};q=0.9"])
async def test_deferred_fields_come_in_parts_to_who_accepts_them(
    server: str, manager: Person, accept: str
) -> None:
    answer = await asked(server, manager, accept, DEFERRED)

    assert answer.headers["content-type"] == 'multipart/mixed; boundary="-"'
    first, *rest = [each async for each in parts(answer, "-")]
    assert first["data"] == {"viewer": {"name": manager.user.name}}
    assert first["hasNext"] is True
    assert first["pending"][0]["label"] == "units"
    assert rest[-1]["hasNext"] is False
    assert [each["data"] for part in rest for each in part.get("incremental", ())] == [
        {"units": [{"name": "North"}]}
    ]


async def test_each_deferred_result_names_its_whole_path(server: str, manager: Person) -> None:
    query = "{ viewer { name } ... @defer { __typename viewer { units { name } } } }"

    answer = await asked(server, manager, f"{PARTS}, {JSON}", query)

    _, *rest = [each async for each in parts(answer, "-")]
    results = [each for part in rest for each in part.get("incremental", ())]
    assert sorted((each["path"], each["data"]) for each in results) == [
        ([], {"__typename": "Query"}),
        (["viewer"], {"units": [{"name": "North"}]}),
    ]
    assert '"extensions":null' not in answer.text


@pytest.mark.parametrize("accept", [JSON, "application/graphql-response+json", "*/*"])
async def test_who_accepts_json_alone_gets_all_at_once(server: str, manager: Person, accept: str) -> None:
    answer = await asked(server, manager, accept, DEFERRED)

    assert answer.json() == {"data": {"viewer": {"name": manager.user.name, "units": [{"name": "North"}]}}}


async def test_deferred_fields_come_at_once_through_events_and_sockets_too(
    server: str, manager: Person
) -> None:
    whole = {"viewer": {"name": manager.user.name, "units": [{"name": "North"}]}}

    answer = await asked(server, manager, EVENTS, DEFERRED)
    async with opened(server, manager) as socket:
        heard, _ = await socket.answer("1", DEFERRED)

    assert json.loads(answer.text.partition("data: ")[2].partition("\n")[0])["data"] == whole
    assert heard["payload"]["data"] == whole


async def test_an_error_of_a_deferred_field_has_a_code(server: str, manager: Person) -> None:
    hidden = encode(Kind.CUSTOMER, (await make_customer()).id)
    query = 'query ($id: ID!) { viewer { name } ... @defer { node(id: $id) { id } nodes(ids: ["nonsense"]) { id } } }'

    answer = await asked(server, manager, f"{PARTS}, {JSON}", query, id=hidden)

    assert "BAD_USER_INPUT" in answer.text
    assert "INTERNAL_SERVER_ERROR" not in answer.text
