"""What the figures say: tables, ratios, and whether each target is met."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Row = Mapping[str, float]
Results = Mapping[str, Mapping[str, Row]]  # query → server → rps, p50, p95, p99, rss_mb

OF_RAW = 0.8
OF_POSTGRAPHILE = 2.0
OF_MERCURIUS = 1.0
TAIL = 3.0
MEGABYTES = 90


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target of one query: what was found, and whether it will do."""

    query: str
    target: str
    found: float
    met: bool


def verdicts(results: Results) -> list[Verdict]:
    """Every target that the results hold the figures for."""
    return [verdict for query, servers in results.items() for verdict in _of_query(query, servers)]


def _of_query(query: str, servers: Mapping[str, Row]) -> Iterator[Verdict]:
    if "kith" not in servers:
        return
    kith = servers["kith"]
    if "raw" in servers:
        ratio = kith["rps"] / servers["raw"]["rps"]
        yield Verdict(query, f"kith / raw >= {OF_RAW:g}", ratio, ratio >= OF_RAW)
    if "postgraphile" in servers:
        ratio = kith["rps"] / servers["postgraphile"]["rps"]
        yield Verdict(query, f"kith / postgraphile >= {OF_POSTGRAPHILE:g}", ratio, ratio >= OF_POSTGRAPHILE)
    if "mercurius" in servers:
        ratio = kith["rps"] / servers["mercurius"]["rps"]
        yield Verdict(query, f"kith / mercurius > {OF_MERCURIUS:g}", ratio, ratio > OF_MERCURIUS)
    tail = kith["p99"] / kith["p50"] if kith["p50"] else math.inf
    yield Verdict(query, f"p99 / p50 <= {TAIL:g}", tail, tail <= TAIL)
    yield Verdict(query, f"RSS in MB <= {MEGABYTES}", kith["rss_mb"], kith["rss_mb"] <= MEGABYTES)


def figures_table(results: Results) -> str:
    """A line for each query and server."""
    lines = [f"{'':10}{'':14}{'rps':>9}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'RSS MB':>8}{'of raw':>8}"]
    for query, servers in results.items():
        raw = servers.get("raw")
        for name, row in servers.items():
            share = f"{row['rps'] / raw['rps']:8.3f}" if raw else ""
            lines.append(
                f"{query:10}{name:14}{row['rps']:9,.0f}{row['p50']:9.2f}{row['p95']:9.2f}{row['p99']:9.2f}"
                f"{row['rss_mb']:8.0f}{share}"
            )
    return "\n".join(lines)


def targets_table(results: Results) -> str:
    """A line for each query, a column for each target, a mark where it is missed."""
    found = verdicts(results)
    if not found:
        return "No targets: Kith was not measured."
    targets = list(dict.fromkeys(verdict.target for verdict in found))
    lines = [
        "Targets (! = missed)",
        f"{'':10}" + "".join(f"{target:>{_width(target)}}" for target in targets),
    ]
    lines += [_targets_line(query, targets, found) for query in results]
    missed = sum(not verdict.met for verdict in found)
    lines.append(f"{len(found) - missed} of {len(found)} targets met")
    return "\n".join(lines)


def _targets_line(query: str, targets: Sequence[str], found: Sequence[Verdict]) -> str:
    line = f"{query:10}"
    for target in targets:
        cells = [
            f"{v.found:.2f}{' ' if v.met else '!'}" for v in found if (v.query, v.target) == (query, target)
        ]
        line += f"{''.join(cells):>{_width(target)}}"
    return line


def _width(target: str) -> int:
    return len(target) + 3
