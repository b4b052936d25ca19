"""What every request passes before the router, on its way in and out; reads that are remembered turn around in it.

One place, and on bytes: a read has some 200 microseconds in all.
"""

import contextlib
import random
import re
from functools import lru_cache
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from strawberry.http.parse_content_type import parse_content_type

from api import negotiation, observed
from api.auth import CLIENT_HEADER
from api.compression import COMPRESSED_FROM, compressed
from api.explain import HEADER as EXPLAIN
from api.http import COST_HEADER, LAST_EVENT
from api.measures import GRAPHQL, Told
from api.reading import FusedReads
from api.refusals import refusal
from crm.kernel import traces
from crm.kernel.settings import settings

REQUEST_ID = "x-request-id"
WHOLE = "kith.answer"
"""An extension of our server's (stack/answers.py): takes scope, headers and body, and says whether it answered with them."""
SECURITY_HEADERS = {
    # Nothing this API answers is a page, but for GraphiQL's, which has a policy of its own.
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}

Pairs = list[tuple[bytes, bytes]]

_chance = random.Random()  # noqa: S311  an id of a request is no secret, and the system's own are dear
_REQUEST_ID = REQUEST_ID.encode()
_SANE_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,100}")
_ALWAYS_ANSWERED = {"/healthz", "/readyz", "/metrics"}  # whoever asks them may not know our name
_LOOKED_AT = (
    *(b"host", b"origin", b"authorization", b"content-type", b"accept", b"accept-encoding"),
    *(EXPLAIN.encode(), COST_HEADER.encode()),
)
_NO_SPAN = contextlib.nullcontext()
_NO_STORE = (b"cache-control", b"no-store")


class _Look(NamedTuple):
    """What is to be known of a request's headers, by one look at each."""

    host: bytes
    origin: bytes | None
    kind: bytes | None
    """The media type of the answer, if this is an ordinary request for JSON."""
    compressed: bool
    token: str
    """The bearer token, if it is told in the usual way."""


class Front:
    """Around every request: refuses one for a host that is not ours, such as a page makes that has renamed itself to
    our address; gives it an id, the caller's own if it is a sane one, in its log lines and in its response; adds the
    headers that tell browsers what not to do, unless the response says otherwise itself; counts it, and tells it in one
    line and one span. Remembered reads are answered here.
    """

    def __init__(self, app: ASGIApp, reads: FusedReads | None = None) -> None:
        self._reads = reads
        self._cors = _across_origins(app)
        self._app = self._cors or app
        self._allowed: dict[bytes, Pairs] = {}
        self._largest = settings().max_body_kb * 1_000

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        known = dict(reversed(scope["headers"])).get  # of two the first counts, as everywhere
        posted = scope["path"] == GRAPHQL and scope.get("method") == "POST"
        look = _look(posted, *map(known, _LOOKED_AT))
        name = known(_REQUEST_ID)
        if name is None or not _SANE_ID.fullmatch(name):
            name = b"%032x" % _chance.getrandbits(128)
        headers = [(_REQUEST_ID, name), *_security(settings().hsts_seconds)]
        if scope["type"] == "websocket":
            with observed.named(name):
                await self._admitted(scope, look, receive, _adding(headers, send))
            return
        told = Told(scope["path"], name)
        try:
            with observed.span_of(scope, told) if traces.on() else _NO_SPAN:
                if look.kind is not None and self._reads is not None and _is_ours(look.host, scope["path"]):
                    body, rest = await _body(receive, self._largest)
                    answer = await self._reads.answer(scope, look.token, body, told) if rest is None else None
                    if answer is not None:
                        told.status = 200
                        await self._send(answer, look, headers, scope, send)
                        return
                    receive = _again(body, rest, receive)
                with observed.named(name, told):
                    await self._admitted(scope, look, receive, _adding(headers, send, told))
        finally:
            observed.ended(told)

    async def _admitted(self, scope: Scope, look: _Look, receive: Receive, send: Send) -> None:
        if _is_ours(look.host, scope["path"]):
            await self._app(scope, receive, send)
            return
        accept = Headers(scope=scope).get("accept")
        await refusal(accept, 421, "This host is not served here.")(scope, receive, send)

    async def _send(self, answer: bytes, look: _Look, headers: Pairs, scope: Scope, send: Send) -> None:
        assert look.kind is not None  # noqa: S101  else there is no answer
        headers += ((b"content-type", look.kind), _NO_STORE)
        if look.origin is not None and self._cors is not None:
            headers += await self._for_origin(self._cors, look.origin)
        if look.compressed and len(answer) >= COMPRESSED_FROM:
            answer = compressed(answer)
            headers.append((b"content-encoding", b"gzip"))
        headers.append((b"content-length", b"%d" % len(answer)))
        at_once = scope.get("extensions", {}).get(WHOLE)
        if at_once is None or not at_once(scope, headers, answer):
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": answer})

    async def _for_origin(self, cors: CORSMiddleware, origin: bytes) -> Pairs:
        """The headers that let a page of this origin read the answer."""
        if (known := self._allowed.get(origin)) is not None:
            return known
        started: Message = {"type": "http.response.start", "headers": []}

        async def noting(message: Message) -> None:
            started.update(message)

        await cors.send(dict(started), noting, Headers(raw=[(b"origin", origin)]))
        if cors.is_allowed_origin(origin.decode("latin-1")):  # strangers make up as many as they like
            self._allowed[origin] = started["headers"]
        found: Pairs = started["headers"]
        return found


@lru_cache(maxsize=250)  # a caller's headers are the same at each request
def _look(posted: bool, *headers: bytes | None) -> _Look:
    """`posted`: it is what GraphQL is usually asked by. `headers` are those of _LOOKED_AT."""
    host, origin, token, content_type, accept, encoding, explain, cost = headers
    kind = None
    if posted and explain is None and cost is None:
        kind = _media_type(content_type or b"", accept or b"")
    return _Look(
        host or b"",
        origin,
        kind,
        b"gzip" in (encoding or b""),
        token[7:].decode("latin-1").strip() if token and token[:7] == b"Bearer " else "",
    )


@lru_cache(maxsize=500)
def _media_type(content_type: bytes, accept: bytes) -> bytes | None:
    kind, parameters = parse_content_type(content_type.decode("latin-1"))
    if kind != "application/json" or parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        return None
    kinds = negotiation.accepted(accept.decode("latin-1") or None)
    return kinds[0].value.encode() if kinds[0] is negotiation.plain(kinds) else None


def _is_ours(host: bytes, path: str) -> bool:
    if not (hosts := settings().allowed_hosts):
        return True
    return re.sub(r":\d+$", "", host.decode("latin-1")).lower() in hosts or path in _ALWAYS_ANSWERED


@lru_cache(maxsize=4)
def _security(hsts_seconds: int) -> Pairs:
    added = dict(SECURITY_HEADERS)
    if hsts_seconds:
        added["strict-transport-security"] = f"max-age={hsts_seconds}; includeSubDomains"
    return [(name.encode(), value.encode()) for name, value in added.items()]


def _adding(added: Pairs, send: Send, told: Told | None = None) -> Send:
    """`send`, with headers the response does not have yet; its status is noted in `told`."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            if told is not None:
                told.status = message["status"]
            headers = message.get("headers") or []
            held = {name for name, _ in headers}
            message["headers"] = [*headers, *(each for each in added if each[0] not in held)]
        await send(message)

    return sending


def _across_origins(app: ASGIApp) -> CORSMiddleware | None:
    """Lets pages of the origins that the setting names read answers."""
    if not (origins := settings().allowed_origins):
        return None
    asked = ["authorization", "content-type", "idempotency-key", CLIENT_HEADER]
    return CORSMiddleware(
        app,
        allow_origins=list(origins),
        allow_methods=["GET", "POST"],
        allow_headers=[*asked, REQUEST_ID, COST_HEADER, LAST_EVENT],
        allow_credentials=True,
        expose_headers=[REQUEST_ID, "retry-after"],
    )


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
