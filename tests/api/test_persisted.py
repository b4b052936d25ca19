"""Documents that are named instead of sent: automatic persisted queries, and trusted documents."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from factories import Person, make_unit, make_user
from kith_socket import code_of, opened
from redis.asyncio import Redis

from api import persisted
from api.persisted import PersistedQueries, trusted_documents
from crm.kernel.actor import Role
from crm.kernel.settings import SettingsError

NAME = "{ __typename }"
VIEWER = "query Viewer { viewer { name } }"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def automatic(text: str, **more: Any) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256(text)} | more}}


async def post(server: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=server) as client:
        answer: dict[str, Any] = (await client.post("/graphql", json=body, headers=headers)).json()
        return answer


def code(answer: dict[str, Any]) -> str:
    (error,) = answer["errors"]
    assert "data" not in answer
    return str(error["extensions"]["code"])


@pytest.fixture
def trusted(tmp_path: Path, setting: Callable[..., None]) -> Callable[[dict[str, str]], None]:
    def use(documents: dict[str, str], **more: object) -> None:
        file = tmp_path / "documents.json"
        file.write_text(json.dumps(documents))
        setting(trusted_documents=file, **more)
        trusted_documents.cache_clear()

    return use


@pytest.fixture(autouse=True)
def _forget_trusted_documents() -> Any:
    yield
    trusted_documents.cache_clear()


async def test_a_document_is_sent_once_and_named_from_then_on(server: str, db: None) -> None:
    first = await post(server, automatic(NAME))
    known = await post(server, {"query": NAME} | automatic(NAME))
    named = await post(server, automatic(NAME))

    assert code(first) == "PERSISTED_QUERY_NOT_FOUND"
    assert first["errors"][0]["message"] == "PersistedQueryNotFound"
    assert known == named == {"data": {"__typename": "Query"}}


async def test_it_is_named_by_get_too_and_can_be_cached(server: str, db: None) -> None:
    await post(server, {"query": NAME} | automatic(NAME))
    parameters = {"extensions": json.dumps(automatic(NAME)["extensions"])}

    async with httpx.AsyncClient(base_url=server) as client:
        answer = await client.get("/graphql", params=parameters)
        again = await client.get(
            "/graphql", params=parameters, headers={"if-none-match": answer.headers["etag"]}
        )

    assert (answer.json(), again.status_code) == ({"data": {"__typename": "Query"}}, 304)


async def test_a_change_that_is_named_is_still_none_by_get(server: str, db: None) -> None:
    change = "mutation { logOut { errors { code } } }"
    await post(server, {"query": change} | automatic(change))

    async with httpx.AsyncClient(base_url=server) as client:
        answer = await client.get(
            "/graphql", params={"extensions": json.dumps(automatic(change)["extensions"])}
        )

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"query": VIEWER} | automatic(NAME), "BAD_USER_INPUT"),
        (automatic(NAME, version=2), "PERSISTED_QUERY_NOT_SUPPORTED"),
        (automatic(NAME, version=None), "PERSISTED_QUERY_NOT_SUPPORTED"),
        (automatic(NAME, sha256Hash="x"), "BAD_USER_INPUT"),
        (automatic(NAME, sha256Hash=5), "BAD_USER_INPUT"),
        ({"query": NAME, "extensions": {"persistedQuery": 5}}, "BAD_USER_INPUT"),
        ({"documentId": "x" * 1000}, "BAD_USER_INPUT"),
        ({"documentId": "unknown"}, "PERSISTED_QUERY_NOT_FOUND"),
    ],
)
async def test_what_is_named_wrongly_is_refused_and_not_kept(
    server: str, db: None, redis_url: str, body: dict[str, Any], expected: str
) -> None:
    assert code(await post(server, body)) == expected

    async with Redis.from_url(redis_url) as redis:
        assert await redis.keys("kith:persisted*") == []


async def test_the_store_holds_so_many_and_forgets_the_longest_unused(
    redis_url: str, db: None, setting: Callable[..., None]
) -> None:
    setting(persisted_queries=3)
    texts = [f"{{ a{number}: __typename }}" for number in range(5)]
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        store = PersistedQueries(redis)
        for number, text in enumerate(texts):
            await store.document({"query": text} | automatic(text))
            await redis.zadd("kith:persisted", {sha256(text): number - 100 + await _now(redis)})

        kept = sorted(await redis.keys("kith:persisted:*"))
        assert kept == sorted(f"kith:persisted:{sha256(text)}" for text in texts[2:])
        assert await redis.zcard("kith:persisted") == 3
        assert 0 < await redis.ttl(kept[0]) <= 30 * 86_400


async def _now(redis: Redis) -> int:
    return int((await redis.time())[0])


async def test_without_redis_nothing_is_found_and_documents_in_full_still_run() -> None:
    async with Redis.from_url("redis://127.0.0.1:9", decode_responses=True) as nowhere:
        store = PersistedQueries(nowhere)

        assert await store.document({"query": NAME} | automatic(NAME)) == NAME
        with pytest.raises(persisted.GraphQLError) as refusal:
            await store.document(automatic(NAME))

    assert refusal.value.extensions == {"code": "PERSISTED_QUERY_NOT_FOUND"}


async def test_automatic_ones_can_be_turned_off(server: str, db: None, setting: Callable[..., None]) -> None:
    setting(persisted_queries=0)

    assert code(await post(server, {"query": NAME} | automatic(NAME))) == "PERSISTED_QUERY_NOT_SUPPORTED"
    assert await post(server, {"query": NAME}) == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("prefix", ["", "sha256:"])
async def test_trusted_documents_of_either_tool_are_known_by_their_id(
    server: str, db: None, trusted: Callable[..., None], prefix: str
) -> None:
    trusted({prefix + sha256(NAME): NAME})

    for name in (sha256(NAME), f"sha256:{sha256(NAME)}"):
        assert await post(server, {"documentId": name}) == {"data": {"__typename": "Query"}}
        assert await post(server, {"doc_id": name}) == {"data": {"__typename": "Query"}}
    assert await post(server, automatic(NAME)) == {"data": {"__typename": "Query"}}


async def test_where_only_trusted_documents_run_no_other_does(
    server: str, db: None, redis_url: str, trusted: Callable[..., None]
) -> None:
    person = await make_user(Role.MANAGER, [await make_unit()])
    trusted({sha256(NAME): NAME}, trusted_documents_only="true")
    headers = {"authorization": f"Bearer {person.token}"}

    refused = [
        await post(server, body, **headers)
        for body in ({"query": VIEWER}, {"query": VIEWER} | automatic(VIEWER), automatic(VIEWER))
    ]

    assert [code(each) for each in refused] == ["PERSISTED_QUERY_ONLY"] * 3
    assert await post(server, {"query": NAME}) == {"data": {"__typename": "Query"}}
    async with Redis.from_url(redis_url) as redis:
        assert await redis.keys("kith:persisted*") == []


@pytest.mark.parametrize("content", ["[]", "{", '{"a": 5}', "null"])
def test_a_file_that_is_no_map_stops_the_start(
    tmp_path: Path, setting: Callable[..., None], content: str
) -> None:
    file = tmp_path / "documents.json"
    file.write_text(content)
    setting(trusted_documents=file)
    trusted_documents.cache_clear()

    with pytest.raises(SettingsError, match="KITH_TRUSTED_DOCUMENTS names"):
        trusted_documents()


async def test_sockets_name_documents_too(server: str, db: None) -> None:
    person: Person = await make_user()
    await post(server, {"query": VIEWER} | automatic(VIEWER))
    async with opened(server, person) as socket:
        await socket.send(id="1", type="subscribe", payload=automatic(VIEWER))
        answer, end = await socket.hear(), await socket.hear()
        await socket.send(id="2", type="subscribe", payload=automatic(NAME))
        refusal = await socket.hear()

    assert answer["payload"]["data"] == {"viewer": {"name": person.user.name}}
    assert end["type"] == "complete"
    assert (refusal["type"], code_of(refusal)) == ("error", "PERSISTED_QUERY_NOT_FOUND")
