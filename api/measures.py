"""What is counted of every operation, in plain numbers: `api/metrics.py` tells them, in Prometheus's words.

It is on the way of each of thousands of reads a second, so it costs a look-up and a few additions, and no library.
"""

import time
from bisect import bisect_left
from collections import Counter
from contextvars import ContextVar

from crm.kernel.actor import Actor

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper ends of the buckets of durations, in seconds."""

GRAPHQL, FILES, SOCKET = "/graphql", "/files/", "socket"
MOST_NAMES = 200
ANONYMOUS, OTHER = "-", "other"


class Told:
    """What is known of one request, or of one operation of a socket."""

    __slots__ = (
        "actor",
        "codes",
        "kind",
        "late",
        "operation",
        "path",
        "request_id",
        "seconds",
        "since",
        "status",
    )

    def __init__(self, path: str, request_id: bytes = b"") -> None:
        self.path = FILES if path.startswith(FILES) else path  # the rest of it opens the file
        self.request_id = request_id
        self.operation: str | None = None
        self.kind = ""
        self.actor: Actor | None = None
        self.codes: list[str] = []
        self.status = 0
        self.late = False
        """Whether its time is up, though nobody has told the caller yet."""
        self.since = time.perf_counter()
        self.seconds = 0.0
        """It took, once it has ended."""

    def end(self) -> None:
        self.seconds = time.perf_counter() - self.since


current: ContextVar[Told | None] = ContextVar("kith_told", default=None)


def answered(operation: str | None, kind: str, actor: Actor | None) -> None:
    """Notes which operation the request in hand is, once it is known to be a valid one."""
    if (told := current.get()) is not None:
        told.operation, told.kind, told.actor = operation, kind, actor


def failed(code: str) -> None:
    """Notes an error or refusal that the caller is told of."""
    told = current.get()
    if told is not None:
        told.codes.append(code)
    MEASURES.errors[MEASURES.label(told), code] += 1


Key = tuple[str, str, bool]
"""Operation, kind, and whether it failed: what durations are kept apart by. A plain tuple, which is made in no time."""


class Durations:
    """How many took how long."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0


class Measures:
    """The counts of this process since its start."""

    def __init__(self) -> None:
        self.operations: dict[Key, Durations] = {}
        self.errors: Counter[tuple[str, str]] = Counter()
        self.responses: Counter[int] = Counter()
        self.names: set[str] = set()

    def count(self, told: Told) -> None:
        """Counts a request, or an operation of a socket, that has ended."""
        if told.path != SOCKET:
            self.responses[told.status] += 1
            if told.path != GRAPHQL:
                return
        key = (self.label(told), told.kind, bool(told.codes))
        durations = self.operations.get(key)
        if durations is None:
            durations = self.operations[key] = Durations()
        durations.buckets[bisect_left(BOUNDS, told.seconds)] += 1
        durations.seconds += told.seconds

    def label(self, told: Told | None) -> str:
        """The name an operation is counted under. Callers choose names, so only so many are kept apart.

        A name earns its place in a valid operation of somebody who is logged in: nobody else can fill the table.
        """
        if told is None or not told.kind:
            return OTHER
        if told.operation is None:
            return ANONYMOUS
        if told.operation not in self.names:
            if told.actor is None or len(self.names) >= MOST_NAMES:
                return OTHER
            self.names.add(told.operation)
        return told.operation


MEASURES = Measures()
