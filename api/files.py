"""Downloads by signed link, streamed from storage."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from crm.kernel import signing, storage
from crm.kernel.errors import NotFound


async def download(request: Request) -> Response:
    """Streams the file of a link made by `signing.link`; 404 once it has ended."""
    try:
        wanted = signing.open_token(request.path_params["token"])
        first = storage.get_stream(wanted.key)
    except (NotFound, FileNotFoundError):
        message = "This link has ended or was altered. Ask the API for a fresh one."
        return JSONResponse({"errors": [{"message": message, "extensions": {"code": "NOT_FOUND"}}]}, 404)
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(wanted.filename)}",
        "cache-control": "private, no-store",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
    }
    return StreamingResponse(first, media_type=wanted.media_type, headers=headers)
