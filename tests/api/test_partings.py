"""Uploads that are refused before they have arrived: the refusal is read, and the connection does not stay."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

SOON = 1.5
"""Seconds after which nobody holds the connection of a caller who has stopped; uvicorn would after 5, or never."""
AT_LAST = 5.0
"""And that of a caller who goes on."""
PIECE = b"x" * 65_536
HUGE = 400_000_000
MULTIPART = "content-type: multipart/form-data; boundary=x"
LARGE_PART = b'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n' + b"y" * 2_000_000
REFUSED = {
    "a form without the header": (f"{MULTIPART}\r\n", b"--x\r\n", b"400"),
    "a part that is too large": (f"{MULTIPART}\r\nx-kith-client: tests\r\n", LARGE_PART, b"400"),
    "JSON that is too large": ("content-type: application/json\r\n", b"{" * 2_000_000, b"413"),
    "another media type": ("content-type: text/plain\r\n", b"{", b"415"),
}


@dataclass
class Caller:
    """A client that has sent the head and the beginning of a request."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    written: int = 0

    async def go_on(self) -> None:
        """Writes as if nobody had answered, until it cannot."""
        with contextlib.suppress(OSError):
            while self.written < HUGE:
                self.writer.write(PIECE)
                await self.writer.drain()
                self.written += len(PIECE)
                await asyncio.sleep(0.001)

    async def head(self) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), AT_LAST)

    async def rest(self) -> tuple[bytes, float]:
        """What comes until the connection is closed, and after how many seconds that is."""
        began = time.monotonic()
        return await asyncio.wait_for(self.reader.read(), AT_LAST), time.monotonic() - began


@contextlib.asynccontextmanager
async def calling(server: str, headers: str, begun: bytes, length: int | None) -> AsyncIterator[Caller]:
    host, _, port = server.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    size = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    body = b"%x\r\n%s\r\n" % (len(begun), begun) if length is None else begun
    writer.write(f"POST /graphql HTTP/1.1\r\nhost: kith\r\n{size}\r\n{headers}\r\n".encode() + body)
    try:
        await writer.drain()
        yield Caller(reader, writer)
    finally:
        writer.close()


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("length", [HUGE, None], ids=["of known length", "in chunks"])
async def test_who_stops_at_the_refusal_is_rid_of_the_connection_soon(
    server: str, db: None, name: str, length: int | None
) -> None:
    headers, begun, status = REFUSED[name]
    async with calling(server, headers, begun, length) as caller:
        head = await caller.head()
        body, seconds = await caller.rest()

    assert head.split()[1] == status
    assert b"connection: close" in head.lower()
    assert body.startswith(b'{"errors":[{"message":')
    assert seconds < SOON


@pytest.mark.parametrize("name", REFUSED)
async def test_who_goes_on_reads_the_refusal_all_the_same_and_is_cut_off(
    server: str, db: None, name: str
) -> None:
    headers, begun, status = REFUSED[name]
    async with calling(server, headers, begun, HUGE) as caller:
        writing = asyncio.create_task(caller.go_on())
        head = await caller.head()
        told = int(head.lower().partition(b"content-length: ")[2].split()[0])
        body = await asyncio.wait_for(caller.reader.readexactly(told), AT_LAST)
        await asyncio.wait_for(writing, AT_LAST)

    assert head.split()[1] == status
    assert body.startswith(b'{"errors":[{"message":')
    assert caller.written < HUGE


async def test_a_small_request_that_is_refused_keeps_its_connection(server: str, db: None) -> None:
    async with calling(server, "content-type: text/plain\r\n", b"{}", 2) as caller:
        first = await caller.head()
        told = int(first.lower().partition(b"content-length: ")[2].split()[0])
        await caller.reader.readexactly(told)
        caller.writer.write(b"GET /healthz HTTP/1.1\r\nhost: kith\r\n\r\n")
        second = await caller.head()

    assert (first.split()[1], second.split()[1]) == (b"415", b"200")
    assert b"connection: close" not in first.lower()
