"""Answering a field by one statement: plans, connections, and what a debugging caller is told of them."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import orjson

from api.fusion.compiler import Details
from api.fusion.memory import Memory
from api.fusion.plans import Plans, Statement, together
from api.fusion.pool import ReadPool


class Explained(Protocol):
    """The part of the application's context that fusion writes to; None: nobody asked."""

    explained: list[dict[str, Any]] | None


class Part(NamedTuple):
    """What is sent for some fields of an operation; `places` are theirs in it."""

    sql: str
    parameters: Sequence[Any]
    places: tuple[int, ...]
    varies: bool


class Reads:
    """The read path of one schema. Until it has a pool, every field is resolved the plain way."""

    def __init__(self) -> None:
        self.plans = Plans()
        self.pool: ReadPool | None = None
        self._together: Memory[str] = Memory(500)

    def prepare(
        self,
        value: Any,
        kind: Any,
        details: Details,
        variables: Mapping[str, Any],
        executor: Callable[[], Any],
    ) -> Statement | None:
        return self.plans.find(value, kind, details, variables, executor) if self.pool else None

    async def fetch(self, statement: Statement, context: Explained | None = None) -> bytes | None:
        """The JSON of the field; None for a row that is not there."""
        assert self.pool is not None  # noqa: S101  prepare() found one
        if context is not None and context.explained is not None:
            told = await self.pool.plan_of(statement.sql, statement.parameters, varies=statement.varies)
            context.explained.append({"sql": statement.sql, "plan": orjson.loads(told)[0]})
        return (await self.pool.fetch(statement.sql, statement.parameters, varies=statement.varies))[0]

    def parts(self, statements: Sequence[Statement]) -> list[Part]:
        """The statements of several fields as what is sent: those that only look up rows as one, for each takes tens of
        microseconds, and so does the way to the server and back; those that go through whole lists at the same time.
        """
        parts = []
        quick: dict[bool, list[int]] = {}
        for place, each in enumerate(statements):
            if each.whole:
                parts.append(Part(each.sql, each.parameters, (place,), each.varies))
            else:
                quick.setdefault(each.varies, []).append(place)
        for varies, places in quick.items():
            sql, parameters = together([statements[place] for place in places], self._together)
            parts.append(Part(sql, parameters, tuple(places), varies))
        return parts

    def fetch_parts(self, parts: Sequence[Part]) -> Coroutine[Any, Any, Sequence[bytes | None]]:
        """As `fetch`, for all fields of the parts."""
        assert self.pool is not None  # noqa: S101  there are parts
        if len(parts) > 1:
            return self._rows(parts, self.pool)
        (part,) = parts
        return self.pool.fetch(part.sql, part.parameters, varies=part.varies)

    async def _rows(self, parts: Sequence[Part], pool: ReadPool) -> Sequence[bytes | None]:
        asked = (pool.fetch(part.sql, part.parameters, varies=part.varies) for part in parts)
        rows = await asyncio.gather(*asked)
        found: list[bytes | None] = [None] * sum(len(part.places) for part in parts)
        for part, row in zip(parts, rows, strict=True):
            for place, value in zip(part.places, row, strict=True):
                found[place] = value
        return found
