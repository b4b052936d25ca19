"""Who may read the schema through the API: everyone, or only callers who are logged in, as the setting says."""

from collections.abc import Iterator
from typing import Any

from graphql import FieldNode, GraphQLError, ValidationRule, get_named_type, is_introspection_type
from strawberry.extensions import SchemaExtension

from crm.kernel.settings import settings


class _LogInFirst(ValidationRule):
    def enter_field(self, node: FieldNode, *_: Any) -> None:
        kind = get_named_type(self.context.get_type())
        if kind is not None and is_introspection_type(kind):
            message = "Log in to read the schema."
            self.report_error(GraphQLError(message, node, extensions={"code": "UNAUTHENTICATED"}))


class Introspection(SchemaExtension):
    """Refuses `__schema` and `__type` to nobody in particular; `__typename` is everybody's."""

    def on_operation(self) -> Iterator[None]:
        context = self.execution_context.context
        if context is not None and context.actor is None and settings().introspection == "staff":
            self.execution_context.validation_rules += (_LogInFirst,)
        yield
