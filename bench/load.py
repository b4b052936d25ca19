"""Load on one server: keep-alive connections, each asking again as soon as it is answered.

By wrk where it is installed, since it leaves most of its core to PostgreSQL; else by a client of our own.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from bench.figures import Figures, figures_of
from bench.processes import LOAD_CORE, pinned

_WRK = Path(__file__).parent / "wrk.lua"
PATH = "/graphql"


class BadAnswer(Exception):
    """A server answered with something other than what was asked for."""


def generator() -> str:
    """What makes the load here."""
    return "wrk" if shutil.which("wrk") else "bench.load"


def measure(
    port: int, bodies: Sequence[bytes], token: str, *, seconds: float, connections: int = 16
) -> Figures:
    """POSTs the bodies in turn for `seconds`. Raises BadAnswer when one is not answered with 200."""
    with tempfile.NamedTemporaryFile(prefix="kith-bench-", suffix=".requests") as file:
        file.write(b"\n".join(bodies))
        file.flush()
        if generator() == "wrk":
            return _by_wrk(port, file.name, token, seconds, connections)
        return _by_us(port, file.name, token, seconds, connections)


def _by_wrk(port: int, bodies: str, token: str, seconds: float, connections: int) -> Figures:
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{round(seconds)}s"]
    command += ["--timeout", "30s", "--script", str(_WRK), f"http://127.0.0.1:{port}{PATH}"]
    told = os.environ | {"BENCH_BODIES": bodies, "BENCH_TOKEN": token}
    done = subprocess.run(pinned(command, LOAD_CORE), env=told, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    if found["errors"]:
        raise BadAnswer(f"{found['errors']} of {found['requests']} requests went wrong.")
    rps = found["requests"] / (found["microseconds"] / 1e6)
    return Figures(round(rps, 1), *(round(found[name] / 1000, 2) for name in ("p50", "p95", "p99")))


def _by_us(port: int, bodies: str, token: str, seconds: float, connections: int) -> Figures:
    command = [sys.executable, "-m", "bench.load", str(port), bodies, token, str(seconds), str(connections)]
    done = subprocess.run(pinned(command, LOAD_CORE), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BadAnswer(done.stderr.strip()[-500:])
    return figures_of(json.loads(done.stdout), during=seconds)


class _Connection(asyncio.Protocol):
    """One caller. Answers must say how long they are."""

    def __init__(self, load: "_Load") -> None:
        self.load = load
        self.began = 0.0
        self.missing = 0  # bytes of the answer still to come

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._ask()

    def _ask(self) -> None:
        self.began = time.perf_counter()
        self.transport.write(self.load.next_request())  # type: ignore[attr-defined]  # it is a WriteTransport

    def data_received(self, data: bytes) -> None:
        if self.missing == 0:
            try:
                self.missing = answer_length(data)
            except BadAnswer as wrong:
                self.load.end(wrong)
                return
        self.missing -= len(data)
        if self.missing > 0:
            return
        now = time.perf_counter()
        if now > self.load.until:
            self.load.end(None)
            return
        self.load.times.append(now - self.began)
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        self.load.end(BadAnswer(f"The server closed a connection: {error}"))


class _Load:
    def __init__(self, requests: Sequence[bytes], until: float) -> None:
        self.requests = requests
        self.until = until
        self.times: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._next = 0

    def next_request(self) -> bytes:
        request = self.requests[self._next % len(self.requests)]
        self._next += 1
        return request

    def end(self, error: BadAnswer | None) -> None:
        if self.done.done():
            return
        if error:
            self.done.set_exception(error)
        else:
            self.done.set_result(None)


def answer_length(data: bytes) -> int:
    """Bytes of a whole answer, head and body. All servers here send their head in one piece."""
    head, found, _ = data.partition(b"\r\n\r\n")
    if not found or b" 200 " not in head[:16]:
        raise BadAnswer(f"The server answered {data[:300]!r}.")
    _, found, rest = head.lower().partition(b"content-length:")
    if not found:
        raise BadAnswer("The server did not say how long its answer is.")
    return len(head) + 4 + int(rest.partition(b"\r\n")[0])


def request_of(body: bytes, token: str) -> bytes:
    """An HTTP request as wrk.lua writes it."""
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _run(port: int, requests: Sequence[bytes], seconds: float, connections: int) -> list[float]:
    load = _Load(requests, time.perf_counter() + seconds)
    loop = asyncio.get_running_loop()
    opened = [
        await loop.create_connection(lambda: _Connection(load), "127.0.0.1", port) for _ in range(connections)
    ]
    try:
        await load.done
    finally:
        for transport, _ in opened:
            transport.abort()
    return load.times


def main() -> None:
    port, bodies, token, seconds, connections = sys.argv[1:]
    requests = [request_of(body, token) for body in Path(bodies).read_bytes().split(b"\n")]
    json.dump(uvloop.run(_run(int(port), requests, float(seconds), int(connections))), sys.stdout)


if __name__ == "__main__":
    main()
