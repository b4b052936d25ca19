"""Downloads by signed link: files streamed from storage, and documents made when they are asked for."""

from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from crm.kernel import signing, storage
from crm.kernel.errors import DomainError
from crm.kernel.signing import Rendering, Target

Renderer = Callable[[str], Awaitable[bytes]]

_renderers: dict[str, Renderer] = {}


def renders(kind: str) -> Callable[[Renderer], Renderer]:
    """Registers what makes the documents of a `Rendering`: from the record's public id to the bytes.

    The access check was made when the link was; a record that changed its state since may raise a DomainError.
    """

    def decorate(renderer: Renderer) -> Renderer:
        _renderers[kind] = renderer
        return renderer

    return decorate


async def download(request: Request) -> Response:
    """Streams the file of a link made by `signing.link`; 404 once it has ended."""
    try:
        wanted = signing.open_token(request.path_params["token"])
        content = await _content(wanted)
    except (DomainError, FileNotFoundError):
        message = "This link has ended or was altered. Ask the API for a fresh one."
        return JSONResponse({"errors": [{"message": message, "extensions": {"code": "NOT_FOUND"}}]}, 404)
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(wanted.filename)}",
        "cache-control": "private, no-store",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
    }
    return StreamingResponse(content, media_type=wanted.media_type, headers=headers)


async def _content(wanted: Target) -> AsyncIterator[bytes]:
    """The bytes, the first of which have been read: only then is it certain that they are there."""
    if isinstance(wanted, Rendering):
        return _in_order(await _renderers[wanted.kind](wanted.subject), None)
    rest = storage.get_stream(wanted.key)
    return _in_order(await anext(rest, b""), rest)


async def _in_order(first: bytes, rest: AsyncIterator[bytes] | None) -> AsyncIterator[bytes]:
    yield first
    if rest is not None:
        async for piece in rest:
            yield piece
