"""What every response carries, and what a request must name to get one."""

from collections.abc import Callable

import httpx
import pytest
import structlog
from factories import make_unit, make_user
from kith_client import Kith
from starlette.types import Receive, Scope, Send

from api.front import Front
from crm.kernel.actor import Role

PATHS = ["/graphql?query={__typename}", "/graphql", "/healthz", "/readyz", "/nowhere", "/files/none", "/"]


@pytest.mark.parametrize("path", PATHS)
async def test_every_response_tells_browsers_what_not_to_do(server: str, db: None, path: str) -> None:
    async with httpx.AsyncClient(base_url=server) as client:
        answer = await client.get(path)

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-request-id"]
    assert "strict-transport-security" not in answer.headers


async def test_a_remembered_read_tells_them_too(server: str, db: None) -> None:
    kith = Kith(server, (await make_user()).token)
    first, again = [await kith.post({"query": "{ customers { nodes { id } } }"}) for _ in range(2)]

    told = (
        "x-content-type-options",
        "x-frame-options",
        "content-security-policy",
        "cache-control",
        "content-type",
    )
    assert [first.headers[name] for name in told] == [again.headers[name] for name in told]
    assert len(again.headers["x-request-id"]) == 32


async def test_graphiql_has_a_policy_of_its_own_and_the_rest_alike(server: str, db: None) -> None:
    async with httpx.AsyncClient(base_url=server) as client:
        answer = await client.get("/graphiql/")

    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-eval" not in policy
    assert "script-src 'self' 'unsafe-inline'" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "camera=()" in answer.headers["permissions-policy"]


async def test_browsers_are_told_to_insist_on_https_where_that_is_wanted(
    server: str, db: None, setting: Callable[..., None]
) -> None:
    setting(hsts_seconds=31_536_000)
    async with httpx.AsyncClient(base_url=server) as client:
        answer = await client.get("/healthz")

    assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


async def test_another_host_is_not_served(server: str, db: None, setting: Callable[..., None]) -> None:
    setting(allowed_hosts="api.kith.example, kith.example")
    async with httpx.AsyncClient(base_url=server) as client:
        answers = {
            host: await client.get("/graphql?query={__typename}", headers={"host": host})
            for host in ("api.kith.example", "API.kith.example:8000", "evil.example", "kith.example.evil", "")
        }
        health = await client.get("/healthz", headers={"host": "10.0.0.7:8000"})

    assert [each.status_code for each in answers.values()] == [200, 200, 421, 421, 421]
    assert answers["evil.example"].json()["errors"][0]["extensions"]["code"] == "UNKNOWN_HOST"
    assert health.status_code == 200


@pytest.mark.parametrize("given", ["a", "0af7651916cd43dd8448eb211c80319c", "a/b:c.d_e-f+g=", "x" * 100])
async def test_a_sane_request_id_is_kept(server: str, db: None, given: str) -> None:
    async with httpx.AsyncClient(base_url=server) as client:
        answer = await client.get("/healthz", headers={"x-request-id": given})

    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 101, "a b", "<script>", "a\tb", "é".encode(), b"\xff"])
async def test_another_request_id_is_replaced(server: str, db: None, given: str | bytes) -> None:
    async with httpx.AsyncClient(base_url=server) as client:
        headers = {"x-request-id": given if isinstance(given, bytes) else given.encode()}
        answers = [(await client.get("/healthz", headers=headers)).headers["x-request-id"] for _ in range(2)]

    assert all(len(each) == 32 for each in answers)
    assert answers[0] != answers[1]


async def test_log_lines_name_the_request() -> None:
    seen: list[dict[str, object]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(structlog.contextvars.get_contextvars())

    headers = [(b"x-request-id", b"mine")]
    for kind in ("http", "websocket"):
        await Front(app)({"type": kind, "path": "/", "headers": headers}, None, None)  # type: ignore[arg-type]

    assert seen == [{"request_id": "mine"}] * 2
    assert structlog.contextvars.get_contextvars() == {}


async def test_large_answers_are_compressed_for_who_can_read_that(server: str, db: None) -> None:
    kith = Kith(server, (await make_user()).token)
    body = {"query": "{ __schema { types { name description } } }"}

    packed = await kith.post(body, **{"accept-encoding": "gzip"})
    plain = await kith.post(body, **{"accept-encoding": "identity"})
    small = await kith.post({"query": "{ __typename }"}, **{"accept-encoding": "gzip"})

    assert packed.headers["content-encoding"] == "gzip"
    assert packed.num_bytes_downloaded < plain.num_bytes_downloaded / 3
    assert packed.json() == plain.json()
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in small.headers


async def test_caches_keep_answers_of_different_callers_apart(server: str, db: None) -> None:
    async with httpx.AsyncClient(base_url=server) as client:
        answer = await client.get("/graphql?query={__typename}")
        failed = await client.get("/graphql?query={nothing}", headers={"accept": "application/json"})

    for name in ("Accept", "Authorization", "Cookie", "X-Kith-Client"):
        assert name in answer.headers["vary"]
    assert answer.headers["cache-control"] == "private, no-cache"
    assert failed.headers["cache-control"] == "no-store"
    assert "etag" not in failed.headers


@pytest.mark.parametrize(
    ("who", "role", "reads"),
    [
        ("everyone", None, True),
        ("staff", None, False),
        ("staff", Role.ANALYST, True),
        ("admins", None, False),
        ("admins", Role.MANAGER, False),
        ("admins", Role.ADMIN, True),
        ("nobody", Role.ADMIN, False),
    ],
)
async def test_who_may_not_read_the_schema_is_not_helped_to_guess_it(
    server: str, db: None, setting: Callable[..., None], who: str, role: Role | None, reads: bool
) -> None:
    setting(introspection=who)
    token = (await make_user(role, [await make_unit()])).token if role else None
    mistakes = [
        {"query": "{ viewe { name } }"},
        {"query": "{ customers(firs: 1) { totalCount } }"},
        {"query": "query ($a: CustomerFilte) { __typename }"},
        {"query": "query ($a: [Role!]) { __typename }", "variables": {"a": ["ADMI"]}},
        {"query": "{ users(filter: { role: { eq: ADMI } }) { totalCount } }"},
        {
            "query": "query ($f: CustomerFilter) { customers(filter: $f) { totalCount } }",
            "variables": {"f": {"nam": {"eq": "x"}}},
        },
    ]

    told = " ".join([(await Kith(server, token).post(body)).text for body in mistakes])
    schema = (await Kith(server, token).post({"query": "{ __schema { queryType { name } } }"})).json()

    assert ("Did you mean" in told) is reads
    assert ("data" in schema) is reads
