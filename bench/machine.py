"""Where and when a measurement was taken, and how much else the machine did meanwhile."""

import os
import subprocess
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import psutil

from bench.contestants import versions


def described() -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "cores": os.cpu_count(),
        "memory_mb": round(psutil.virtual_memory().total / 1e6),
        "versions": versions(),
    }


def commit() -> str:
    """The commit the figures belong to, marked when there was more than that."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


class Noise:
    """How many cores others kept busy since the beginning: programs that are neither `ours` nor our children."""

    def __init__(self, ours: Iterable[int]) -> None:
        self._ours = [*ours]
        self._began = time.monotonic()
        self._busy, self._our_busy = _busy(), self._our_seconds()

    def cores(self) -> float:
        others = (_busy() - self._busy) - (self._our_seconds() - self._our_busy)
        return round(max(0.0, others / (time.monotonic() - self._began)), 2)

    def _our_seconds(self) -> float:
        """CPU seconds of our processes; those of children that have ended count for their parents."""
        found = os.times()
        seconds = found.user + found.system + found.children_user + found.children_system
        for pid in self._ours:
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            seconds += sum(sum(each.cpu_times()[:2]) for each in family)
        return seconds


def _busy() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice + getattr(times, "steal", 0.0))
