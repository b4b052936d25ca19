"""Who is calling: a bearer token, or the browser's cookie together with a header no other site can send."""

import asyncio
import time
from collections.abc import Mapping

from starlette.requests import HTTPConnection

from api.context import Context
from api.fusion.memory import Memory
from crm.accounts.logins import actor_for_token
from crm.kernel.actor import Actor

COOKIE = "kith_session"
CLIENT_HEADER = "x-kith-client"
LONGEST_TOKEN = 100  # characters; ours have half as many


async def authenticate(context: Context) -> Actor | None:
    """The actor behind a request or socket as of now; None for nobody."""
    token = token_of(context)
    return await actor_for_token(token) if token else None


def token_of(context: Context) -> str | None:
    return (
        bearer(context.request.headers)
        or _from_init(context.connection_params)
        or _from_cookie(context.request)
    )


class RecentActors:
    """Whom tokens stood for within the last half second: for reads, which come by the dozen with the same token.

    An ended login shows within that time, in this process and in every other. A look-up that failed is not kept.
    """

    SECONDS = 0.5
    MOST = 10_000

    def __init__(self) -> None:
        self._known: Memory[tuple[float, asyncio.Future[Actor | None]]] = Memory(self.MOST)

    def __len__(self) -> int:
        return len(self._known)

    async def find(self, token: str | None) -> Actor | None:
        if (
            token is None or len(token) > LONGEST_TOKEN
        ):  # ten thousand of the longest headers would be a gigabyte
            return None
        known = self._known.get(token)
        clock = time.monotonic()
        if known is None or clock - known[0] > self.SECONDS or _failed(known[1]):
            known = self._known[token] = (clock, asyncio.ensure_future(actor_for_token(token)))
        if known[1].done():
            return known[1].result()
        return await asyncio.shield(known[1])  # others wait for it too


def _failed(look_up: asyncio.Future[Actor | None]) -> bool:
    return look_up.done() and (look_up.cancelled() or look_up.exception() is not None)


def bearer(headers: Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _from_init(params: object) -> str | None:
    """graphql-transport-ws: `connection_init` with `{"authorization": "Bearer …"}`."""
    if not isinstance(params, Mapping):
        return None
    lowered = {str(name).lower(): value for name, value in params.items()}
    value = lowered.get("authorization")
    return bearer({"authorization": value}) if isinstance(value, str) else None


def _from_cookie(request: HTTPConnection) -> str | None:
    """A cookie alone proves nothing of who wrote the request; sockets have had their origin checked instead."""
    if request.scope["type"] == "http" and CLIENT_HEADER not in request.headers:
        return None
    return request.cookies.get(COOKIE)
