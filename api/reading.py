"""The front door for reads: queries that fusion answers whole are answered here, before the router.

Only what has gone through the whole pipeline once is found here (see `fusion.Operations`); every other request is
handed on with the body that was read, and so is one that goes wrong on the way: the pipeline says what. Documents are
admitted, priced and charged as there. Who asks is settled as there too, except that a token seen within the last half
second is not looked up again: its end shows within that time.
"""

import asyncio
import gzip
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from graphql import GraphQLError
from starlette.datastructures import State
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from strawberry.extensions import SchemaExtension
from strawberry.http.parse_content_type import parse_content_type

from api import limits, measures, negotiation
from api.auth import RecentActors, authenticate, token_of
from api.context import Context
from api.documents import parsed
from api.executor import Schema
from api.explain import HEADER as EXPLAIN
from api.fusion import Operations
from api.http import COST_HEADER, VARY
from crm.kernel.settings import settings

_ASK_MORE = (EXPLAIN.encode(), COST_HEADER.encode())
_HEADERS = ((b"vary", f"{VARY}, Accept-Encoding".encode()), (b"cache-control", b"no-store"))
COMPRESSED_FROM = 1000  # bytes
COMPRESSION = 5
_KNOWN = frozenset({"query", "variables", "operationName", "extensions", "documentId", "doc_id"})


class _Asked(NamedTuple):
    kind: bytes
    """The media type of the answer."""
    compressed: bool
    token: str
    """The bearer token, if it is told in the usual way."""


class Remembered(SchemaExtension):
    """Remembers each query that the pipeline answered without an error."""

    def on_operation(self) -> Iterator[None]:
        yield
        told = self.execution_context
        operations = getattr(told.schema, "kith_operations", None)
        if operations is None or told.graphql_document is None or getattr(told.result, "errors", True):
            return
        operations.remember(told.query, told._provided_operation_name, told.graphql_document)  # noqa: SLF001


class FusedReads:
    """ASGI middleware: answers remembered queries, hands on everything else."""

    def __init__(self, app: ASGIApp, state: State, schema: Schema) -> None:
        self._app = app
        self._state = state
        self._operations = Operations(schema.core, schema.reads, schema.executor_of)
        schema.kith_operations = self._operations
        self._actors = RecentActors()
        self._largest = settings().max_body_kb * 1_000
        self._seconds = settings().request_timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = _ordinary(scope) if scope["type"] == "http" else None
        if asked is None:
            await self._app(scope, receive, send)
            return
        body, rest = await _body(receive, self._largest)
        answer = await self._answer(scope, asked, body) if rest is None else None
        if answer is None:
            await self._app(scope, _again(body, rest, receive), send)
            return
        headers = [(b"content-type", asked.kind), *_HEADERS]
        if asked.compressed and len(answer) >= COMPRESSED_FROM:
            answer = gzip.compress(answer, COMPRESSION, mtime=0)
            headers.append((b"content-encoding", b"gzip"))
        headers.append((b"content-length", str(len(answer)).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _answer(self, scope: Scope, asked: _Asked, body: bytes) -> bytes | None:
        """The whole response body; None: the pipeline must answer."""
        try:
            told = orjson.loads(body)
            if not _KNOWN.issuperset(told):
                return None
            text = await self._state.persisted.document(told)
            name, variables = told.get("operationName"), told.get("variables")
            operation = self._operations.find(text, name)
        except (orjson.JSONDecodeError, TypeError, AttributeError, GraphQLError):
            return None
        if operation is None or not isinstance(variables, dict | None) or not _plain(told.get("extensions")):
            return None
        context = Context(Request(scope), None, authenticate)
        try:
            async with asyncio.timeout(self._seconds):
                context.actor = await self._actors.find(asked.token or token_of(context))
                cost = limits.cost_of(parsed(text), name, variables or {})
                await self._state.budgets.charge(context, cost)
                data = await self._operations.answer(operation, variables, context, context.actor)
        except Exception:  # noqa: BLE001  the pipeline meets it again and tells it properly
            return None
        if data is None:
            return None
        measures.answered(operation.node.name.value if operation.node.name else None, "query", context.actor)
        return b'{"data":' + data + b"}"


def _ordinary(scope: Scope) -> _Asked | None:
    """What an ordinary request for JSON asks for; None for any other. One look at each header."""
    if scope["path"] != "/graphql" or scope["method"] != "POST":
        return None
    content_type = accept = encodings = token = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            content_type = value
        elif name == b"accept":
            accept = value
        elif name == b"accept-encoding":
            encodings = value
        elif name == b"authorization" and value[:7] == b"Bearer ":
            token = value[7:]
        elif name in _ASK_MORE:
            return None
    kind = _media_type(content_type, accept)
    return None if kind is None else _Asked(kind, b"gzip" in encodings, token.decode("latin-1").strip())


@lru_cache(maxsize=500)
def _media_type(content_type: bytes, accept: bytes) -> bytes | None:
    kind, parameters = parse_content_type(content_type.decode("latin-1"))
    if kind != "application/json" or parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        return None
    kinds = negotiation.accepted(accept.decode("latin-1") or None)
    return kinds[0].value.encode() if kinds[0] is negotiation.plain(kinds) else None


def _plain(extensions: Any) -> bool:
    """Whether they ask for nothing but a persisted document."""
    return not extensions or (isinstance(extensions, dict) and extensions.keys() == {"persistedQuery"})


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
