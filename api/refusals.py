"""Refusals below GraphQL: a status, a code and a sentence, as JSON that every GraphQL client can read."""

from collections.abc import Mapping

import orjson
from cross_web import HTTPException
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request
from starlette.responses import Response

from api import measures, negotiation


class Refused(HTTPException):
    """A request that is refused before any of it was executed."""

    def __init__(self, status: int, reason: str, **headers: str) -> None:
        super().__init__(status, reason)
        self.headers = headers


def refusal(
    accept: str | None, status: int, reason: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The response of a refusal, in the media type the caller likes best."""
    measures.failed(_code(status))
    error = {"message": reason, "extensions": {"code": _code(status)}}
    kind = negotiation.plain(negotiation.accepted(accept))
    told = {"cache-control": "no-store", **(headers or {})}
    return Response(orjson.dumps({"errors": [error]}), status, headers=told, media_type=kind.value)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's own refusals, such as of a path that is not there."""
    if not isinstance(error, StarletteHTTPException):
        raise error
    return refusal(request.headers.get("accept"), error.status_code, f"{error.detail}.", error.headers)


def _code(status: int) -> str:
    codes = {
        404: "NOT_FOUND",
        405: "METHOD_NOT_ALLOWED",
        406: "NOT_ACCEPTABLE",
        413: "BODY_TOO_LARGE",
        415: "UNSUPPORTED_MEDIA_TYPE",
        421: "UNKNOWN_HOST",
        500: "INTERNAL_SERVER_ERROR",
    }
    return codes.get(status, "BAD_REQUEST")
