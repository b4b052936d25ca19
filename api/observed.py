"""One line, one count and one span for each request, and for each operation of a socket."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import structlog
from graphql import GraphQLError, get_operation_ast
from starlette.types import Scope
from starlette.websockets import WebSocket
from strawberry.extensions import SchemaExtension

from api import measures
from api.errors import with_code
from api.measures import MEASURES, Told
from crm.kernel import logs, traces
from crm.kernel.settings import settings

GRAPHQL = "/graphql"
_COUNTED = frozenset((GRAPHQL, "socket"))
_QUIET = {"/healthz", "/readyz", "/metrics"}  # asked every few seconds: told at the level `debug`
_TELLS = frozenset(("debug", "info"))


def ended(told: Told) -> None:
    """Counts and tells an HTTP request."""
    MEASURES.responses[told.status] += 1
    _note(told)


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
        told = Told("socket")
        measures.current.set(told)  # for the rest of this operation's own task
        try:
            with traces.span("socket operation", "SERVER") as opened:
                yield
                told.codes += [
                    _code(each) for each in getattr(self.execution_context.result, "errors", None) or ()
                ]
                _describe(opened, told)
        finally:
            _note(told)

    def on_execute(self) -> Iterator[None]:
        execution = self.execution_context
        document, context = execution.graphql_document, execution.context
        node = get_operation_ast(document, execution.operation_name) if document else None
        if node is not None and context is not None:
            measures.answered(node.name.value if node.name else None, node.operation.value, context.actor)
        yield


def _code(error: GraphQLError) -> str:
    return str((with_code(error).extensions or {}).get("code"))


def _note(told: Told) -> None:
    """Counts and tells an operation, of HTTP or of a socket."""
    seconds = MEASURES.count(told) if told.path in _COUNTED else told.elapsed()
    if settings().log_level in _TELLS:
        logs.tell("request", _said, told, seconds, debug=told.path in _QUIET)


def _said(told: Told, seconds: float) -> dict[str, Any]:
    """Of the line. Only what is so is said: a file has no operation, a subscription on a socket no status."""
    said: dict[str, Any] = {"path": told.path, "ms": round(seconds * 1000, 2)}
    if told.status:
        said["status"] = told.status
    if told.request_id:
        said["request_id"] = told.request_id.decode()
    if told.actor is not None:
        said["actor"] = str(told.actor.user_id)
    if told.kind:
        said["operation"], said["kind"] = told.operation, told.kind
    if told.codes:
        said["errors"] = told.codes
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
