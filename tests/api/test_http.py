"""The HTTP door: who is let in, what bad requests get, and that a repeated mutation happens once."""

import asyncio
from typing import Any

import httpx
import pytest
from factories import PASSWORD, make_customer, make_unit, make_user
from kith_client import GraphQLFailed, Kith

from crm.accounts.passwords import pool
from crm.contacts.models import Contact
from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode

VIEWER = "{ viewer { name role units { name } permissions } }"
LOG_IN = """
mutation ($input: LogInInput!) {
  logIn(input: $input) {
    accessToken refreshToken viewer { email } errors { __typename code message path }
  }
}
"""
CREATE_CONTACT = """
mutation ($input: CreateContactInput!) {
  createContact(input: $input) {
    contact { id name isPrimary customer { name } } errors { __typename code path }
  }
}
"""


async def test_nobody_is_told_that_they_are_nobody(server: str, db: None) -> None:
    assert await Kith(server).graphql("{ viewer { name } }") == {"viewer": None}

    with pytest.raises(GraphQLFailed) as refusal:
        await Kith(server).graphql("{ users { totalCount } }")

    assert refusal.value.codes == ["UNAUTHENTICATED"]


async def test_a_bearer_login_reads_refreshes_and_ends(server: str, db: None) -> None:
    person = await make_user(
        Role.MANAGER, [await make_unit(name="North")], password_hash=await pool().hash(PASSWORD)
    )
    credentials = {"email": person.user.email, "password": PASSWORD}

    first = (await Kith(server).graphql(LOG_IN, {"input": credentials}))["logIn"]
    viewer = (await Kith(server, first["accessToken"]).graphql(VIEWER))["viewer"]
    assert viewer["role"] == "MANAGER"
    assert viewer["units"] == [{"name": "North"}]
    assert "MANAGE_SEGMENTS" in viewer["permissions"]

    renewed = await Kith(server).mutate(
        "refreshLogin", "RefreshLoginInput", "accessToken", {"refreshToken": first["refreshToken"]}
    )
    assert renewed["errors"] == []
    kith = Kith(server, renewed["accessToken"])
    assert (await kith.graphql("mutation { logOut { errors { code } } }"))["logOut"] == {"errors": []}
    assert await kith.graphql("{ viewer { name } }") == {"viewer": None}


async def test_a_wrong_password_is_refused_without_saying_which_was_wrong(server: str, db: None) -> None:
    person = await make_user(password_hash=await pool().hash(PASSWORD))

    answers = [
        await Kith(server).graphql(LOG_IN, {"input": {"email": email, "password": "wrong wrong wrong"}})
        for email in (person.user.email, "nobody@kith.example")
    ]

    assert answers[0] == answers[1]
    assert answers[0]["logIn"]["errors"][0]["code"] == "WRONG_CREDENTIALS"


async def test_a_cookie_counts_only_with_the_header_no_other_site_can_send(server: str, db: None) -> None:
    person = await make_user(password_hash=await pool().hash(PASSWORD))
    login = {"input": {"email": person.user.email, "password": PASSWORD, "transport": "COOKIE"}}
    async with httpx.AsyncClient(base_url=server) as browser:
        answer = await browser.post("/graphql", json={"query": LOG_IN, "variables": login})
        assert answer.json()["data"]["logIn"]["accessToken"] is None
        flags = answer.headers["set-cookie"].lower()
        assert "httponly" in flags
        assert "samesite=strict" in flags
        ours = await browser.post("/graphql", json={"query": VIEWER}, headers={"x-kith-client": "test"})
        forged = await browser.post("/graphql", json={"query": VIEWER})

    assert ours.json()["data"]["viewer"]["name"] == person.user.name
    assert forged.json()["data"]["viewer"] is None


@pytest.mark.parametrize(
    ("content", "content_type", "status", "code"),
    [
        (b"", "application/json", 400, "BAD_REQUEST"),
        (b"null", "application/json", 400, "BAD_REQUEST"),
        (b"5", "application/json", 400, "BAD_REQUEST"),
        (b'"x"', "application/json", 400, "BAD_REQUEST"),
        (b"[1]", "application/json", 400, "BAD_REQUEST"),
        (b"{", "application/json", 400, "BAD_REQUEST"),
        (b'{"query": "\xff"}', "application/json", 400, "BAD_REQUEST"),
        (b"[" * 20_000, "application/json", 400, "BAD_REQUEST"),
        (b'{"query": 5}', "application/json", 400, "BAD_REQUEST"),
        (b'{"variables": {}}', "application/json", 400, "BAD_REQUEST"),
        (b"query=%7Bviewer%7Bname%7D%7D", "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"{" + b" " * 2_000_000, "application/json", 413, "BODY_TOO_LARGE"),
    ],
)
async def test_a_malformed_body_gets_a_coded_refusal(
    server: str, db: None, content: bytes, content_type: str, status: int, code: str
) -> None:
    async with httpx.AsyncClient(base_url=server) as client:
        answer = await client.post("/graphql", content=content, headers={"content-type": content_type})

    assert answer.status_code == status
    assert answer.json()["errors"][0]["extensions"]["code"] == code


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{ viewer", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query ($n: Int!) { users(first: $n) { totalCount } }", "BAD_USER_INPUT"),
        ("{ users(first: 101) { totalCount } }", "BAD_USER_INPUT"),
        ('{ node(id: "nonsense") { id } }', "BAD_USER_INPUT"),
        ("{ a: __typename " + "viewer { name } " * 1500 + "}", "QUERY_TOO_COMPLEX"),
    ],
)
async def test_a_bad_document_gets_a_code(server: str, db: None, document: str, code: str) -> None:
    person = await make_user()

    with pytest.raises(GraphQLFailed) as refusal:
        await Kith(server, person.token).graphql(document)

    assert refusal.value.codes == [code]


async def test_the_media_type_follows_the_accept_header(server: str, db: None) -> None:
    bad = {"query": "{ nothing }"}

    draft = await Kith(server).post(bad, accept="application/graphql-response+json")
    old = await Kith(server).post(bad, accept="application/json")

    assert (draft.status_code, draft.headers["content-type"]) == (400, "application/graphql-response+json")
    assert (old.status_code, old.headers["content-type"]) == (200, "application/json")
    assert "data" not in draft.json()


async def test_a_query_by_get_can_be_cached_and_a_mutation_cannot_be_sent(server: str, db: None) -> None:
    async with httpx.AsyncClient(base_url=server) as client:
        first = await client.get("/graphql", params={"query": "{ __typename }"})
        again = await client.get(
            "/graphql", params={"query": "{ __typename }"}, headers={"if-none-match": first.headers["etag"]}
        )
        change = await client.get("/graphql", params={"query": "mutation { logOut { errors { code } } }"})
        put = await client.put("/graphql", json={"query": "{ __typename }"})

    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert change.status_code in {400, 405}
    assert (put.status_code, put.headers["allow"]) == (405, "GET, POST")


async def _contact_input(unit: Any) -> dict[str, Any]:
    customer = await make_customer(unit=unit)
    return {"customerId": encode(Kind.CUSTOMER, customer.id), "name": "Ada", "email": "ada@example.com"}


async def test_the_same_idempotency_key_answers_the_same_and_happens_once(server: str, db: None) -> None:
    unit = await make_unit()
    kith = Kith(server, (await make_user(Role.MANAGER, [unit])).token)
    given = await _contact_input(unit)
    key = {"Idempotency-Key": "k-1"}

    answers = await asyncio.gather(*(kith.graphql(CREATE_CONTACT, {"input": given}, **key) for _ in range(5)))

    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["createContact"]["contact"]["isPrimary"] is True
    assert await Contact.all().count() == 1


async def test_the_same_key_with_another_body_is_refused(server: str, db: None) -> None:
    unit = await make_unit()
    kith = Kith(server, (await make_user(Role.MANAGER, [unit])).token)
    given = await _contact_input(unit)
    key = {"Idempotency-Key": "k-2"}
    await kith.graphql(CREATE_CONTACT, {"input": given}, **key)

    answer = await kith.graphql(CREATE_CONTACT, {"input": given | {"email": "b@example.com"}}, **key)

    assert answer["createContact"]["errors"][0]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert await Contact.all().count() == 1


async def test_a_refused_mutation_does_not_use_up_its_key(server: str, db: None) -> None:
    unit = await make_unit()
    kith = Kith(server, (await make_user(Role.MANAGER, [unit])).token)
    given = await _contact_input(unit)
    key = {"Idempotency-Key": "k-3"}

    refused = await kith.graphql(CREATE_CONTACT, {"input": given | {"email": "none"}}, **key)
    accepted = await kith.graphql(CREATE_CONTACT, {"input": given}, **key)

    assert refused["createContact"]["errors"] == [
        {"__typename": "InputError", "code": "INVALID_EMAIL", "path": ["email"]}
    ]
    assert accepted["createContact"]["errors"] == []


async def test_an_upload_without_our_header_is_refused(server: str, db: None) -> None:
    async with httpx.AsyncClient(base_url=server) as client:
        answer = await client.post("/graphql", data={"operations": "{}", "map": "{}"}, files={"0": b"x"})

    assert answer.status_code == 400
    assert "X-Kith-Client" in answer.json()["errors"][0]["message"]


async def test_one_missing_id_does_not_take_its_neighbours_along(server: str, db: None) -> None:
    unit = await make_unit()
    kith = Kith(server, (await make_user(Role.AGENT, [unit])).token)
    mine, other = await make_customer(unit=unit), await make_customer()
    ids = [
        encode(Kind.CUSTOMER, mine.id),
        encode(Kind.CUSTOMER, other.id),
        encode(Kind.BUSINESS_UNIT, unit.id),
    ]

    found = await kith.graphql("query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", {"ids": ids})

    assert found["nodes"] == [
        {"__typename": "Customer", "id": ids[0]},
        None,
        {"__typename": "BusinessUnit", "id": ids[2]},
    ]
