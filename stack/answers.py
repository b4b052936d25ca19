"""uvicorn's HTTP, with a short way out for an answer that is there as a whole, as a remembered read's is.

uvicorn writes a head and a body one after the other, and uvloop sends each at once: two calls of the kernel, two packets, a
caller woken for nothing. It also looks at each header by two regular expressions; ours are our own. See
docs/decisions/0017. The names of uvicorn that this goes by are public, but of no contract: uvicorn is pinned.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.front import WHOLE

_STATUS = b"HTTP/1.1 200 OK\r\n"


class Protocol(HttpToolsProtocol):
    """Offers applications the extension WHOLE, which answers 200 and does nothing where a request wants more care."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._extensions: Any = {WHOLE: self.answer}

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions

    def answer(self, scope: Any, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bool:
        """Writes the answer to the request of `scope` and says that it did. Does nothing for a caller who has sent the next
        request already, reads too slowly, or will not keep the connection. `headers`, written as they are, say how long
        `body` is.
        """
        cycle = self.cycle
        if cycle.scope is not scope or cycle.response_started or cycle.disconnected:
            return False
        if self.flow.write_paused or not cycle.keep_alive:
            return False
        head = [_STATUS]
        for name, value in (*cycle.default_headers, *headers):
            head += (name, b": ", value, b"\r\n")
        head.append(b"\r\n")
        self.transport.writelines((b"".join(head), body))
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        cycle.on_response()
        return True
