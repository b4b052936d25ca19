"""Requests that another site makes a browser send, with the cookie: no content type makes one of them a change."""

import json

import httpx
import pytest
from factories import make_customer, make_unit, make_user

from api.auth import COOKIE
from crm.contacts.models import Contact
from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode

CHANGE = "mutation ($input: CreateContactInput!) { createContact(input: $input) { errors { code } } }"
CONTENT_TYPES = [
    "",
    "text/plain",
    "text/plain; charset=utf-8",
    "text/plain; application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data; boundary=x; application/json",
    "multipart/mixed; boundary=x",
    "application/json",
    "application/json; charset=utf-8",
    "application/graphql",
    "application/graphql-response+json",
    "image/png",
]


async def forged(server: str, content_type: str, content: bytes, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server) as browser:
        sent = {"content-type": content_type} | headers
        return await browser.post("/graphql", content=content, headers=sent)


def parts(operation: str) -> bytes:
    fields = {"operations": operation, "map": "{}"}
    form = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    return f"{form}--x--\r\n".encode()


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
async def test_a_forged_request_changes_nothing(server: str, db: None, content_type: str) -> None:
    unit = await make_unit()
    person = await make_user(Role.MANAGER, [unit])
    customer = await make_customer(unit=unit)
    given = {"customerId": encode(Kind.CUSTOMER, customer.id), "name": "Ada", "email": "ada@example.com"}
    operation = json.dumps({"query": CHANGE, "variables": {"input": given}})
    content = parts(operation) if content_type.startswith("multipart") else operation.encode()
    cookie = {"cookie": f"{COOKIE}={person.token}", "origin": "https://evil.example"}

    answer = await forged(server, content_type, content, **cookie)

    assert answer.status_code < 500
    assert answer.json()["errors"][0]["extensions"]["code"] in {
        "BAD_REQUEST",
        "UNAUTHENTICATED",
        "UNSUPPORTED_MEDIA_TYPE",
    }
    assert await Contact.all().count() == 0

    genuine = await forged(
        server, "application/json", operation.encode(), **cookie, **{"x-kith-client": "test"}
    )
    assert genuine.json()["data"] == {"createContact": {"errors": []}}


async def test_a_forged_look_is_nobodys(server: str, db: None) -> None:
    person = await make_user()
    async with httpx.AsyncClient(base_url=server) as browser:
        parameters = {"query": "{ viewer { name } }"}
        answer = await browser.get(
            "/graphql", params=parameters, headers={"cookie": f"{COOKIE}={person.token}"}
        )

    assert answer.json() == {"data": {"viewer": None}}


async def test_no_page_of_others_is_let_through_by_a_preflight(server: str, db: None) -> None:
    headers = {
        "origin": "https://evil.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type, x-kith-client",
    }
    async with httpx.AsyncClient(base_url=server) as browser:
        answer = await browser.options("/graphql", headers=headers)

    assert "access-control-allow-origin" not in answer.headers
