"""One line, one count and one span for each request, and for each operation of a socket.

Requests are counted and told many at once, some 50 ms after they ended: what is done again and again in one go finds its
code and data in the processor's caches.
"""

import asyncio
import atexit
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import structlog
from graphql import GraphQLError, get_operation_ast
from starlette.types import Scope
from starlette.websockets import WebSocket
from strawberry.extensions import SchemaExtension

from api import measures
from api.errors import with_code
from api.measures import MEASURES, Told
from crm.kernel import logs, traces
from crm.kernel.logs import Line
from crm.kernel.settings import settings

_QUIET = {"/healthz", "/readyz", "/metrics"}  # asked every few seconds: told at the level `debug`
_TELLS = frozenset(("debug", "info"))
_LATER = 0.05  # seconds
_MOST = 500

_ended: list[Told] = []


def ended(told: Told) -> None:
    """Counts and tells a request, or an operation of a socket, that has just ended."""
    told.end()
    _ended.append(told)
    if len(_ended) >= _MOST or not logs.waits():
        flush()
    elif len(_ended) == 1:
        asyncio.get_running_loop().call_later(_LATER, flush)


def flush() -> None:
    """Counts and tells all that have ended."""
    if not _ended:
        return
    waiting = _ended.copy()
    _ended.clear()
    for told in waiting:
        MEASURES.count(told)
    if settings().log_level in _TELLS:
        zero = time.time() - time.perf_counter()
        logs.tell("request", [_line(told, zero) for told in waiting])


atexit.register(flush)


@contextlib.contextmanager
def named(request_id: bytes, told: Told | None = None) -> Iterator[None]:
    """Log lines of the block name the request; what becomes known of it is noted in `told`."""
    tokens = structlog.contextvars.bind_contextvars(request_id=request_id.decode())
    token = measures.current.set(told)
    try:
        yield
    finally:
        measures.current.reset(token)
        structlog.contextvars.reset_contextvars(**tokens)


@contextlib.contextmanager
def span_of(scope: Scope, told: Told) -> Iterator[None]:
    """The span of an HTTP request, within the caller's own if there is one."""
    with traces.span(f"{scope['method']} {told.path}", "SERVER", parent=_parent(scope)) as opened:
        yield
        _describe(opened, told)


class OperationsObserved(SchemaExtension):
    """Says which operation a request is; an operation of a socket is counted and told by itself."""

    async def on_operation(self) -> AsyncIterator[None]:
        context = self.execution_context.context
        if context is None or not isinstance(context.request, WebSocket):
            yield
            return
        told = Told(measures.SOCKET)
        measures.current.set(told)  # for the rest of this operation's own task
        try:
            with traces.span("socket operation", "SERVER") as opened:
                yield
                told.codes += [
                    _code(each) for each in getattr(self.execution_context.result, "errors", None) or ()
                ]
                _describe(opened, told)
        finally:
            ended(told)

    def on_execute(self) -> Iterator[None]:
        execution = self.execution_context
        document, context = execution.graphql_document, execution.context
        node = get_operation_ast(document, execution.operation_name) if document else None
        if node is not None and context is not None:
            measures.answered(node.name.value if node.name else None, node.operation.value, context.actor)
        yield


def _code(error: GraphQLError) -> str:
    return str((with_code(error).extensions or {}).get("code"))


def _line(told: Told, zero: float) -> Line:
    """`zero` is the moment from which the process counts its seconds."""
    about = (
        told.path,
        told.status,
        told.actor and told.actor.user_id,
        told.operation,
        told.kind,
        tuple(told.codes),
    )
    quiet = told.path in _QUIET
    moment = zero + told.since + told.seconds
    return Line(_facts, about, told.seconds, moment, told.request_id.decode(), quiet)


def _facts(
    path: str,
    status: int,
    actor: UUID | None,
    operation: str | None,
    kind: str,
    codes: tuple[str, ...],
) -> dict[str, Any]:
    """Of the line. Only what is so is said: a file has no operation, a subscription on a socket no status."""
    said: dict[str, Any] = {"path": path}
    if status:
        said["status"] = status
    if actor is not None:
        said["actor"] = str(actor)
    if kind:
        said["operation"], said["kind"] = operation, kind
    if codes:
        said["errors"] = list(codes)
    return said


def _describe(opened: Any, told: Told) -> None:
    if opened is None:
        return
    opened.set_attribute("http.response.status_code", told.status)
    if told.kind:
        label = MEASURES.label(told)
        opened.update_name(f"{told.kind} {label}")
        opened.set_attributes({"graphql.operation.name": label, "graphql.operation.type": told.kind})
    if told.actor is not None:
        opened.set_attribute("enduser.id", str(told.actor.user_id))
    if told.codes:
        opened.set_attribute("kith.errors", told.codes)
    if told.status >= 500 or "INTERNAL_SERVER_ERROR" in told.codes:  # noqa: PLR2004  the server's own
        traces.fail(opened, "INTERNAL_SERVER_ERROR")


def _parent(scope: Scope) -> str | None:
    name = traces.CARRIER.encode()
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)
