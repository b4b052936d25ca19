"""Refusals that are ready before the request has arrived whole: what is still to come is not waited for.

An upload may be refused at its first byte. The connection cannot be used again before its last one, so it is closed;
but not at once: a caller who is in the middle of writing would be told of a reset, and never read why.
"""

import asyncio
import contextlib

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

SMALL = 65_536
"""Bytes: a body no longer than this has arrived by now, or is about to, and the connection stays."""
SILENCE_SECONDS = 0.3
"""After which a caller has noticed and writes no more."""
PATIENCE_SECONDS = 2.0
"""For one who goes on writing."""


class Incoming:
    """What a request's body is received through; it knows whether all of it has come."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        self._large = b"transfer-encoding" in headers or (length.isdigit() and int(length) > SMALL)
        self._receive = receive
        self._whole = False

    @property
    def outstanding(self) -> bool:
        """Whether there is much to come."""
        return self._large and not self._whole

    async def receive(self) -> Message:
        message = await self._receive()
        self._whole = message["type"] != "http.request" or not message.get("more_body")
        return message

    async def pass_by(self) -> None:
        """Lets what still comes go by, until it is all there, the caller stops, or patience ends."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not self._whole:
                    async with asyncio.timeout(SILENCE_SECONDS):
                        await self.receive()


async def part(response: Response, scope: Scope, incoming: Incoming, send: Send) -> None:
    """Sends a refusal whole, lets the rest of the request go by for a moment, and has the connection closed."""
    response.headers["connection"] = "close"

    async def lingering(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        await send({**message, "more_body": True})
        await incoming.pass_by()
        await send({"type": "http.response.body", "body": b""})

    await response(scope, incoming.receive, lingering)
