"""Figures of a measurement, and what becomes of several of them."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Figures:
    """Requests a second, and latencies in milliseconds."""

    rps: float
    p50: float
    p95: float
    p99: float


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the ordered values that `share` of them do not exceed (nearest rank)."""
    if not ordered:
        raise ValueError("There is no percentile of nothing.")
    rank = -int(-len(ordered) * share // 1)  # rounded up
    return ordered[max(0, min(len(ordered), rank) - 1)]


def figures_of(seconds: Sequence[float], *, during: float) -> Figures:
    """Of the seconds each answer took, all of them within `during` seconds."""
    ordered = sorted(seconds)
    at = [round(1000 * percentile(ordered, share), 2) for share in (0.5, 0.95, 0.99)]
    return Figures(round(len(ordered) / during, 1), *at)


def medians(rounds: Sequence[Figures]) -> Figures:
    """Each figure's median over the rounds, for itself."""
    names = [field.name for field in fields(Figures)]
    return Figures(*(round(statistics.median(getattr(each, name) for each in rounds), 2) for name in names))
