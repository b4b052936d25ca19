"""Whole operations: a query whose root fields all become statements is answered without graphql-core walking it.

An operation is remembered once it has gone through the whole pipeline without an error, so it has been parsed, checked
and validated there. From then on only its variables are coerced, its root resolvers called (each request is scoped
to its caller anew) and the statements run; anything unusual on the way leaves the request to the pipeline again.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
)
from graphql.execution.collect_fields import collect_fields
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values
from tortoise.queryset import QuerySet

from api.fusion.reads import Explained, Reads
from api.fusion.windows import Window

_Build = Callable[[DocumentNode, "str | None", Mapping[str, Any]], Any]


class _Request:
    """What a root resolver may ask of `info`."""

    __slots__ = ("context", "field_name")

    def __init__(self, context: Any, field_name: str) -> None:
        self.context = context
        self.field_name = field_name


@dataclass(frozen=True, slots=True)
class _Root:
    key: bytes
    definition: Any
    details: Any
    node: FieldNode


@dataclass(frozen=True, slots=True)
class Operation:
    """A query that can be answered by one statement a root field."""

    document: DocumentNode
    node: OperationDefinitionNode
    name: str | None
    roots: tuple[_Root, ...]


class Operations:
    """The operations of one schema that are answered this way, the least used forgotten."""

    def __init__(self, schema: GraphQLSchema, reads: Reads, build: _Build, limit: int = 1000) -> None:
        self._schema = schema
        self._reads = reads
        self._build = build
        self._limit = limit
        self._known: OrderedDict[tuple[str, str | None], Operation | None] = OrderedDict()

    def remember(self, text: str, name: str | None, document: DocumentNode) -> None:
        """Notes an operation that has just been executed without an error."""
        if (text, name) in self._known:
            return
        self._known[text, name] = self._operation(document, name)
        if len(self._known) > self._limit:
            self._known.popitem(last=False)

    def find(self, text: str, name: str | None) -> Operation | None:
        key = (text, name)
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
        return found

    async def answer(
        self, operation: Operation, variables: Mapping[str, Any] | None, context: Explained
    ) -> bytes | None:
        """The `data` of the response; None when the pipeline must answer, errors included."""
        coerced = get_variable_values(
            self._schema, operation.node.variable_definitions or (), dict(variables or {})
        )
        if isinstance(coerced, list):
            return None
        prepared = []
        for root in operation.roots:
            try:
                arguments = (
                    get_argument_values(root.definition, root.node, coerced) if root.definition.args else {}
                )
                value = root.definition.resolve(None, _Request(context, root.node.name.value), **arguments)
            except Exception:  # noqa: BLE001  the pipeline meets it again and tells it properly
                return None
            if not isinstance(value, QuerySet | Window):
                return None
            found = self._reads.prepare(
                value,
                root.definition.type,
                root.details,
                coerced.coerced,
                lambda: self._build(operation.document, operation.name, variables or {}),
            )
            if found is None:
                return None
            prepared.append(found)
        return await self._joined(operation, prepared, context)

    async def _joined(self, operation: Operation, prepared: list[Any], context: Explained) -> bytes | None:
        fetch = self._reads.fetch
        if len(prepared) == 1:
            answers = [await fetch(prepared[0], context)]
        else:
            answers = await asyncio.gather(*[fetch(each, context) for each in prepared])
        parts = []
        for root, found in zip(operation.roots, answers, strict=True):
            if found is None and isinstance(root.definition.type, GraphQLNonNull):
                return None
            parts.append(root.key + (b"null" if found is None else found))
        return b"{" + b",".join(parts) + b"}"

    def _operation(self, document: DocumentNode, name: str | None) -> Operation | None:
        node = get_operation_ast(document, name)
        if node is None or node.operation is not OperationType.QUERY:
            return None
        selections = node.selection_set.selections
        if any(not isinstance(each, FieldNode) or each.directives for each in selections):
            return None  # which fields there are may change with the variables
        query = self._schema.query_type
        assert query is not None  # noqa: S101  a schema has one
        collected = collect_fields(self._schema, {}, VariableValues({}, {}), query, node)
        roots = []
        for key, details in collected.grouped_field_set.items():
            first = details[0].node
            definition = query.fields.get(first.name.value)
            declared = definition and definition.extensions.get("strawberry-definition")
            if declared is None or declared.is_async or definition is None:
                return None
            roots.append(_Root(orjson.dumps(key) + b":", definition, details, first))
        return Operation(document, node, name, tuple(roots))
