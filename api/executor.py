"""Strawberry's schema and executor, with Kith's errors: each that leaves carries a code."""

from collections.abc import Mapping
from typing import Any

import strawberry
import structlog
from graphql import (
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    Undefined,
)
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from tortoise import Model

from api.errors import coded

log = structlog.get_logger(__name__)


def _is_awaitable(value: Any) -> bool:
    """Tortoise gives models an `__await__`; a row is a value, not a promise."""
    return not isinstance(value, Model) and optimized_is_awaitable(value)


class Executor(StrawberryGraphQLCoreExecutionContext):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_awaitable = _is_awaitable  # type: ignore[assignment]  # graphql-core wants a TypeGuard

    def handle_field_error(self, raw_error: Exception, *rest: Any) -> None:
        super().handle_field_error(coded(raw_error), *rest)


class Schema(strawberry.Schema):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for declared in self._schema.type_map.values():
            if isinstance(declared, GraphQLObjectType | GraphQLInterfaceType):
                for field in declared.fields.values():
                    _forget_null_defaults(field.args)
            elif isinstance(declared, GraphQLInputObjectType):
                _forget_null_defaults(declared.fields)

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """One line for a failed operation. What a caller did wrong is no error of ours; `coded` logs those that are."""
        name = getattr(execution_context, "operation_name", None)
        log.info("operation failed", operation=name, errors=len(errors), first=errors[0].message[:300])


def _forget_null_defaults(slots: Mapping[str, Any]) -> None:
    """`= null` says no more than leaving the value out, which Python's own default then stands in for."""
    for slot in slots.values():
        if slot.default_value is None:
            slot.default_value = Undefined
