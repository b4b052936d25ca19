"""Strawberry's schema and executor, with Kith's errors: each that leaves carries a code."""

from collections.abc import Mapping
from typing import Any, cast

import strawberry
import structlog
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
)
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from api.errors import coded
from api.fusion import Fused, Operations, Reads

log = structlog.get_logger(__name__)


class Executor(Fused, StrawberryGraphQLCoreExecutionContext):
    reads = Reads()

    def handle_field_error(self, raw_error: Exception, *rest: Any) -> None:
        super().handle_field_error(coded(raw_error), *rest)


class Schema(strawberry.Schema):
    kith_operations: Operations | None = None
    """The queries that are answered whole, where a front door keeps them."""

    @property
    def core(self) -> GraphQLSchema:
        """graphql-core's schema."""
        return self._schema

    @property
    def reads(self) -> Reads:
        """How its own executor reads: another schema's may do so without statements."""
        return cast("type[Executor]", self.execution_context_class).reads

    def executor_of(self, document: DocumentNode, name: str | None, variables: Mapping[str, Any]) -> Any:
        """An executor of an operation that has been validated before."""
        assert self.execution_context_class is not None  # noqa: S101  build() names one
        return self.execution_context_class.build(
            self._schema, document, operation_name=name, raw_variable_values=dict(variables)
        )

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
