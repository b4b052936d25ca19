"""Who is calling: a bearer token, or the browser's cookie together with a header no other site can send."""

import asyncio
import time
from collections.abc import Mapping

from starlette.requests import HTTPConnection

from api.context import Context
from api.fusion.memory import Memory
from crm.accounts.logins import actor_for_token
from crm.kernel.actor import Actor
from crm.kernel.settings import settings

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
    """Whom tokens stood for a moment ago: for reads, which come by the dozen with the same token.

    What is known is at most LONGEST seconds old, so an ended login shows within a second, in this process and in every
    other. It is looked up again once it is older than FRESH, and meanwhile nobody waits.
    """

    FRESH = 0.4
    LONGEST = 0.9
    MOST = 10_000

    def __init__(self) -> None:
        self._known: Memory[tuple[float, Actor]] = Memory(self.MOST)
        self._asked: dict[str, asyncio.Task[Actor | None]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def known(self, token: str) -> Actor | None:
        """Whom it stands for, if nobody has to wait for the answer; if it is time, it is looked up beside the caller."""
        known = self._known.get(token)
        if known is None:
            return None
        age = time.monotonic() - known[0]
        if age >= self.FRESH:
            self._ask(token)
        return known[1] if age < self.LONGEST else None

    async def find(self, token: str | None) -> Actor | None:
        if token is None or len(token) > LONGEST_TOKEN:
            return None
        return self.known(token) or await asyncio.shield(self._ask(token))  # others wait for it too

    def _ask(self, token: str) -> asyncio.Task[Actor | None]:
        task = self._asked.get(token)
        if task is None:
            task = self._asked[token] = asyncio.ensure_future(self._look_up(token))
            task.add_done_callback(_noticed)
        return task

    async def _look_up(self, token: str) -> Actor | None:
        """Only who is somebody is remembered. What goes wrong is told to those who wait, and asked again by the next."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(settings().request_timeout_seconds):
                actor = await actor_for_token(token)
            known = self._known.get(token)
            if actor is None:
                self._known.forget(token)
            else:
                self._known[token] = (began, known[1] if known and known[1] == actor else actor)
            return actor
        finally:
            del self._asked[token]


def _noticed(task: asyncio.Task[Actor | None]) -> None:
    """Nobody may have waited for it; then nobody has to hear what went wrong."""
    if not task.cancelled():
        task.exception()


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
