"""What every request passes on its way in and every response on its way out."""

import re
from collections.abc import Mapping
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.refusals import refusal
from crm.kernel.settings import settings

REQUEST_ID = "x-request-id"
_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,100}")
_ALWAYS_ANSWERED = {"/healthz", "/readyz", "/metrics"}  # whoever asks them may not know our name

SECURITY_HEADERS = {
    # Nothing this API answers is a page, but for GraphiQL's, which has a policy of its own.
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class RequestIds:
    """Gives each request an id, the caller's own if it is a sane one: in its log lines and in its response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        name = given if _SANE_ID.fullmatch(given) else uuid4().hex
        with structlog.contextvars.bound_contextvars(request_id=name):
            await self.app(scope, receive, _adding({REQUEST_ID: name}, send))


class SecurityHeaders:
    """Adds the headers that tell browsers what not to do, unless the response says otherwise itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        added = dict(SECURITY_HEADERS)
        if seconds := settings().hsts_seconds:
            added["strict-transport-security"] = f"max-age={seconds}; includeSubDomains"
        await self.app(scope, receive, _adding(added, send))


class KnownHosts:
    """Refuses requests for a host that is not ours, such as a page makes that has renamed itself to our address."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"} and not _is_known(scope):
            accept = Headers(scope=scope).get("accept")
            await refusal(accept, 421, "This host is not served here.")(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _is_known(scope: Scope) -> bool:
    allowed = settings().allowed_hosts
    host = re.sub(r":\d+$", "", Headers(scope=scope).get("host", "")).lower()
    return not allowed or host in allowed or scope["path"] in _ALWAYS_ANSWERED


def _adding(headers: Mapping[str, str], send: Send) -> Send:
    """`send`, with headers the response does not have yet."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            held = MutableHeaders(raw=message.setdefault("headers", []))
            for name, value in headers.items():
                held.setdefault(name, value)
        await send(message)

    return sending
