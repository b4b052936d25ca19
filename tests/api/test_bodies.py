"""Requests that are none: whatever comes in, the answer is JSON with a code, never a failure of ours."""

import json
from typing import Any

import httpx
import pytest
from factories import make_customer, make_unit, make_user
from kith_client import Kith

from api.auth import CLIENT_HEADER
from crm.contacts.models import Contact
from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode

JSON = "application/json"
OPERATION = {"query": "mutation ($file: Upload) { logOut { errors { code } } }", "variables": {"file": None}}
MAP = {"0": ["variables.file"]}
DEEP = b"[" * 20_000 + b"]" * 20_000

JSON_BODIES = [
    b"",
    b" ",
    b"null",
    b"true",
    b"5",
    b"-0.0",
    b'"x"',
    b"[]",
    b"[1]",
    b"[null]",
    b'[{"query": "{ __typename }"}]',
    b'[{"query": "{ __typename }"}, {"query": "{ __typename }"}]',
    b"{",
    b"{}",
    b"}",
    b'{"query": }',
    b'{"query": "{ __typename }"',
    b'{"query": "{ __typename }"} trailing',
    b"{'query': '{ __typename }'}",
    b'{"query": "\xff"}',
    b"\xff\xfe",
    b"\x00",
    b"\xef\xbb\xbf{}",
    DEEP,
    b'{"query": "{ __typename }", "variables": ' + DEEP + b"}",
    b'{"variables": ' + b'{"a": ' * 20_000 + b"1" + b"}" * 20_000 + b"}",
    b"5" * 5000,
    b'{"query": ' + b"5" * 5000 + b"}",
    b'{"query": "{ __typename }", "variables": {"n": NaN}}',
    b'{"query": "{ __typename }", "variables": {"n": Infinity}}',
    b'{"query": 5}',
    b'{"query": null}',
    b'{"query": ""}',
    b'{"query": ["{ __typename }"]}',
    b'{"query": {"a": 1}}',
    b'{"query": "{ __typename }", "variables": 5}',
    b'{"query": "{ __typename }", "variables": []}',
    b'{"query": "{ __typename }", "variables": "{}"}',
    b'{"query": "{ __typename }", "operationName": 5}',
    b'{"query": "{ __typename }", "operationName": ["A"]}',
    b'{"query": "{ __typename }", "operationName": "Nothing"}',
    b'{"query": "{ __typename }", "extensions": 5}',
    b'{"query": "{ __typename }", "extensions": [1]}',
    b'{"variables": {}}',
    b'{"documentId": 5}',
]
PARTS: list[dict[str, str]] = [
    {},
    {"operations": "null", "map": "{}"},
    {"operations": "5", "map": "{}"},
    {"operations": "[]", "map": "{}"},
    {"operations": "{", "map": "{}"},
    {"operations": "{}", "map": "{}"},
    {"operations": json.dumps([OPERATION]), "map": "{}"},
    {"operations": json.dumps(OPERATION)},
    {"map": json.dumps(MAP)},
    *({"operations": json.dumps(OPERATION), "map": each} for each in ("null", "[]", "5", "{", '"x"')),
    *(
        {"operations": json.dumps(OPERATION), "map": json.dumps(each)}
        for each in (
            {"0": None},
            {"0": "variables.file"},
            {"0": [5]},
            {"0": [""]},
            {"0": ["variables"]},
            {"0": ["query"]},
            {"0": ["variables.nothing"]},
            {"0": ["variables.file.deeper"]},
            {"0": ["variables.file"] * 11},
            {"0": ["variables." + ".".join("a" * 1000)]},
            {"1": ["variables.file"]},
            {"operations": ["variables.file"]},
        )
    ),
]


async def post(server: str, **options: Any) -> httpx.Response:
    headers = {CLIENT_HEADER: "test"} | options.pop("headers", {})
    async with httpx.AsyncClient(base_url=server) as client:
        return await client.post("/graphql", headers=headers, **options)


def refused(answer: httpx.Response) -> str:
    """The code of a refusal that looks like one."""
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == JSON
    assert "data" not in answer.json()
    (error,) = answer.json()["errors"]
    assert error["message"]
    return str(error["extensions"]["code"])


@pytest.mark.parametrize("content", JSON_BODIES)
async def test_a_body_that_is_no_request_is_refused(server: str, db: None, content: bytes) -> None:
    answer = await post(server, content=content, headers={"content-type": JSON})

    assert refused(answer) == "BAD_REQUEST"


@pytest.mark.parametrize("parts", PARTS)
async def test_an_upload_that_is_none_is_refused(server: str, db: None, parts: dict[str, str]) -> None:
    answer = await post(server, data=parts, files={"0": ("a.csv", b"a;b")})

    assert refused(answer) == "BAD_REQUEST"


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("multipart/form-data", b"--x\r\n\r\n"),
        ("multipart/form-data; boundary=", b""),
        ("multipart/form-data; boundary=x", b"no boundary at all"),
        ("multipart/form-data; boundary=x", b"--x\r\nno header\r\n\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n{}\r\n--x--\r\n"),
        ("multipart/form-data; boundary=\xff", b"--\xff--"),
    ],
)
async def test_multipart_that_cannot_be_read_is_refused(
    server: str, db: None, content_type: str, content: bytes
) -> None:
    headers = {"content-type": content_type.encode("latin-1")}

    assert refused(await post(server, content=content, headers=headers)) == "BAD_REQUEST"


async def test_too_many_parts_are_refused(server: str, db: None) -> None:
    parts = {"operations": json.dumps(OPERATION), "map": "{}"}

    files = await post(server, data=parts, files=[(str(n), (f"{n}.csv", b"x")) for n in range(11)])
    fields = await post(server, data=parts | {str(n): "x" for n in range(9)}, files={"0": b"x"})
    large = await post(server, data=parts | {"large": "x" * 2_000_000}, files={"0": b"x"})

    assert [refused(each) for each in (files, fields, large)] == ["BAD_REQUEST"] * 3
    assert "At most 10 files" in files.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "content_type",
    [
        *("", "text/plain", "application/x-www-form-urlencoded", "application/xml", "application/graphql"),
        *("application/json-evil", "xapplication/json", "application/json; charset=utf-16", "nonsense"),
        "application/json; charset=latin-1",
    ],
)
async def test_another_media_type_is_refused(server: str, db: None, content_type: str) -> None:
    headers = {"content-type": content_type}

    answer = await post(server, content=b'{"query": "{ __typename }"}', headers=headers)

    assert (answer.status_code, refused(answer)) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"query": ""},
        {"query": "{ __typename }", "variables": "{"},
        {"query": "{ __typename }", "variables": "5"},
        {"query": "{ __typename }", "variables": "[1]"},
        {"query": "{ __typename }", "extensions": "5"},
        {"query": "{ __typename }", "operationName": "Nothing"},
        {"variables": "{}"},
    ],
)
async def test_an_address_that_is_no_request_is_refused(
    server: str, db: None, parameters: dict[str, str]
) -> None:
    async with httpx.AsyncClient(base_url=server) as client:
        for accept in ("application/json", "text/html,*/*"):
            answer = await client.get("/graphql", params=parameters, headers={"accept": accept})

            assert refused(answer) == "BAD_REQUEST"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
async def test_another_method_is_refused_with_those_there_are(server: str, db: None, method: str) -> None:
    async with httpx.AsyncClient(base_url=server) as client:
        answer = await client.request(method, "/graphql", json={"query": "{ __typename }"})

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert refused(answer) == "METHOD_NOT_ALLOWED"


async def test_nothing_is_changed_by_get(server: str, db: None) -> None:
    unit = await make_unit()
    person = await make_user(Role.MANAGER, [unit])
    customer = await make_customer(unit=unit)
    change = "mutation ($input: CreateContactInput!) { createContact(input: $input) { errors { code } } }"
    given = {"customerId": encode(Kind.CUSTOMER, customer.id), "name": "Ada", "email": "ada@example.com"}
    parameters = {"query": change, "variables": json.dumps({"input": given})}
    headers = {"authorization": f"Bearer {person.token}", CLIENT_HEADER: "test"}
    async with httpx.AsyncClient(base_url=server, headers=headers) as client:
        answers = [
            await client.get("/graphql", params=parameters, headers={"accept": accept})
            for accept in (JSON, "multipart/mixed", "*/*", "text/event-stream")
        ]

    assert [(each.status_code, each.headers["allow"]) for each in answers] == [(405, "POST")] * 4
    assert {refused(each) for each in answers} == {"METHOD_NOT_ALLOWED"}
    assert await Contact.all().count() == 0


async def test_a_body_beyond_the_limit_is_not_read(server: str, db: None) -> None:
    answer = await post(server, content=b"{" + b" " * 2_000_000, headers={"content-type": JSON})

    assert (answer.status_code, refused(answer)) == (413, "BODY_TOO_LARGE")
    assert "1024000 bytes" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "variables",
    [
        '{"first": ' + "9" * 5000 + "}",
        '{"first": 1e400}',
        '{"first": -1e308}',
        '{"first": "\\ud800"}',
        '{"first": "a\\u0000b"}',
        '{"first": {"a": [[[[]]]]}}',
        '{"first": true}',
    ],
)
async def test_a_variable_that_fits_nowhere_is_the_callers_mistake(
    server: str, db: None, variables: str
) -> None:
    body = f'{{"query": "query ($first: Int) {{ users(first: $first) {{ totalCount }} }}", "variables": {variables}}}'
    headers = {"content-type": JSON, "authorization": f"Bearer {(await make_user()).token}"}

    answer = await post(server, content=body.encode(), headers=headers)

    assert answer.status_code in {200, 400}
    assert answer.json()["errors"][0]["extensions"]["code"] in {"BAD_USER_INPUT", "BAD_REQUEST"}


async def test_a_path_that_is_not_there_is_said_in_json(server: str, db: None) -> None:
    async with httpx.AsyncClient(base_url=server) as client:
        answer = await client.get("/nowhere")

    assert (answer.status_code, refused(answer)) == (404, "NOT_FOUND")


async def test_the_door_is_still_open(server: str, db: None) -> None:
    """After all of the above, in whichever order they ran."""
    assert await Kith(server).graphql("{ __typename }") == {"__typename": "Query"}


NO_VARIABLES = ["[]", '""', "0", "false", "5", '"{}"', "[1]", "true"]


@pytest.mark.parametrize("variables", NO_VARIABLES)
async def test_a_query_that_is_remembered_is_held_to_its_form_too(
    server: str, db: None, variables: str
) -> None:
    kith = Kith(server, (await make_user(Role.AGENT, [await make_unit()])).token)
    query = {"query": "{ customers { nodes { id } } }"}
    for _ in range(2):  # by the pipeline, then by the front door
        assert (await kith.post(query)).status_code == 200

    answer = await kith.post(query | {"variables": json.loads(variables)})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
