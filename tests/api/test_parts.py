"""`@defer` and `@stream` over multipart: put together again, the parts are the plain answer; they end at the deadline."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import orjson
import pytest
from factories import Person, make_contact, make_customer, make_unit, make_user
from kith_client import Kith
from locks import customers_locked

from crm.accounts.models import BusinessUnit
from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode

OLDER = "multipart/mixed;deferSpec=20220824, application/json"
NEWER = "multipart/mixed;incrementalSpec=v0.2, application/json"
PATIENCE = 10.0
Part = dict[str, Any]


@pytest.fixture
async def unit(db: None) -> BusinessUnit:
    return await make_unit(name="North")


@pytest.fixture
async def manager(unit: BusinessUnit) -> Person:
    return await make_user(Role.MANAGER, [unit, await make_unit(name="South")])


@pytest.fixture
async def ids(unit: BusinessUnit) -> list[str]:
    """Four customers with a contact each."""
    made = [await make_customer(unit=unit, name=name) for name in ("Alster", "Bille", "Dove", "Este")]
    for each in made:
        await make_contact(each)
    return [encode(Kind.CUSTOMER, each.id) for each in made]


async def asked(server: str, person: Person, accept: str, query: str, ids: list[str]) -> httpx.Response:
    variables = {"ids": ids} if "$ids" in query else {}
    return await Kith(server, person.token).post({"query": query, "variables": variables}, accept=accept)


def parts_of(answer: httpx.Response) -> list[Part]:
    """The JSON of each part; a whole answer is one."""
    if not answer.headers["content-type"].startswith("multipart/mixed"):
        return [answer.json()]
    contents = (part.partition("\r\n\r\n")[2].strip() for part in answer.text.split("---"))
    return [orjson.loads(content) for content in contents if content not in {"", "{}"}]


def merged_as_older(parts: list[Part]) -> Any:
    """As Apollo's older format, urql and Relay do: each result at its `path`, an item at the index that ends it."""
    whole = parts[0]["data"]
    for result in (each for part in parts[1:] for each in part.get("incremental", ())):
        *above, last = result["path"] or [None]
        if "items" in result:
            for number, item in enumerate(result["items"]):
                _put(whole, [*above, last + number], item)
        elif "data" in result:
            _put(whole, result["path"], result["data"])
    return whole


def merged_as_newer(parts: list[Part]) -> Any:
    """As `incrementalSpec=v0.2` says: each result by the path of its id; items at the end of their list."""
    whole, places = parts[0]["data"], {}
    for part in parts:
        places |= {each["id"]: each["path"] for each in part.get("pending", ())}
        for result in part.get("incremental", ()):
            place = [*places[result["id"]], *result.get("subPath", ())]
            if "items" in result:
                _at(whole, place).extend(result["items"])
            else:
                _put(whole, place, result["data"])
    return whole


def _at(tree: Any, path: list[Any]) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def _put(tree: Any, path: list[Any], value: Any) -> None:
    if not path:
        tree.update(value)
        return
    holder, last = _at(tree, path[:-1]), path[-1]
    if isinstance(holder, list) and last == len(holder):
        holder.append(value)
    elif isinstance(value, dict) and isinstance(holder[last], dict):
        holder[last].update(value)
    else:
        raise AssertionError(f"{path} is no place for {value}")


STREAMED = [
    "{ viewer { permissions @stream(initialCount: 2) } }",
    "{ viewer { permissions @stream } }",
    '{ viewer { permissions @stream(initialCount: 1, label: "rights") name } }',
    "query ($ids: [ID!]!) { nodes(ids: $ids) @stream(initialCount: 1) { id ... on Customer { name } } }",
    "query ($ids: [ID!]!) { nodes(ids: $ids) @stream { ... on Customer { name contacts { nodes { name } } } } }",
    "query ($ids: [ID!]!) { viewer { permissions @stream } nodes(ids: $ids) @stream { id } }",
    "query ($ids: [ID!]!) { viewer { name } ... @defer { nodes(ids: $ids) @stream(initialCount: 1) { id } } }",
    "{ viewer { name ... @defer { permissions @stream(initialCount: 3) } } }",
]
AT_ONCE = [
    "{ customers { nodes @stream(initialCount: 1) { name } totalCount } }",
    "{ customers { nodes @stream { name contacts { nodes @stream { name } } } } }",
    "{ viewer { units @stream { name } } }",
    "{ viewer { permissions @stream(if: false) } }",
]
DEFERRED = [
    "{ viewer { name ... @defer { units { name } } } }",
    "{ viewer { name } ... @defer { viewer { units { name } } customers { nodes { name } } } }",
    "{ customers { nodes { name ... @defer { contacts { nodes { name } } } } } }",
]


@pytest.mark.parametrize("query", [*STREAMED, *AT_ONCE, *DEFERRED])
async def test_put_together_again_the_parts_are_the_plain_answer(
    server: str, manager: Person, ids: list[str], query: str
) -> None:
    plain = (await asked(server, manager, "application/json", query, ids)).json()
    older = parts_of(await asked(server, manager, OLDER, query, ids))
    newer = parts_of(await asked(server, manager, NEWER, query, ids))

    assert "errors" not in plain
    assert merged_as_older(older) == merged_as_newer(newer) == plain["data"]


@pytest.mark.parametrize("query", STREAMED)
async def test_a_list_comes_bit_by_bit(server: str, manager: Person, ids: list[str], query: str) -> None:
    first, *rest = parts_of(await asked(server, manager, OLDER, query, ids))

    assert first["hasNext"] is True
    assert rest[-1]["hasNext"] is False
    assert all(part["hasNext"] for part in rest[:-1])
    results = [each for part in rest for each in part.get("incremental", ())]
    assert results
    for each in results:
        assert "data" in each or isinstance(each["path"][-1], int)


@pytest.mark.parametrize("query", AT_ONCE[:-1])
async def test_a_list_that_one_statement_answers_comes_whole(
    server: str, manager: Person, ids: list[str], query: str
) -> None:
    answer = await asked(server, manager, OLDER, query, ids)

    assert answer.headers["content-type"] == "application/json"
    assert "data" in answer.json()


@pytest.mark.parametrize(
    "query", ["{ viewer @stream { name } }", "{ viewer { permissions @stream(label: 5) } }"]
)
@pytest.mark.parametrize("accept", [OLDER, NEWER, "application/json"])
async def test_a_stream_of_what_is_no_list_is_refused(
    server: str, manager: Person, query: str, accept: str
) -> None:
    answer = await asked(server, manager, accept, query, [])

    codes = {error["extensions"]["code"] for error in answer.json()["errors"]}
    assert codes == {"GRAPHQL_VALIDATION_FAILED"}
    assert "data" not in answer.json()


async def test_a_fragment_that_fails_whole_is_told_to_either_format(
    server: str, manager: Person, ids: list[str]
) -> None:
    """`nodes` may not be null, so that its fragment fails with it."""
    query = '{ viewer { name } ... @defer { nodes(ids: ["nonsense"]) { id } } }'

    older = parts_of(await asked(server, manager, OLDER, query, ids))
    newer = parts_of(await asked(server, manager, NEWER, query, ids))

    told = [each for part in older for each in part.get("incremental", ())]
    assert [(each["path"], each["errors"][0]["extensions"]["code"]) for each in told] == [
        ([], "BAD_USER_INPUT")
    ]
    assert not any("incremental" in part for part in newer)
    assert newer[-1]["completed"][0]["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


# The deadline


@pytest.fixture
async def locked(database: str, db: None, ids: list[str]) -> AsyncIterator[None]:
    async with customers_locked(database):
        yield


LATE = [
    "{ viewer { name } ... @defer { customers { nodes { name } } } }",
    '{ viewer { name } ... @defer(label: "a") { customers { totalCount } } ... @defer { viewer { permissions } } }',
    "query ($ids: [ID!]!) { viewer { name permissions @stream } ... @defer { nodes(ids: $ids) { id } } }",
]


@pytest.mark.parametrize("query", LATE)
@pytest.mark.parametrize("accept", [OLDER, NEWER])
async def test_what_comes_later_has_the_same_deadline_and_gives_its_connections_back(
    server: str,
    manager: Person,
    ids: list[str],
    locked: None,
    setting: Callable[..., None],
    accept: str,
    query: str,
) -> None:
    setting(request_timeout_seconds=1)

    began = time.monotonic()

    answers = await asyncio.gather(  # more than there are connections
        *(asked(server, manager, accept, query, ids) for _ in range(12))
    )

    assert 1.0 <= time.monotonic() - began < PATIENCE
    for first, *rest in map(parts_of, answers):
        assert first["data"]["viewer"]["name"] == manager.user.name
        assert rest[-1]["hasNext"] is False
        (failed,) = [each for each in rest[-1]["completed"] if each.get("errors")]
        assert [error["extensions"]["code"] for error in failed["errors"]] == ["TIMEOUT"]
        assert "1 s" in failed["errors"][0]["message"]
        told = [each for each in rest[-1].get("incremental", ()) if "errors" in each]
        assert [each["id"] for each in told] == ([failed["id"]] if accept == OLDER else [])

    whole = await Kith(server, manager.token).graphql("{ viewer { units { name } } }")
    assert len(whole["viewer"]["units"]) == 2
