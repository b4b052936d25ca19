"""GraphQL over HTTP: Strawberry's ASGI view with negotiated media types, coded errors, limits and cacheable GET.

Follows the GraphQL-over-HTTP working draft: `application/graphql-response+json` answers a request that could not be
executed with 400 and no `data`; `application/json` answers it with 200, as older clients expect.
"""

import asyncio
import hashlib
from typing import Any

import orjson
from cross_web import HTTPException
from graphql import GraphQLError
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse
from strawberry.schema import BaseSchema
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from api.auth import CLIENT_HEADER, authenticate
from api.context import Context
from api.errors import with_code
from api.websocket import TextSocket, TransportWSHandler, connect
from crm.kernel.settings import settings

GRAPHQL_RESPONSE = "application/graphql-response+json"
JSON = "application/json"
_SPECIFICITY = {
    GRAPHQL_RESPONSE: (GRAPHQL_RESPONSE, 2),
    JSON: (JSON, 2),
    "application/*": (JSON, 1),
    "*/*": (JSON, 0),
}


class BodyTooLarge(HTTPException):
    def __init__(self, limit: int) -> None:
        super().__init__(413, f"The request body is larger than {limit} bytes. Send less at once.")


def media_type(accept: str | None) -> str:
    """The best of the two media types an Accept header admits; JSON when it names neither."""
    best, rank = JSON, (0.0, -1)
    for part in (accept or "*/*").split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        found = _SPECIFICITY.get(name)
        quality = _quality(parameters)
        if found and quality > 0 and (quality, found[1]) > rank:
            best, rank = found[0], (quality, found[1])
    return best


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


class GraphQLView(GraphQL[Context, None]):
    graphql_transport_ws_handler_class = TransportWSHandler
    websocket_adapter_class = TextSocket

    def __init__(self, schema: BaseSchema) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            multipart_uploads_enabled=True,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            allowed_origins=settings().allowed_origins,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        request = Request(scope, _limited(scope, receive))
        try:
            response = await self.run(request)
        except HTTPException as refusal:
            response = _refusal(request, refusal)
        finally:
            await request.close()  # the temporary files of an upload
        await response(scope, receive, send)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        context = Context(request, response, authenticate)
        if (
            request.scope["type"] == "http"
        ):  # a socket's headers are nobody's: many operations come after them
            context.idempotency_key = request.headers.get("idempotency-key") or None
            context.actor = await authenticate(context)
        return context

    async def on_ws_connect(self, context: Context) -> dict[str, object] | None:
        return await connect(context)

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)

    def decode_json(self, data: str | bytes) -> object:
        return orjson.loads(data)

    async def parse_http_body(self, request: Any) -> Any:
        content_type = (request.content_type or "").lower()
        if content_type.startswith("multipart/form-data") and CLIENT_HEADER not in request.headers:
            raise HTTPException(
                400, "An upload must carry the header 'X-Kith-Client' (any value): forms cannot forge it."
            )
        try:
            parsed = await super().parse_http_body(request)
        except orjson.JSONDecodeError:
            raise HTTPException(400, "The request body is not valid JSON.") from None
        except (AttributeError, TypeError, ValueError, KeyError, IndexError):
            raise HTTPException(400, "The request body must be a JSON object with a 'query'.") from None
        if isinstance(parsed, list):
            raise HTTPException(400, "Batches are not supported. Send one operation a request.")
        return parsed

    async def execute_operation(self, *args: Any, **kwargs: Any) -> Any:
        seconds = settings().request_timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                return await super().execute_operation(*args, **kwargs)
        except TimeoutError:
            message = f"The operation took longer than {seconds} s. Ask for less at once."
            return PreExecutionError(
                data=None, errors=[GraphQLError(message, extensions={"code": "TIMEOUT"})]
            )

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        result.errors = [with_code(error) for error in result.errors] if result.errors else None
        answer = await super().process_result(request, result)
        if _never_ran(result):
            answer.pop("data", None)  # absent, not null: nothing was executed
        return answer

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        response = await super().get_sub_response(request)
        response.kith_request = request  # type: ignore[attr-defined]  # create_response is given nothing else
        return response

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        request: Request = sub_response.kith_request  # type: ignore[attr-defined]
        kind = media_type(request.headers.get("accept"))
        failed = kind == GRAPHQL_RESPONSE and isinstance(response_data, dict) and "data" not in response_data
        body = self.encode_json(response_data)
        response = Response(
            body, status_code=sub_response.status_code or (400 if failed else 200), media_type=kind
        )
        response.headers.raw.extend(sub_response.headers.raw)
        _cacheable(request, response, body)
        return response


def _never_ran(result: ExecutionResult) -> bool:
    if isinstance(result, PreExecutionError):
        return True
    return result.data is None and bool(result.errors) and all(e.path is None for e in result.errors or ())


def _cacheable(request: Request, response: Response, body: bytes) -> None:
    headers: MutableHeaders = response.headers
    headers["vary"] = "Accept, Authorization, Cookie"
    if request.method != "GET" or response.status_code != 200:  # noqa: PLR2004  HTTP's own number
        headers["cache-control"] = "no-store"
        return
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers["etag"], headers["cache-control"] = tag, "private, no-cache"
    if tag in (each.strip() for each in request.headers.get("if-none-match", "").split(",")):
        response.status_code, response.body = 304, b""
        del headers["content-length"]


def _refusal(request: Request, refusal: HTTPException) -> Response:
    codes = {405: "METHOD_NOT_ALLOWED", 413: "BODY_TOO_LARGE"}
    error = {"message": refusal.reason, "extensions": {"code": codes.get(refusal.status_code, "BAD_REQUEST")}}
    headers = {"allow": "GET, POST"} if refusal.status_code == 405 else {}  # noqa: PLR2004
    kind = media_type(request.headers.get("accept"))
    return Response(orjson.dumps({"errors": [error]}), refusal.status_code, headers=headers, media_type=kind)


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
            raise BodyTooLarge(limit)
        return message

    return counted
