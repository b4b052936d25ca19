"""Answering a field by one statement: plans, connections, and what a debugging caller is told of them."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson

from api.fusion.compiler import Details
from api.fusion.plans import Plans, Statement
from api.fusion.pool import ReadPool


class Explained(Protocol):
    """The part of the application's context that fusion writes to; None: nobody asked."""

    explained: list[dict[str, Any]] | None


class Reads:
    """The read path of one schema. Until it has a pool, every field is resolved the plain way."""

    def __init__(self) -> None:
        self.plans = Plans()
        self.pool: ReadPool | None = None

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
            told = orjson.loads(await self.pool.plan_of(statement.sql, statement.parameters))
            context.explained.append({"sql": statement.sql, "plan": told[0]})
        return await self.pool.fetch(statement.sql, statement.parameters)
