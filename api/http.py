"""GraphQL over HTTP: Strawberry's ASGI view with negotiated media types, coded errors, limits and cacheable GET.

Follows the GraphQL-over-HTTP working draft: `application/graphql-response+json` answers a request that could not be
executed with 400 and no `data`; `application/json` answers it with 200, as older clients expect.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from datetime import timedelta
from typing import Any, NamedTuple

import orjson
import structlog
from cross_web import HTTPException
from graphql import ExperimentalIncrementalExecutionResults, GraphQLError, OperationType
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData, GraphQLRequestProtocol
from strawberry.http.parse_content_type import parse_content_type
from strawberry.schema import BaseSchema
from strawberry.subscriptions import (
    GRAPHQL_SSE_PROTOCOL,
    GRAPHQL_TRANSPORT_WS_PROTOCOL,
    MULTIPART_SUBSCRIPTION_PROTOCOL,
)
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from api import measures, negotiation, streams
from api.auth import CLIENT_HEADER, authenticate
from api.context import Context
from api.documents import kind_of
from api.errors import coded, leaving
from api.introspection import discreet
from api.negotiation import Kind
from api.partings import Incoming, part
from api.refusals import Refused, refusal
from api.uploads import read_upload
from api.websocket import TextSocket, TransportWSHandler, connect
from crm.kernel.settings import settings

log = structlog.get_logger(__name__)

BAD_REQUEST = 400  # and all that is refused
COST_HEADER = "x-kith-cost"
LAST_EVENT = "last-event-id"
RESUME = "resumeAfter"
VARY = "Accept, Authorization, Cookie, X-Kith-Client, X-Kith-Cost"
_PROTOCOLS: dict[Kind, GraphQLRequestProtocol] = {
    Kind.EVENT_STREAM: "sse",
    Kind.SUBSCRIPTION_PARTS: "multipart-subscription",
}


class Asked(NamedTuple):
    """What `create_response` needs to know of a request, hung on the response that Strawberry hands it."""

    request: Request
    kinds: tuple[Kind, ...]


class GraphQLView(GraphQL[Context, None]):
    graphql_transport_ws_handler_class = TransportWSHandler
    websocket_adapter_class = TextSocket
    stream_transport_classes_by_protocol = {  # noqa: RUF012  Strawberry's own attribute
        MULTIPART_SUBSCRIPTION_PROTOCOL: streams.SubscriptionParts,
        GRAPHQL_SSE_PROTOCOL: streams.EventStream,
    }

    def __init__(self, schema: BaseSchema) -> None:
        current = settings()
        super().__init__(
            schema,
            graphql_ide=None,
            multipart_uploads_enabled=True,
            subscription_protocols=(
                GRAPHQL_TRANSPORT_WS_PROTOCOL,
                GRAPHQL_SSE_PROTOCOL,
                MULTIPART_SUBSCRIPTION_PROTOCOL,
            ),
            allowed_origins=current.allowed_origins,
            max_subscriptions_per_connection=current.max_socket_operations,
            connection_init_wait_timeout=timedelta(seconds=current.socket_greeting_seconds),
        )

    # A request's way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        incoming = Incoming(scope, receive)
        request = Request(scope, _limited(scope, incoming.receive))
        with contextlib.suppress(ClientDisconnect):
            response = await self._answer(request)
            if response.status_code >= BAD_REQUEST and incoming.outstanding:
                await part(response, scope, incoming, send)
            else:
                await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        accept = request.headers.get("accept")
        try:
            return await self.run(request)
        except HTTPException as refused:
            return refusal(accept, refused.status_code, refused.reason, getattr(refused, "headers", None))
        except ClientDisconnect:
            raise
        except GraphQLError as error:
            return self._whole(
                Asked(request, negotiation.accepted(accept)), {"errors": [leaving(error).formatted]}, None
            )
        except Exception as error:  # noqa: BLE001  whatever it is, the caller hears of it, by its number
            return refusal(accept, 500, coded(error).message)
        finally:
            await request.close()  # the temporary files of an upload

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        context = Context(request, response, authenticate)
        if isinstance(request, Request):  # a socket's headers are nobody's: many operations come after them
            context.idempotency_key = request.headers.get("idempotency-key") or None
            context.incremental = Kind.DEFERRED_PARTS in negotiation.accepted(request.headers.get("accept"))
            context.actor = await authenticate(context)
            request.state.context = context
        return context

    async def on_ws_connect(self, context: Context) -> dict[str, object] | None:
        return await connect(context)

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)

    def decode_json(self, data: str | bytes) -> object:
        return orjson.loads(data)

    def should_render_graphql_ide(self, request: Any) -> bool:
        del request
        return False

    def is_request_allowed(self, request: Any) -> bool:
        if request.method not in {"GET", "POST"}:
            raise Refused(405, "GraphQL is asked by GET or POST.", allow="GET, POST")
        return True

    # What is asked

    async def parse_http_body(self, request: Any) -> Any:
        """The one operation of a request, its document looked up if it is only named."""
        asked: Request = request._request  # noqa: SLF001  the adapter hides what an upload needs
        body = _operation(await self._body(asked))
        context: Context = asked.state.context
        asked.state.places = streams.Places(asked.headers.get("accept"))
        extensions = body.get("extensions") or {}
        context.extensions = extensions
        context.wants_cost = COST_HEADER in asked.headers or extensions.get("cost") is True
        context.resume_after = asked.headers.get(LAST_EVENT) or _text(extensions, RESUME)
        query = await asked.app.state.persisted.document(body)
        return GraphQLRequestData(
            query=query,
            variables=body.get("variables"),
            operation_name=body.get("operationName"),
            extensions=extensions,
            protocol=_protocol(asked, query, body.get("operationName")),
        )

    async def _body(self, request: Request) -> Any:
        if request.method == "GET":
            return self._of_address(request)
        kind, parameters = parse_content_type(request.headers.get("content-type", ""))
        if kind == "application/json" and parameters.get("charset", "utf-8").lower() in {"utf-8", "utf8"}:
            return self._json(await request.body())
        if kind == "multipart/form-data":
            if CLIENT_HEADER not in request.headers:
                told = "An upload must carry the header 'X-Kith-Client' (any value): forms cannot forge it."
                raise Refused(400, told)
            return await read_upload(request, self.decode_json)
        raise Refused(415, "Send application/json in UTF-8, or multipart/form-data for uploads.")

    def _of_address(self, request: Request) -> dict[str, Any]:
        found: dict[str, Any] = dict(request.query_params)
        for name in ("variables", "extensions"):
            if found.get(name):
                found[name] = self._json(found[name])
        return {name: value for name, value in found.items() if value != ""}

    def _json(self, data: str | bytes) -> Any:
        try:
            return self.decode_json(data)
        except (orjson.JSONDecodeError, RecursionError):
            raise Refused(400, "The request is not valid JSON in UTF-8.") from None

    # What happens

    async def execute_operation(self, *args: Any, **kwargs: Any) -> Any:
        """The result in time; what comes later of one in parts has the same deadline."""
        told = measures.current.get()
        seconds = 0 if told is not None and told.late else settings().request_timeout_seconds
        end = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(end):
                result: Any = await super().execute_operation(*args, **kwargs)
        except TimeoutError:
            return PreExecutionError(data=None, errors=[streams.timeout_error()])
        if isinstance(result, ExperimentalIncrementalExecutionResults):
            later = streams.in_time(result.subsequent_results, result.initial_result.pending, end)
            return result._replace(subsequent_results=later)
        return result

    # What is answered

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        context: Context = request.state.context
        errors = [discreet(leaving(error), context.actor) for error in result.errors or ()]
        result.errors = errors or None
        answer = await super().process_result(request, result)
        if _never_ran(result):
            answer.pop("data", None)  # absent, not null: nothing was executed
        return answer

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        response = await super().get_sub_response(request)
        if isinstance(request, Request):
            kinds = negotiation.accepted(request.headers.get("accept"))
            response.asked = Asked(request, kinds)  # type: ignore[attr-defined]
        return response

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        asked: Asked = sub_response.asked  # type: ignore[attr-defined]
        response = self._whole(asked, response_data, sub_response.status_code)
        response.headers.raw.extend(sub_response.headers.raw)
        return response

    def _whole(self, asked: Asked, answer: Any, status: int | None) -> Response:
        kind = negotiation.plain(asked.kinds)
        failed = kind is Kind.GRAPHQL_RESPONSE and "data" not in answer
        body = self.encode_json(answer)
        response = Response(body, status_code=status or (400 if failed else 200), media_type=kind.value)
        _pace(response, answer, failed=failed)
        _cacheable(asked.request, response, body, complete="errors" not in answer)
        return response

    def _stream_result(self, request: Request, result: Any, transport: Any) -> Any:
        """The results of a stream, fit to leave; a query's or mutation's in time."""
        context: Context = request.state.context
        whole = request.state.kind is not OperationType.SUBSCRIPTION
        return super()._stream_result(request, streams.delivered(result, context, limited=whole), transport)  # type: ignore[arg-type]

    async def _process_stream_result(
        self, request: Any, value: Any, all_pending: list[Any]
    ) -> tuple[Any, Any]:
        part, pending = await super()._process_stream_result(request, value, all_pending)
        places: streams.Places = request.state.places
        return places.placed(part), pending  # type: ignore[arg-type]

    async def create_streaming_response(
        self,
        request: Request | WebSocket,
        stream: Callable[[], AsyncIterator[str]],
        sub_response: Response,
        headers: Any,
    ) -> Response:
        """Parts are sent as they come: nothing between here and the caller may collect or keep them."""
        told = {"content-encoding": "identity", "cache-control": "no-store", **headers, "vary": VARY}
        return await super().create_streaming_response(request, _closing(stream), sub_response, told)


def _closing(stream: Callable[[], AsyncIterator[str]]) -> Callable[[], AsyncGenerator[str, None]]:
    """The same stream, ended at once when the caller has gone."""

    async def closed() -> AsyncGenerator[str, None]:
        parts = stream()
        try:
            async for part in parts:
                yield part
        finally:
            if isinstance(parts, AsyncGenerator):
                await parts.aclose()

    return closed


def _operation(body: Any) -> dict[str, Any]:
    if isinstance(body, list):
        raise Refused(400, "Batches are not supported. Send one operation a request.")
    texts, objects = ("query", "operationName", "documentId", "doc_id"), ("variables", "extensions")
    if not isinstance(body, dict):
        raise Refused(400, "The request body must be a JSON object with a 'query'.")
    for name in (*texts, *objects):
        kind, word = (str, "a text") if name in texts else (dict, "an object")
        if not isinstance(body.get(name), kind | None):
            raise Refused(400, f"'{name}' must be {word}, or left out.")
    return body


def _protocol(request: Request, query: str | None, operation_name: str | None) -> GraphQLRequestProtocol:
    """How the answer travels: a subscription as the best stream that is accepted, anything else as it is liked best."""
    kinds = negotiation.accepted(request.headers.get("accept"))
    request.state.kind = kind = kind_of(query, operation_name)
    if kind is OperationType.MUTATION and request.method == "GET":
        raise Refused(405, "Changes are made by POST.", allow="POST")
    if kind is not OperationType.SUBSCRIPTION:
        return "sse" if kinds[0] is Kind.EVENT_STREAM else "http"
    if (stream := negotiation.stream(kinds)) is None:
        told = (
            "A subscription is answered as text/event-stream, as multipart/mixed;subscriptionSpec=1.0, "
            "or over a WebSocket (graphql-transport-ws). Accept one of them."
        )
        raise Refused(406, told)
    return _PROTOCOLS[stream]


def _text(extensions: dict[str, Any], name: str) -> str | None:
    value = extensions.get(name)
    return value if isinstance(value, str) else None


def _never_ran(result: ExecutionResult) -> bool:
    if isinstance(result, PreExecutionError):
        return True
    return result.data is None and bool(result.errors) and all(e.path is None for e in result.errors or ())


def _pace(response: Response, answer: Any, *, failed: bool) -> None:
    """Says in HTTP's own words, too, when a caller who is too fast may try again."""
    waits = [(error.get("extensions") or {}).get("retryAfter") for error in answer.get("errors") or ()]
    if seconds := next(filter(None, waits), None):
        response.headers["retry-after"] = str(seconds)
        response.status_code = 429 if failed else response.status_code


def _cacheable(request: Request, response: Response, body: bytes, *, complete: bool) -> None:
    headers: MutableHeaders = response.headers
    headers["vary"] = VARY
    if request.method != "GET" or not complete:
        headers["cache-control"] = "no-store"
        return
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers["etag"], headers["cache-control"] = tag, "private, no-cache"
    if tag in (each.strip() for each in request.headers.get("if-none-match", "").split(",")):
        response.status_code, response.body = 304, b""
        del headers["content-length"]


def _limited(scope: Scope, receive: Receive) -> Receive:
    """Counts the body as it arrives; an upload has its own, larger limit."""
    content_type = dict(scope["headers"]).get(b"content-type", b"")
    upload = content_type.lower().startswith(b"multipart/form-data")
    limit = settings().max_upload_mb * 1_000_000 if upload else settings().max_body_kb * 1_000
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            told = f"The request body is larger than the {limit} bytes allowed. Send less at once."
            raise Refused(413, told)
        return message

    return counted
