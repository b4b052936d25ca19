"""Reads: Kith as shipped beside the raw limit and other servers, all up at once, on one database, measured in turns."""

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from bench.canonical import canonical, difference
from bench.chart import draw
from bench.cluster import Cluster, cluster
from bench.contestants import CONTESTANTS, Contestant, prepare_peers, versions
from bench.data import READER, Size
from bench.figures import Figures, medians
from bench.load import PATH, BadAnswer, generator, measure
from bench.processes import Running, free_port, serving
from bench.queries import QUERIES, Query, Sample, Values, bodies, sample
from bench.report import figures_table, targets_table
from bench.servers import RESULTS, keep
from crm.accounts.models import User
from crm.accounts.tokens import create_token
from crm.kernel import database
from crm.kernel.actor import Actor
from crm.kernel.clock import now

WARM_UP = 2.0
_NAMES = [query.name for query in QUERIES]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured, and how long."""

    size: Size
    queries: tuple[Query, ...]
    contestants: tuple[Contestant, ...]
    seconds: float
    rounds: int
    connections: int


@dataclass(frozen=True, slots=True)
class Server:
    """A contestant that is up."""

    contestant: Contestant
    running: Running
    token: str

    def ask(self, operation: str, document: str, variables: Values) -> Any:
        asked = {"query": document, "variables": variables, "operationName": operation}
        return self.answer(json.dumps(asked).encode())

    def answer(self, body: bytes) -> Any:
        """`data` of the answer to one request. Raises BadAnswer."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        address = f"http://127.0.0.1:{self.running.port}{PATH}"
        request = urllib.request.Request(address, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
                found = json.load(response)
        except urllib.error.HTTPError as refusal:
            found = {"errors": refusal.read().decode()}
        if found.get("errors") or found.get("data") is None:
            raise BadAnswer(f"{self.contestant.name} answered {str(found)[:500]} to {body[:300]!r}")
        return found["data"]


def main(arguments: Sequence[str] = ()) -> None:
    plan = _plan(arguments)
    if any(each.needs_node for each in plan.contestants):
        prepare_peers()
    with cluster(plan.size) as servers, _all_up(plan, servers) as up:
        results = _measure_all(plan, up, asyncio.run(sample(servers.url, plan.size)))
    print(f"\n{figures_table(results)}\n\n{targets_table(results)}")
    meta = _meta(plan)
    keep("read", {"meta": meta, **results})
    draw(
        results,
        RESULTS / "read.png",
        queries={query.name: query.title for query in QUERIES},
        servers={name: each.title for name, each in CONTESTANTS.items()},
        note=f"{plan.connections} connections, one core a server, {plan.size.customers:,} customers; "
        f"dashed: 80% of the raw limit, bare ASGI and hand-written SQL. {meta['date'][:10]}, {meta['commit']}",
    )


def _plan(arguments: Sequence[str]) -> Plan:
    parser = argparse.ArgumentParser(prog="scripts/bench read", description=__doc__)
    parser.add_argument("--queries", default=",".join(_NAMES), help="some of: %(default)s")
    parser.add_argument("--servers", default=",".join(CONTESTANTS), help="some of: %(default)s")
    parser.add_argument("--seconds", type=float, default=3, help="length of a round (default %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=5, help="rounds a server and query (default %(default)s)"
    )
    parser.add_argument("--connections", type=int, default=16, help="callers at once (default %(default)s)")
    parser.add_argument("--size", type=int, default=100_000, help="customers (default %(default)s)")
    given = parser.parse_args(arguments)
    wanted = given.queries.split(",")
    if unknown := [name for name in wanted if name not in _NAMES]:
        parser.error(f"there is no query {unknown[0]}")
    if unknown := [name for name in given.servers.split(",") if name not in CONTESTANTS]:
        parser.error(f"there is no server {unknown[0]}")
    return Plan(
        Size(given.size),
        tuple(query for query in QUERIES if query.name in wanted),
        tuple(CONTESTANTS[name] for name in given.servers.split(",")),
        given.seconds,
        given.rounds,
        given.connections,
    )


@contextlib.contextmanager
def _all_up(plan: Plan, servers: Cluster) -> Iterator[list[Server]]:
    token = asyncio.run(reader_token())
    with tempfile.TemporaryDirectory(prefix="kith-bench-") as logs, contextlib.ExitStack() as stack:
        yield [
            Server(each, stack.enter_context(_start(each, servers, Path(logs))), token)
            for each in plan.contestants
        ]


def _start(
    contestant: Contestant, servers: Cluster, logs: Path
) -> contextlib.AbstractContextManager[Running]:
    port = free_port()
    return serving(
        contestant.command_on(port),
        port,
        environment={**servers.environment, **contestant.environment, "PORT": str(port)},
        directory=contestant.directory,
        log=logs / f"{contestant.name}.log",
    )


async def reader_token() -> str:
    """A token that may read, of a manager who is in every unit but sees no more than those."""
    await database.connect()
    try:
        user = await User.get(email=READER)
        actor = Actor(user.id, user.name, user.role)
        made = await create_token(actor=actor, name="bench", expires_at=now() + timedelta(days=1))
        return made.secret
    finally:
        await database.close()


def _measure_all(plan: Plan, up: Sequence[Server], values: Sample) -> dict[str, dict[str, dict[str, float]]]:
    results = {}
    for query in plan.queries:
        asked = {
            server.contestant.name: bodies(query, server.contestant.dialect, values, server.ask, plan.size)
            for server in up
        }
        _compare(query, up, asked)
        results[query.name] = _measure(plan, up, asked)
    return results


def _compare(query: Query, up: Sequence[Server], asked: dict[str, list[bytes]]) -> None:
    """Asks every server every variation once. Exits if one does not say what the first says."""
    count = len(asked[up[0].contestant.name])
    for number in range(count):
        first, *others = up
        wanted = canonical(first.answer(asked[first.contestant.name][number]))
        for server in others:
            found = canonical(server.answer(asked[server.contestant.name][number]))
            if where := difference(wanted, found):
                names = f"{first.contestant.name} and {server.contestant.name}"
                sys.exit(f"{query.name}, variation {number}: {names} do not agree. {where}")
    print(f"{query.name}: {len(up)} servers agree on {count} variations", flush=True)


def _measure(plan: Plan, up: Sequence[Server], asked: dict[str, list[bytes]]) -> dict[str, dict[str, float]]:
    """Short rounds in turns, in the order and back, so that the machine's moods meet all servers alike."""
    found: dict[str, list[Figures]] = {server.contestant.name: [] for server in up}
    load = partial(measure, connections=plan.connections)
    for server in up:
        load(server.running.port, asked[server.contestant.name], server.token, seconds=WARM_UP)
    for turn in range(plan.rounds):
        for server in up if turn % 2 == 0 else reversed(up):
            name = server.contestant.name
            found[name].append(load(server.running.port, asked[name], server.token, seconds=plan.seconds))
    for name, rounds in found.items():
        print(f"  {name:14}{' '.join(f'{each.rps:9,.0f}' for each in rounds)}", flush=True)
    return {
        server.contestant.name: asdict(medians(found[server.contestant.name]))
        | {"rss_mb": server.running.megabytes()}
        for server in up
    }


def _meta(plan: Plan) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "rows": plan.size.rows,
        "seconds": plan.seconds,
        "rounds": plan.rounds,
        "connections": plan.connections,
        "load": generator(),
        "memory_mb": round(psutil.virtual_memory().total / 1e6),
        "versions": versions(),
    }


def commit() -> str:
    """The commit the figures belong to, marked when there was more than that."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return told.stdout.strip() or "unknown"
