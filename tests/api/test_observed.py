"""What operators read of a request: its line, its counts, and whether the API is ready."""

import asyncio
import io
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import structlog
from factories import make_customer, make_unit, make_user
from kith_client import Kith
from kith_socket import PROTOCOL, Socket
from own_process import running
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs
from tortoise.connection import get_connection
from websockets.asyncio.client import connect

from api import observed
from api.app import create_app
from api.measures import MEASURES, MOST_NAMES, Told
from crm.kernel import logs
from crm.kernel.actor import Actor, Role, kith
from crm.kernel.database import credentials
from crm.kernel.outbox import enqueue
from crm.kernel.transaction import transaction
from stack.valkey import Valkey

TOKEN = "a-token-for-prometheus-only"
Lines = list[dict[str, Any]]


@pytest.fixture
def lines(setting: Callable[..., None], server: str) -> Iterator[Lines]:
    setting(log_level="info")
    logs.configure()
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as found:
        yield found
    setting(log_level="error")
    logs.configure()


@pytest.fixture
def names() -> Iterator[None]:
    """No names of operations from other tests, and none left for them."""
    before = set(MEASURES.names)
    MEASURES.names.clear()
    yield
    MEASURES.names.clear()
    MEASURES.names |= before


def _requests(lines: Lines) -> Lines:
    return [each for each in lines if each["event"] == "request"]


async def test_a_request_has_one_line_that_says_who_asked_for_what(
    server: str, db: None, lines: Lines
) -> None:
    person = await make_user(Role.AGENT, [await make_unit()])
    kith = Kith(server, person.token)

    for _ in range(2):  # by the pipeline, then by the front door
        await kith.post(
            {"query": "query Names { customers { nodes { name } } }"}, **{"x-request-id": "mine-1"}
        )

    said = _requests(lines)
    assert len(said) == 2
    for line in said:
        assert line["ms"] > 0
        wanted = {"request_id": "mine-1", "actor": str(person.user.id), "operation": "Names", "kind": "query"}
        assert wanted.items() <= line.items()
        assert line["status"] == 200
        assert "errors" not in line


async def test_the_line_of_a_refusal_names_its_code(server: str, db: None, lines: Lines) -> None:
    person = await make_user(Role.AGENT, [await make_unit()])

    await Kith(server).post(
        {"query": 'mutation In { logIn(input: {email: "a@b.example", password: "no"}) { errors { code } } }'}
    )
    await Kith(server, person.token).post({"query": "{ nothingLikeIt }"})
    async with httpx.AsyncClient(base_url=server) as client:
        await client.put("/graphql")

    assert [each.get("errors") for each in _requests(lines)] == [
        ["WRONG_CREDENTIALS"],
        ["GRAPHQL_VALIDATION_FAILED"],
        ["METHOD_NOT_ALLOWED"],
    ]


@pytest.mark.parametrize(
    "document", ["{", "{ a b c d e f g }", "query ($x: Nope) { customers(first: $y) { nope } }"]
)
async def test_a_bad_document_has_one_line_beside_its_requests(
    server: str, db: None, lines: Lines, document: str
) -> None:
    person = await make_user(Role.AGENT, [await make_unit()])

    await Kith(server, person.token).post({"query": document})

    assert [each["event"] for each in lines] == ["operation failed", "request"]


async def test_what_opens_a_file_stands_in_no_line(server: str, lines: Lines) -> None:
    async with httpx.AsyncClient(base_url=server) as client:
        await client.get("/files/opens-a-file")

    assert [each["path"] for each in _requests(lines)] == ["/files/"]


async def test_lines_of_json_come_soon_and_many_at_once(
    setting: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    setting(log_level="info", log_format="json")
    monkeypatch.setattr(sys, "stderr", written := io.TextIOWrapper(io.BytesIO()))
    logs.configure()
    try:
        for number in range(1200):
            observed.ended(Told("/graphql", str(number).encode()))
        at_once = _ids(written)
        for _ in range(100):
            await asyncio.sleep(0.01)
            if len(_ids(written)) == 1200:
                break
    finally:
        setting(log_level="error", log_format="console")
        logs.configure()

    assert at_once == list(range(1000))
    assert _ids(written) == list(range(1200))


def _ids(written: io.TextIOWrapper) -> list[int]:
    lines = written.buffer.getvalue().splitlines()  # type: ignore[attr-defined]
    return [int(json.loads(line)["request_id"]) for line in lines]


async def test_an_operation_of_a_socket_has_a_line_of_its_own(server: str, db: None, lines: Lines) -> None:
    person = await make_user(Role.AGENT, [await make_unit()])
    headers = {"authorization": f"Bearer {person.token}"}
    async with connect(
        f"{server.replace('http', 'ws')}/graphql", subprotocols=[PROTOCOL], additional_headers=headers
    ) as wire:
        socket = Socket(wire)
        await socket.send(type="connection_init")
        await socket.hear()
        await socket.subscribe("1", "query OnSocket { viewer { name } }")
        while (await socket.hear())["type"] != "complete":
            pass

    (line,) = _requests(lines)
    wanted = {"path": "socket", "operation": "OnSocket", "kind": "query", "actor": str(person.user.id)}
    assert wanted.items() <= line.items()


async def _scraped(**headers: str) -> tuple[httpx.Response, dict[tuple[Any, ...], float]]:
    """One scrape of an application of its own, which has the metrics' route."""
    transport = httpx.ASGITransport(create_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://kith") as client:
        answer = await client.get("/metrics", headers=headers)
    found: dict[tuple[Any, ...], float] = {}
    if answer.status_code == 200:
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                found[(sample.name, *sorted(sample.labels.items()))] = sample.value
    return answer, found


async def test_metrics_count_operations_connections_and_jobs(
    server: str, db: None, setting: Callable[..., None], names: None
) -> None:
    setting(metrics_token=TOKEN)
    person = await make_user(Role.MANAGER, [unit := await make_unit()])
    await make_customer(unit=unit)
    async with transaction():
        await enqueue("nobody-does-it", {})
    for _ in range(3):
        await Kith(server, person.token).post({"query": "query Counted { customers { nodes { name } } }"})
    await Kith(server, person.token).post({"query": 'query Counted { node(id: "nonsense") { id } }'})

    _, found = await _scraped(authorization=f"Bearer {TOKEN}")

    ok = (("kind", "query"), ("operation", "Counted"), ("outcome", "ok"))
    error = (("kind", "query"), ("operation", "Counted"), ("outcome", "error"))
    assert found["kith_operation_duration_seconds_count", *ok] == 3
    assert found["kith_operation_duration_seconds_sum", *ok] > 0
    assert found["kith_operation_duration_seconds_bucket", ok[0], *(("le", "+Inf"), *ok[1:])] == 3
    assert found["kith_operation_duration_seconds_count", *error] == 1
    assert found["kith_operation_errors_total", ("code", "BAD_USER_INPUT"), ("operation", "Counted")] == 1
    assert found["kith_connections_in_use", ("pool", "read")] == 0
    assert found["kith_connections_most", ("pool", "database")] == 10
    assert found["kith_queue_measured",] == 1
    assert found["kith_jobs", ("state", "pending")] == 1
    assert found["kith_jobs_oldest_due_seconds",] > 0
    assert found["process_resident_memory_bytes",] > 10_000_000


async def test_metrics_tell_how_jobs_ended_whoever_did_them(
    server: str, db: None, setting: Callable[..., None]
) -> None:
    setting(metrics_token=TOKEN)
    rows = "insert into outbox (kind, payload, state, attempts, finished_at) values ('a', '{}', 'DONE', 1, now()),"
    rows += " ('a', '{}', 'DONE', 1, now()), ('a', '{}', 'DONE', 1, now() - interval '1 hour'),"
    rows += " ('b', '{}', 'DEAD', 5, now()), ('b', '{}', 'PENDING', 2, null)"
    await get_connection("default").execute_script(rows)

    _, found = await _scraped(authorization=f"Bearer {TOKEN}")

    recent = {key[1:]: value for key, value in found.items() if key[0] == "kith_jobs_recent"}
    assert recent == {
        (("kind", "a"), ("outcome", "done")): 2,
        (("kind", "b"), ("outcome", "dead")): 1,
        (("kind", "b"), ("outcome", "retrying")): 1,
    }


async def test_metrics_are_for_who_holds_the_token(
    server: str, db: None, setting: Callable[..., None]
) -> None:
    admin = await make_user(Role.ADMIN)
    async with httpx.AsyncClient(base_url=server) as client:
        assert (await client.get("/metrics")).status_code == 404  # this server has no token

    setting(metrics_token=TOKEN)

    for given in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Bearer {admin.token}"}):
        answer, _ = await _scraped(**given)
        assert answer.status_code == 401
        assert "kith_" not in answer.text


def test_strangers_cannot_fill_the_table_of_names(names: None) -> None:
    stranger = [MEASURES.label(_told(f"Op{each}", None)) for each in range(1000)]
    staff = [MEASURES.label(_told(f"Op{each}", kith())) for each in range(1000)]

    assert set(stranger) == {"other"}
    assert staff.count("other") == 1000 - MOST_NAMES
    assert MEASURES.label(_told(None, None)) == "-"


def _told(name: str | None, actor: Actor | None) -> Told:
    told = Told("/graphql")
    told.operation, told.kind, told.actor = name, "query", actor
    return told


async def test_readiness_tells_the_truth(database: str, db: None) -> None:
    with tempfile.TemporaryDirectory(prefix="kith-") as place, Valkey(Path(place) / "valkey") as valkey:
        empty = database.replace(Path(database.partition("?")[0]).name, "kith_empty")
        await _sql(database, "drop database if exists kith_empty with (force)", "create database kith_empty")
        with running(
            "uvicorn", "--factory", "api.app:create_app", "--uds", f"{place}/api.sock", says="startup complete",
            DATABASE_URL=empty, REDIS_URL=valkey.url,
        ):  # fmt: skip
            assert await _ready(place) == (503, {"database": True, "migrations": False, "redis": True})

            valkey.stop()
            assert await _ready(place) == (503, {"database": True, "migrations": False, "redis": False})
            valkey.start()

            await asyncio.to_thread(_migrated, empty)
            assert await _ready(place) == (200, {"database": True, "migrations": True, "redis": True})

            await _sql(empty, "update kith.migration set digest = 'x' || digest where name = '0001_initial'")
            assert await _ready(place) == (503, {"database": True, "migrations": False, "redis": True})
            await _sql(
                empty, "update kith.migration set digest = substr(digest, 2) where name = '0001_initial'"
            )
            assert await _ready(place) == (200, {"database": True, "migrations": True, "redis": True})

            await _sql(database, "alter database kith_empty allow_connections false", _END_ALL)
            assert await _ready(place) == (503, {"database": False, "migrations": False, "redis": True})
            async with _client(place) as client:
                assert (await client.get("/healthz")).status_code == 200
            await _sql(database, "alter database kith_empty allow_connections true")
            assert await _ready(place) == (200, {"database": True, "migrations": True, "redis": True})
        await _sql(database, "drop database kith_empty with (force)")


_END_ALL = "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'kith_empty'"


def _migrated(url: str) -> None:
    """By a process of its own: Tortoise is the test's here."""
    with running("stack", "migrate", says="schema", DATABASE_URL=url):
        pass


async def _sql(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(**credentials(url))
    for each in statements:
        await connection.execute(each)
    await connection.close()


def _client(place: str) -> httpx.AsyncClient:
    transport = httpx.AsyncHTTPTransport(uds=f"{place}/api.sock")
    return httpx.AsyncClient(transport=transport, base_url="http://kith", timeout=10)


async def _ready(place: str) -> tuple[int, dict[str, bool]]:
    async with _client(place) as client:
        answer = await client.get("/readyz")
    return answer.status_code, answer.json()
