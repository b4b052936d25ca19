"""Load on one server: a fixed number of keep-alive connections, each asking again when it is answered."""

import asyncio
import time
from dataclasses import dataclass

import uvloop


@dataclass(frozen=True, slots=True)
class Figures:
    """Requests a second, and latencies in milliseconds."""

    rps: float
    p50: float
    p95: float
    p99: float


def measure(port: int, body: bytes, token: str, *, connections: int = 16, seconds: float = 4.0) -> Figures:
    """POSTs `body` to /graphql for `seconds`, after a warm-up of a fifth of that. Raises on any answer with errors."""
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {token}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    request = head.encode() + body
    uvloop.run(_load(port, request, connections, seconds / 5))
    times = sorted(uvloop.run(_load(port, request, connections, seconds)))
    at = [1000 * times[min(len(times) - 1, int(len(times) * share))] for share in (0.5, 0.95, 0.99)]
    return Figures(round(len(times) / seconds, 1), *(round(each, 2) for each in at))


async def _load(port: int, request: bytes, connections: int, seconds: float) -> list[float]:
    end = time.perf_counter() + seconds
    parts = await asyncio.gather(*(_ask(port, request, end) for _ in range(connections)))
    return [each for part in parts for each in part]


async def _ask(port: int, request: bytes, end: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    times = []
    while (began := time.perf_counter()) < end:
        writer.write(request)
        answer = await _answer(reader)
        if b'"errors"' in answer[:200] or not answer.startswith(b'{"data"'):
            raise RuntimeError(f"The server answered: {answer[:300]!r}")
        times.append(time.perf_counter() - began)
    writer.close()
    return times


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return await reader.readexactly(length)
