"""What the database was asked: for an admin who sends `X-Kith-Explain: 1`, or `"extensions": {"explain": true}`.

The answer's `extensions.explain` lists each statement of the request with PostgreSQL's plan. Each is run twice, once
to be measured, so this is for looking into one request, not for every one.
"""

from collections.abc import Iterator
from typing import Any

from strawberry.extensions import SchemaExtension

from api.context import Context
from crm.kernel.actor import Role
from crm.kernel.errors import Forbidden

HEADER = "x-kith-explain"


class Explain(SchemaExtension):
    def on_operation(self) -> Iterator[None]:
        context: Context | None = self.execution_context.context
        if context is not None and self._asked(context):
            if context.require().role is not Role.ADMIN:
                raise Forbidden(
                    "Only an administrator may see how the database answers. Leave out 'explain'."
                )
            context.explained = []
        yield

    def _asked(self, context: Context) -> bool:
        told: dict[str, Any] = self.execution_context.operation_extensions or {}
        return told.get("explain") is True or context.request.headers.get(HEADER) in {"1", "true"}

    def get_results(self) -> dict[str, Any]:
        context: Context | None = self.execution_context.context
        explained = context.explained if context is not None else None
        return {} if explained is None else {"explain": explained}
