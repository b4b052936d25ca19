"""The seam in graphql-core's executor: un-awaited QuerySets, pages and groups are completed by one statement."""

import contextlib
from collections.abc import Awaitable, Mapping
from typing import Any

import asyncpg
import orjson
from graphql import GraphQLNonNull
from graphql.execution.execute import Executor
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable
from tortoise import Model
from tortoise.exceptions import ValidationError
from tortoise.fields.relational import ReverseRelation
from tortoise.queryset import QuerySet

from api.fusion.chosen import Chosen
from api.fusion.compiler import Details
from api.fusion.plans import Statement
from api.fusion.reads import Reads
from api.fusion.values import Rows
from api.fusion.windows import Window


def is_awaitable(value: Any) -> bool:
    """A page or a choice is to be completed later, like a promise. Tortoise gives models an `__await__`; a row is a value."""
    return isinstance(value, Window | Chosen) or (
        not isinstance(value, Model) and optimized_is_awaitable(value)
    )


class Fused(Executor[Any]):
    """Mixin of an execution context. `reads` is set on the class by the application."""

    reads: Reads

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_awaitable = is_awaitable  # type: ignore[assignment]  # graphql-core wants a TypeGuard

    async def complete_awaitable_value(
        self,
        return_type: Any,
        field_details_list: Details,
        info: Any,
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        rest = (return_type, field_details_list, info, path)
        found = result.all() if isinstance(result, ReverseRelation) else result
        if isinstance(found, QuerySet | Window | Rows | Chosen):
            statement = self._statement(found, return_type, field_details_list)
            if statement is not None:
                with contextlib.suppress(asyncpg.DataError):
                    return await self._fetched(statement, return_type, field_details_list, path)
            if isinstance(found, Window | Chosen):
                plain = list(found) if isinstance(found, Chosen) else found
                return await self._plainly(plain, *rest, position_context)
        return await super().complete_awaitable_value(*rest, result, position_context)

    async def complete_awaitable_list_item_value(
        self,
        item: Any,
        item_type: Any,
        field_details_list: Details,
        info: Any,
        item_path: Path,
        position_context: Any,
    ) -> Any:
        if isinstance(item, QuerySet):
            statement = self._statement(item, item_type, field_details_list)
            if statement is not None:
                with contextlib.suppress(asyncpg.DataError):
                    return await self._fetched(statement, item_type, field_details_list, item_path)
        return await super().complete_awaitable_list_item_value(
            item, item_type, field_details_list, info, item_path, position_context
        )

    def _statement(self, found: Any, kind: Any, details: Details) -> Statement | None:
        variables: Mapping[str, Any] = self.variable_values.coerced
        try:
            return self.reads.prepare(found, kind, details, variables, lambda: self)
        except ValidationError:  # a text that is too long for its column; the plain way tells it in its place
            return None

    async def _fetched(self, statement: Statement, kind: Any, details: Details, path: Path) -> Any:
        """Raises DataError for a value that does not fit: the plain way tells which of the fields below asked for it."""
        try:
            found = await self.reads.fetch(statement, self.context_value)
            if found is None and isinstance(kind, GraphQLNonNull):
                raise TypeError(f"Cannot return null for non-nullable field {path.typename}.{path.key}.")
        except asyncpg.DataError:
            raise
        except Exception as error:  # noqa: BLE001  graphql-core's own way: an error belongs to its field
            self.handle_field_error(error, kind, details, path)
            return None
        return None if found is None else orjson.Fragment(found)

    async def _plainly(
        self,
        value: Window[Any] | list[Any],
        kind: Any,
        details: Details,
        info: Any,
        path: Path,
        position_context: Any,
    ) -> Any:
        """What cannot be compiled: a page whose own properties answer, row by row, or a choice item by item."""
        try:
            completed: Any = self.complete_value(kind, details, info, path, value, position_context)
            return await completed if isinstance(completed, Awaitable) else completed
        except Exception as error:  # noqa: BLE001
            self.handle_field_error(error, kind, details, path)
            return None
