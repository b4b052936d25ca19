"""What scanners of GraphQL servers (graphql-cop and its like) try on one they know nothing of, as nobody.

The requests are theirs. Queries by GET are let through on purpose, since a cookie alone is nobody's (test_csrf.py).
"""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api.app import create_app

FIELDS_IN_FIELDS = "fields { type { " * 4 + "name" + " } }" * 4
DOCUMENTS = {
    "alias overloading": ("query cop { " + " ".join(f"alias{n}:__typename" for n in range(101)) + " }", 400),
    "field duplication": ("query cop { " + "__typename \n" * 500 + "}", 400),
    "directive overloading": ("query cop { __typename " + "@aa" * 10 + " }", 400),
    "directive overloading, many": ("query cop { __typename " + "@aa" * 500 + " }", 400),
    "directive overloading, known": ("query cop { __typename " + "@skip(if: false)" * 10 + " }", 400),
    "introspection": ("query cop { __schema { types { name fields { name } } } }", 400),
    "circular introspection": (f"query cop {{ __schema {{ types {{ {FIELDS_IN_FIELDS} }} }} }}", 400),
    "field suggestions": ("query cop { __schema { directive } }", 400),
    "field suggestions of our own": ("query cop { custmers { nodes { id } } }", 400),
    "argument suggestions": ("query cop { customers(frst: 1) { totalCount } }", 400),
    "an unhandled error": ("qwerty cop { abc }", 400),
    "an unhandled error in a value": ('query cop { node(id: "\\u0000") { id } }', 200),
}
MOST_ERRORS = 9
"""In one answer: that a server tells of each of ten directives is what they take for overloading."""


async def asked(server: str, **options: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server) as client:
        return await client.post("/graphql", **options)


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_document_is_refused_and_tells_nothing(server: str, db: None, name: str) -> None:
    document, status = DOCUMENTS[name]
    accept = {"accept": "application/graphql-response+json"}

    answer = await asked(server, json={"query": document, "operationName": "cop"}, headers=accept)

    told = answer.json()
    assert answer.status_code == status
    assert not any((told.get("data") or {}).values())
    assert 0 < len(told["errors"]) <= MOST_ERRORS
    for error in told["errors"]:
        assert set(error["extensions"]) <= {"code", "limit", "allowed", "found", "problems"}
        assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR"
    assert not any(each in answer.text for each in ("Did you mean", "Traceback", "File \\"))
    assert "extensions" not in told


async def test_a_batch_is_refused_whole(server: str, db: None) -> None:
    batch = [{"query": "query cop { __typename }", "operationName": "cop"}] * 10

    answer = await asked(server, json=batch)

    assert answer.status_code == 400
    assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["BAD_REQUEST"]


async def test_a_mutation_by_get_and_a_form_are_refused(server: str, db: None) -> None:
    async with httpx.AsyncClient(base_url=server) as client:
        by_get = await client.get("/graphql", params={"query": "mutation cop { __typename }"})
    by_form = await asked(server, data={"query": "query cop { __typename }"})

    assert [(each.status_code, "data" in each.json()) for each in (by_get, by_form)] == [
        (405, False),
        (415, False),
    ]


async def test_no_answer_traces(server: str, db: None) -> None:
    """As Apollo's servers do when they are asked to; our own plans are for admins (tests/api/fusion)."""
    asks = {
        "x-apollo-tracing": "1",
        "apollo-query-plan-experimental": "1",
        "apollo-federation-include-trace": "ftv1",
    }

    answer = await asked(server, json={"query": "query cop { __typename }"}, headers=asks)

    assert answer.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("accept", ["text/html", "text/html,application/xhtml+xml,*/*;q=0.8"])
async def test_the_endpoint_is_no_page(server: str, db: None, accept: str) -> None:
    async with httpx.AsyncClient(base_url=server) as client:
        answer = await client.get("/graphql", headers={"accept": accept})

    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json")
    assert json.loads(answer.text)["errors"]


@pytest.mark.parametrize(
    "path", ["/graphiql", "/graphiql/", "/graphiql/index.html", "/playground", "/console", "/altair"]
)
async def test_without_the_setting_there_is_no_page_to_ask_by(
    db: None, setting: Callable[..., None], path: str
) -> None:
    setting(graphiql="false")
    transport = httpx.ASGITransport(create_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        answer = await client.get(path, headers={"accept": "text/html"})

    assert answer.status_code == 404
    assert "<html" not in answer.text.lower()
