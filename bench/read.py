"""Reads: a page, the 360° view of a customer, nested lists; Kith as shipped beside the raw limit, on one database."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import orjson
import psutil

from bench.data import fill
from bench.load import Figures, measure
from bench.raw import QUERIES
from bench.servers import keep, servers
from crm.accounts.models import User
from crm.accounts.tokens import create_token
from crm.customers.models import Customer
from crm.kernel import database
from crm.kernel.actor import Actor, Role
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode

CUSTOMERS = int(os.environ.get("BENCH_CUSTOMERS", "10000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "4"))
_CONTACTS = "contacts(first: 10) { nodes { name email phone } }"
DOCUMENTS = {
    "list page": "{ customers(first: 50) { nodes { id name email status address { city } } } }",
    "360° view": "query ($id: ID!) { customer(id: $id) { id name email phone status stage accountManager { name } "
    + _CONTACTS
    + " activities(first: 10) { nodes { type title occurredAt } } "
    "invoices(first: 5) { nodes { number state gross { amount } lines { description net { amount } } } } } }",
    "nested list": "{ customers(first: 50) { nodes { id name "
    + _CONTACTS
    + " invoices(first: 10) { nodes { number state issueDate gross { amount } } } } } }",
}


def main() -> None:
    print(f"\nReads: {CUSTOMERS:,} customers, {SECONDS:g} s each, 16 connections, one process a server")
    with servers("bench_read") as url:
        asyncio.run(fill(url, CUSTOMERS))
        token, customer = asyncio.run(_prepare())
        results: dict[str, dict[str, Any]] = {}
        print(f"{'':14}{'raw rps':>10}{'kith rps':>10}{'ratio':>8}{'p50 ms':>9}{'p99 ms':>9}{'RSS MB':>8}")
        for name in QUERIES:
            results[name] = _compare(name, token, customer)
    keep("read", results)


def _compare(name: str, token: str, customer: Customer) -> dict[str, Any]:
    """Both servers up, measured in turns, so that the machine's moods meet both."""
    variables = {"id": encode(Kind.CUSTOMER, customer.id)}
    body = orjson.dumps(
        {"query": DOCUMENTS[name], "variables": variables if "$id" in DOCUMENTS[name] else {}}
    )
    told = {"BENCH_QUERY": name, "BENCH_CUSTOMER": str(customer.id)}
    with _serving("bench.raw:create_app", told) as raw, _serving("api.app:create_app", {}) as kith:
        pairs = [
            [measure(port, body, token, seconds=SECONDS / 2) for port, _ in (raw, kith)] for _ in range(2)
        ]
        memory = round(psutil.Process(kith[1]).memory_info().rss / 1e6)
    limit, ours = (_best([pair[side] for pair in pairs]) for side in (0, 1))
    ratio = ours.rps / limit.rps
    print(f"{name:14}{limit.rps:10,.0f}{ours.rps:10,.0f}{ratio:8.2f}{ours.p50:9.1f}{ours.p99:9.1f}{memory:8}")
    return {"raw": asdict(limit), "kith": asdict(ours) | {"rss_mb": memory}, "ratio": round(ratio, 3)}


def _best(figures: list[Figures]) -> Figures:
    return max(figures, key=lambda each: each.rps)


async def _prepare() -> tuple[str, Customer]:
    """An analyst's token, and the customer everybody looks at."""
    await database.connect()
    try:
        user = await User.get(email="bench@kith.example")
        actor = Actor(user.id, user.name, Role.ADMIN)
        made = await create_token(actor=actor, name="bench", expires_at=now() + timedelta(days=1))
        return made.secret, await Customer.all().order_by("name").offset(CUSTOMERS // 2).first()  # type: ignore[return-value]
    finally:
        await database.close()


@contextlib.contextmanager
def _serving(factory: str, environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """One uvicorn process; yields its port and process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # Not --fd: uvicorn takes an inherited socket for a unix one, and its answers would wait for TCP's delayed ACK.
    command = [sys.executable, "-m", "uvicorn", "--factory", factory, "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--log-level", "error", "--no-access-log"],
        env=os.environ | environment,
    )
    try:
        _await(port, process)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(20)


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError("The server ended while starting.")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as probe:
            probe.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            probe.settimeout(5)
            if probe.recv(16):
                return
        time.sleep(0.1)
    raise RuntimeError("The server did not answer within 30 s.")
