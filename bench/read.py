"""Reads: Kith as shipped beside the raw limit and other servers, all up at once, on one database, measured in turns."""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import machine
from bench.canonical import canonical, difference
from bench.chart import draw
from bench.cluster import Cluster, cluster
from bench.contestants import CONTESTANTS, Contestant, prepare_peers
from bench.data import Size
from bench.figures import Figures, medians
from bench.load import BadAnswer, generator, measure
from bench.queries import QUERIES, Query, Sample, bodies, sample
from bench.report import figures_table, targets_table
from bench.running import Server, reader_token, started
from bench.servers import RESULTS, keep

USUAL = Size(100_000)
WARM_UP = 2.0
PATIENCE = 60.0
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

    @property
    def whole(self) -> bool:
        """Whether its results can stand for Kith."""
        everything = len(self.queries) == len(QUERIES) and len(self.contestants) == len(CONTESTANTS)
        return everything and self.size == USUAL


def main(arguments: Sequence[str] = ()) -> None:
    plan = _plan(arguments)
    if any(each.needs_node for each in plan.contestants):
        prepare_peers()
    try:
        with cluster(plan.size) as servers, _all_up(plan, servers) as up:
            values = asyncio.run(sample(servers.url, plan.size))
            results, noise = _measure_all(plan, servers, up, values)
    except BadAnswer as wrong:
        sys.exit(f"Not measured: {wrong}")
    print(f"\n{figures_table(results)}\n\n{targets_table(results)}")
    if not plan.whole:
        print("\nNot kept in bench/results: not every query and server was measured at the usual size.")
        return
    meta = _meta(plan, noise)
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
    parser.add_argument("--seconds", type=float, default=2, help="length of a round (default %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=9, help="rounds a server and query (default %(default)s)"
    )
    parser.add_argument("--connections", type=int, default=16, help="callers at once (default %(default)s)")
    parser.add_argument("--size", type=int, default=USUAL.customers, help="customers (default %(default)s)")
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
        yield [stack.enter_context(started(each, servers, token, Path(logs))) for each in plan.contestants]


def _measure_all(
    plan: Plan, servers: Cluster, up: Sequence[Server], values: Sample
) -> tuple[dict[str, dict[str, dict[str, float]]], dict[str, float]]:
    """The figures of each query and server, and how many cores others kept busy during each query."""
    results, noises = {}, {}
    for query in plan.queries:
        asked = {
            server.contestant.name: bodies(query, server.contestant.dialect, values, server.ask, plan.size)
            for server in up
        }
        _compare(query, up, asked)
        noise = machine.Noise([servers.pid, *(server.running.pid for server in up)])
        results[query.name] = _measure(plan, up, asked)
        noises[query.name] = noise.cores()
        print(f"  others kept {noises[query.name]:.2f} cores busy", flush=True)
    return results, noises


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
    for server in up:
        _round(plan, server, asked, WARM_UP)
    for turn in range(plan.rounds):
        for server in up if turn % 2 == 0 else reversed(up):
            found[server.contestant.name].append(_round(plan, server, asked, plan.seconds))
    for name, rounds in found.items():
        print(f"  {name:14}{' '.join(f'{each.rps:9,.1f}' for each in rounds)}", flush=True)
    return {
        server.contestant.name: asdict(medians(found[server.contestant.name]))
        | {"rss_mb": server.running.megabytes()}
        for server in up
    }


def _round(plan: Plan, server: Server, asked: dict[str, list[bytes]], seconds: float) -> Figures:
    """A server so slow that its callers were hardly answered gets more time."""
    port, wanted = server.running.port, asked[server.contestant.name]
    while True:
        found = measure(port, wanted, server.token, seconds=seconds, connections=plan.connections)
        if found.rps * seconds >= 2 * plan.connections or seconds >= PATIENCE:
            return found
        seconds = min(PATIENCE, 4 * seconds)


def _meta(plan: Plan, noise: dict[str, float]) -> dict[str, Any]:
    return machine.described() | {
        "rows": plan.size.rows,
        "seconds": plan.seconds,
        "rounds": plan.rounds,
        "connections": plan.connections,
        "load": generator(),
        "cores_kept_busy_by_others": noise,
    }
