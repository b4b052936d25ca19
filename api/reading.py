"""The front door for reads: queries that fusion answers whole are answered here, before the router.

Only what has gone through the whole pipeline once is found here (see `fusion.Operations`); every other request is
handed on with the body that was read. Who asks is settled as in the pipeline, except that a token seen within the last
half second is not looked up again: its end shows within that time.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from strawberry.extensions import SchemaExtension

from api.auth import RecentActors, authenticate
from api.context import Context
from api.executor import Executor, Schema
from api.explain import HEADER as EXPLAIN
from api.fusion import Operations
from api.http import media_type
from crm.kernel.settings import settings

_HEADERS = [(b"vary", b"Accept, Authorization, Cookie"), (b"cache-control", b"no-store")]


class Remembered(SchemaExtension):
    """Remembers each query that the pipeline answered without an error."""

    def on_operation(self) -> Iterator[None]:
        yield
        told = self.execution_context
        result = told.result
        if told.graphql_document is None or told.query is None or getattr(result, "errors", True):
            return
        operations = operations_of(told.schema)
        if operations is not None:
            operations.remember(told.query, told._provided_operation_name, told.graphql_document)  # noqa: SLF001


def operations_of(schema: Any) -> Operations | None:
    return getattr(schema, "kith_operations", None)


class FusedReads:
    """ASGI middleware: answers remembered queries, hands on everything else."""

    def __init__(self, app: ASGIApp, schema: Schema, executor: type[Executor]) -> None:
        self._app = app
        self._operations = Operations(schema.core, executor.reads, schema.executor_of)
        schema.kith_operations = self._operations
        self._actors = RecentActors()
        self._largest = settings().max_body_kb * 1_000
        self._seconds = settings().request_timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/graphql" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if (
            not headers.get(b"content-type", b"").startswith(b"application/json")
            or EXPLAIN.encode() in headers
        ):
            await self._app(scope, receive, send)
            return
        body, rest = await _body(receive, self._largest)
        answer = await self._answer(scope, body) if rest is None else None
        if answer is None:
            await self._app(scope, _again(body, rest, receive), send)
            return
        kind = media_type(headers.get(b"accept", b"*/*").decode("latin-1")).encode()
        length = (b"content-length", str(len(answer)).encode())
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", kind), length, *_HEADERS],
            }
        )
        await send({"type": "http.response.body", "body": answer})

    async def _answer(self, scope: Scope, body: bytes) -> bytes | None:
        """The whole response body; None: the pipeline must answer."""
        try:
            asked = orjson.loads(body)
            operation = self._operations.find(asked["query"], asked.get("operationName"))
            variables = asked.get("variables")
        except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError):
            return None
        if operation is None or asked.get("extensions") or not (variables is None or type(variables) is dict):
            return None
        context = Context(Request(scope), None, authenticate)
        try:
            async with asyncio.timeout(self._seconds):
                context.actor = await self._actors.find(context)
                data = await self._operations.answer(operation, variables, context, context.actor)
        except TimeoutError:
            return None
        return None if data is None else b'{"data":' + data + b"}"


async def _body(receive: Receive, largest: int) -> tuple[bytes, Message | None]:
    """The body; the message that cut it short when it grew too large or the caller went away."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body") and len(body) <= largest:
        message = await receive()
        body += message.get("body", b"")
    cut = message["type"] != "http.request" or message.get("more_body") or len(body) > largest
    return body, message if cut else None


def _again(body: bytes, rest: Message | None, receive: Receive) -> Receive:
    """A `receive` that tells what was read once more."""
    if rest is None or rest["type"] == "http.request":
        more = bool(rest and rest.get("more_body"))
        told: list[Message] = [{"type": "http.request", "body": body, "more_body": more}]
    else:
        told = [rest]

    async def again() -> Message:
        return told.pop() if told else await receive()

    return again
