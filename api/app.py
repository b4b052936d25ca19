"""The Starlette application: routes, start and stop, health."""

import asyncio
import contextlib
import gc
import linecache
import sys
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from tortoise import Tortoise

from api import graphiql, observed
from api.budgets import Budgets
from api.compression import COMPRESSED_FROM, COMPRESSION
from api.ebb import Ebb
from api.executor import Schema
from api.files import download
from api.front import Front
from api.fusion import ReadPool, Reads
from api.http import GraphQLView
from api.hub import Hub
from api.metrics import metrics
from api.persisted import PersistedQueries, trusted_documents
from api.reading import FusedReads
from api.refusals import on_http_exception
from api.schema import schema
from crm.kernel import database, logs, signing, traces
from crm.kernel.settings import settings

log = structlog.get_logger(__name__)

READY_SECONDS = 2.0


def create_app(schema: Schema = schema, *, fused: bool = True) -> "Application":
    """The application, for any ASGI server: `uvicorn --factory api.app:create_app`.

    Without `fused`, every read is resolved row by row: to compare with, for tests; the schema needs an executor of its own.
    """
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
    app = Application(
        routes=routes,
        middleware=[Middleware(GZipMiddleware, minimum_size=COMPRESSED_FROM, compresslevel=COMPRESSION)],
        lifespan=partial(_lifespan, reads=schema.reads if fused else None),
        exception_handlers={HTTPException: on_http_exception},
    )
    app.front = Front(app.front, FusedReads(app.state, schema) if fused else None)
    return app


def create_front() -> ASGIApp:
    """What serves the application, without the call of it: for a server that asks nothing else of it."""
    return create_app().front


class Application(Starlette):
    """Starlette behind a front of our own: what every request passes, and reads turn around in."""

    front: ASGIApp

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.front = super().__call__

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.front(scope, receive, send)


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette, *, reads: Reads | None) -> AsyncIterator[None]:
    traces.start("kith-api")  # before there are connections, whose statements it follows
    ours = not Tortoise.is_inited()
    if ours:
        await database.connect(statement_timeout=settings().statement_timeout_seconds)
    redis = Redis.from_url(
        settings().redis_url, decode_responses=True, socket_connect_timeout=1, socket_timeout=1
    )
    app.state.hub, app.state.budgets, app.state.persisted = Hub(), Budgets(redis), PersistedQueries(redis)
    pool = ReadPool(settings().read_pool, seconds=settings().request_timeout_seconds, **database.reading())
    if reads is not None:
        reads.pool = pool
    _settle()
    ebb = Ebb()
    ebb.start()
    log.info("the API is ready", url=settings().public_url)
    try:
        yield
    finally:
        ebb.stop()
        await app.state.hub.close()
        if reads is not None:
            reads.pool = None
        await pool.close()
        await app.state.budgets.close()
        await redis.aclose()
        if ours:
            await database.close()
        observed.flush()
        await asyncio.to_thread(traces.stop)


def _settle() -> None:
    """Takes what lives as long as the process, the schema above all, from what the garbage collector walks through.

    It would stop every request for 50 ms now and then; and a large document makes so many objects that it begins a walk
    through all there are, on the time of its request.
    """
    linecache.clearcache()  # Tortoise and Strawberry have read the sources of models and types
    sys.path_importer_cache.clear()  # what lies in each directory that something was imported from
    gc.collect()
    gc.freeze()


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
