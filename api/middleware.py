"""What every request passes on its way in and every response on its way out."""

import os
import re
from collections.abc import Collection
from functools import lru_cache

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.refusals import refusal
from crm.kernel.settings import settings

REQUEST_ID = "x-request-id"
_REQUEST_ID = REQUEST_ID.encode()
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


class Envelope:
    """Around every request: refuses one for a host that is not ours, such as a page makes that has renamed itself to
    our address; gives it an id, the caller's own if it is a sane one, in its log lines and in its response; and adds the
    headers that tell browsers what not to do, unless the response says otherwise itself.

    One middleware, and on bytes: it is passed by every read, which has some 200 microseconds in all.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        name = _given_id(scope) or os.urandom(16).hex()
        tokens = structlog.contextvars.bind_contextvars(request_id=name)
        sending = _adding([(_REQUEST_ID, name.encode()), *_security(settings().hsts_seconds)], send)
        try:
            if (hosts := settings().allowed_hosts) and not _is_known(scope, hosts):
                accept = Headers(scope=scope).get("accept")
                await refusal(accept, 421, "This host is not served here.")(scope, receive, sending)
            else:
                await self.app(scope, receive, sending)
        finally:
            structlog.contextvars.reset_contextvars(**tokens)


def _is_known(scope: Scope, hosts: Collection[str]) -> bool:
    host = re.sub(r":\d+$", "", Headers(scope=scope).get("host", "")).lower()
    return host in hosts or scope["path"] in _ALWAYS_ANSWERED


@lru_cache(maxsize=4)
def _security(hsts_seconds: int) -> list[tuple[bytes, bytes]]:
    added = dict(SECURITY_HEADERS)
    if hsts_seconds:
        added["strict-transport-security"] = f"max-age={hsts_seconds}; includeSubDomains"
    return [(name.encode(), value.encode()) for name, value in added.items()]


def _adding(added: list[tuple[bytes, bytes]], send: Send) -> Send:
    """`send`, with headers the response does not have yet."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = message.get("headers") or []
            held = {name for name, _ in headers}
            message["headers"] = [*headers, *(each for each in added if each[0] not in held)]
        await send(message)

    return sending


def _given_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == _REQUEST_ID:
            given: str = value.decode("latin-1")
            return given if _SANE_ID.fullmatch(given) else None
    return None
