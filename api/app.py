"""The Starlette application: routes, start and stop, health."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from tortoise import Tortoise

from api import graphiql
from api.auth import CLIENT_HEADER
from api.budgets import Budgets
from api.executor import Executor, Schema
from api.files import download
from api.fusion import ReadPool
from api.http import COST_HEADER, LAST_EVENT, GraphQLView
from api.hub import Hub
from api.metrics import metrics
from api.middleware import REQUEST_ID, KnownHosts, RequestIds, SecurityHeaders
from api.observed import Observed
from api.persisted import PersistedQueries, trusted_documents
from api.reading import FusedReads
from api.refusals import on_http_exception
from api.schema import schema
from crm.kernel import database, logs, signing, traces
from crm.kernel.settings import settings

log = structlog.get_logger(__name__)

READY_SECONDS = 2.0


def create_app(schema: Schema = schema) -> Starlette:
    """The application, for any ASGI server: `uvicorn --factory api.app:create_app`."""
    logs.configure()
    signing.check()
    trusted_documents()  # a file that is none stops the start
    view = GraphQLView(schema)
    routes: list[BaseRoute] = [
        Route("/graphql", view),
        WebSocketRoute("/graphql", view),
        Route("/files/{token:path}", download),
        Route("/healthz", _alive),
        Route("/readyz", _ready),
        Route("/", _home),
    ]
    if settings().metrics_token is not None:
        routes.append(Route("/metrics", metrics))
    if settings().graphiql:
        routes += graphiql.routes()
    return Starlette(
        routes=routes,
        middleware=[*_middleware(), Middleware(FusedReads, schema=schema, executor=Executor)],
        lifespan=_lifespan,
        exception_handlers={HTTPException: on_http_exception},
    )


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    traces.start("kith-api")  # before there are connections, whose statements it follows
    ours = not Tortoise.is_inited()
    if ours:
        await database.connect(statement_timeout=settings().statement_timeout_seconds)
    redis = Redis.from_url(
        settings().redis_url, decode_responses=True, socket_connect_timeout=1, socket_timeout=1
    )
    app.state.hub, app.state.budgets, app.state.persisted = Hub(), Budgets(redis), PersistedQueries(redis)
    Executor.reads.pool = pool = ReadPool(settings().read_pool, **database.reading())
    log.info("the API is ready", url=settings().public_url)
    try:
        yield
    finally:
        await app.state.hub.close()
        Executor.reads.pool = None
        await pool.close()
        await redis.aclose()
        if ours:
            await database.close()
        await asyncio.to_thread(traces.stop)


def _middleware() -> list[Middleware]:
    found = [
        Middleware(RequestIds),
        Middleware(Observed),
        Middleware(SecurityHeaders),
        Middleware(KnownHosts),
        Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5),
    ]
    if origins := settings().allowed_origins:
        asked = ["authorization", "content-type", "idempotency-key", CLIENT_HEADER]
        asked += [REQUEST_ID, COST_HEADER, LAST_EVENT]
        cors = Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=asked,
            allow_credentials=True,
            expose_headers=[REQUEST_ID, "retry-after"],
        )
        found.insert(4, cors)
    return found


async def _alive(request: Request) -> Response:
    """Liveness: the process answers."""
    del request
    return PlainTextResponse("ok")


async def _ready(request: Request) -> Response:
    """Readiness: PostgreSQL and Redis answer within 2 s, and the database has the schema this code was written for."""
    del request
    missing, redis = await asyncio.gather(_database_answers(), _redis_answers())
    state = {"database": missing is not None, "migrations": missing == [], "redis": redis}
    return JSONResponse(state, 200 if all(state.values()) else 503)


async def _database_answers() -> list[str] | None:
    """The migrations it lacks; None: it does not answer."""
    try:
        async with asyncio.timeout(READY_SECONDS):
            return await database.missing_migrations()
    except Exception:  # noqa: BLE001  whatever it is, we are not ready
        return None


async def _redis_answers() -> bool:
    try:
        async with asyncio.timeout(READY_SECONDS), Redis.from_url(settings().redis_url) as redis:
            return bool(await redis.ping())
    except (RedisError, OSError, TimeoutError):
        return False


async def _home(request: Request) -> Response:
    del request
    return (
        RedirectResponse("/graphiql/")
        if settings().graphiql
        else PlainTextResponse("Kith. The API is at /graphql.")
    )
