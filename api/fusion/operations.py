"""Whole operations: a query whose root fields all become statements is answered without graphql-core walking it.

An operation is remembered once it has gone through the whole pipeline without an error, so it has been parsed, checked
and validated there. From then on only its variables are coerced, its root resolvers called (scoped to the caller)
and the statements run; anything unusual on the way leaves the request to the pipeline again.

Two memories spare what Strawberry and Tortoise would do over again: the arguments made of the same variables, and the
statements made of these for the same caller. So a root resolver decides by nothing but its arguments and the caller: what
it wants of the clock, it asks of the database.
"""

from collections.abc import Callable, Coroutine, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any, cast

import orjson
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLField,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
)
from graphql.execution.collect_fields import collect_fields
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values
from strawberry.extensions.field_extension import build_field_extension_resolvers
from strawberry.schema.schema_converter import get_arguments
from strawberry.types.field import StrawberryField
from tortoise.queryset import QuerySet

from api.fusion.chosen import Chosen
from api.fusion.memory import Memory
from api.fusion.plans import Statement
from api.fusion.reads import Part, Reads
from api.fusion.values import Rows
from api.fusion.windows import Window

Arguments = dict[str, Any]

_MOST_VARIABLES = 2_000  # characters of variables that are worth remembering


class _Request:
    """What a root resolver may ask of `info`."""

    __slots__ = ("context", "field_name")

    def __init__(self, context: Any, field_name: str) -> None:
        self.context = context
        self.field_name = field_name


@dataclass(frozen=True, slots=True)
class _Root:
    """A field of the query. `resolve` is its resolver with its extensions, without the conversion of arguments."""

    key: bytes
    definition: GraphQLField
    details: Any
    field: StrawberryField
    resolve: Callable[..., Any]
    required: bool

    @property
    def node(self) -> FieldNode:
        return self.details[0].node  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """A query that can be answered by one statement a root field."""

    text: str
    document: DocumentNode
    node: OperationDefinitionNode
    name: str | None
    roots: tuple[_Root, ...]

    def response(self, answers: Sequence[bytes | None]) -> bytes | None:
        """The whole response, put together in one go, for it may be large; None when the pipeline must answer."""
        pieces = [b'{"data":{']
        for root, found in zip(self.roots, answers, strict=True):
            if found is None and root.required:
                return None
            pieces += (root.key, b"null" if found is None else found, b",")
        pieces[-1] = b"}}"
        return b"".join(pieces)


@dataclass(frozen=True, slots=True)
class _Read:
    """The variables as graphql-core coerces them, and each root's arguments as its resolver takes them."""

    coerced: Mapping[str, Any]
    arguments: list[Arguments]


def written(variables: Mapping[str, Any] | None) -> str:
    """The variables of a request as its memories know them. As a text: orjson's bytes keep 4 kB, however short."""
    return orjson.dumps(variables, default=str).decode() if variables else ""


class Operations:
    """The operations of one schema that are answered this way."""

    def __init__(self, schema: GraphQLSchema, reads: Reads, build: Callable[..., Any]) -> None:
        """`build(document, name, variables)` makes an executor, for planning."""
        self._schema = schema
        self._strawberry: Any = schema._strawberry_schema  # type: ignore[attr-defined]
        self._reads = reads
        self._build = build
        self._known: Memory[Operation | None] = Memory(1_000)
        self._arguments: Memory[_Read] = Memory(200)
        self._made: Memory[list[Part]] = Memory(2_000)

    def remember(self, text: str, name: str | None, document: DocumentNode) -> None:
        """Notes an operation that has just been executed without an error."""
        if (text, name) not in self._known:
            self._known[text, name] = self._operation(text, document, name)

    def find(self, text: str, name: str | None) -> Operation | None:
        return self._known.get((text, name))

    def parts(
        self, operation: Operation, variables: Mapping[str, Any], told: str, caller: Hashable, context: Any
    ) -> list[Part] | None:
        """The statements that answer it, made or remembered; None when the pipeline must answer, errors included.

        `told` are the variables as `written` writes them. `context` is what resolvers find as `info.context`; of it, they
        go by the caller alone.
        """
        known = self._made.get((operation, told, caller))
        if known is not None:
            return known
        statements = self._statements(operation, variables, told, context)
        if statements is None:
            return None
        parts = self._reads.parts(statements)
        if len(told) <= _MOST_VARIABLES:
            self._made[operation, told, caller] = parts
        return parts

    def _statements(
        self, operation: Operation, variables: Mapping[str, Any], told: str, context: Any
    ) -> list[Statement] | None:
        read = self._arguments.get((operation, told))
        if read is None:
            read = self._read(operation, variables)
            if read is None:
                return None
            if len(told) <= _MOST_VARIABLES:
                self._arguments[operation, told] = read
        statements = []
        for root, arguments in zip(operation.roots, read.arguments, strict=True):
            try:
                value = root.resolve(None, _Request(context, root.node.name.value), **arguments)
                if not isinstance(value, QuerySet | Window | Rows | Chosen):
                    self._never(operation, value)
                    return None
                statement = self._reads.prepare(
                    value,
                    root.definition.type,
                    root.details,
                    read.coerced,
                    lambda: self._build(operation.document, operation.name, variables),
                )
            except Exception:  # noqa: BLE001  the pipeline meets it again and tells it properly
                return None
            if statement is None:
                return None
            statements.append(statement)
        return statements

    def _never(self, operation: Operation, value: Any) -> None:
        """Leaves an operation to the pipeline for good: one of its resolvers answers with something else."""
        if isinstance(value, Coroutine):
            value.close()
        self._known[operation.text, operation.name] = None

    def _read(self, operation: Operation, variables: Mapping[str, Any]) -> _Read | None:
        definitions = operation.node.variable_definitions or ()
        coerced = get_variable_values(self._schema, definitions, dict(variables))
        if not isinstance(coerced, VariableValues):
            return None
        try:
            return _Read(coerced.coerced, [self._arguments_of(root, coerced) for root in operation.roots])
        except Exception:  # noqa: BLE001  as above
            return None

    def _arguments_of(self, root: _Root, coerced: VariableValues) -> Arguments:
        given = get_argument_values(root.definition, root.node, coerced) if root.definition.args else {}
        converter = self._strawberry.schema_converter
        _, arguments = get_arguments(
            field=root.field,
            source=None,
            info=None,  # type: ignore[arg-type]  # each request has its own; see `_resolver`
            kwargs=given,
            config=converter.config,
            scalar_registry=converter.scalar_registry,
        )
        if root.field.base_resolver and (info := root.field.base_resolver.info_parameter):
            del arguments[info.name]
        return arguments

    def _operation(self, text: str, document: DocumentNode, name: str | None) -> Operation | None:
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
            definition = query.fields.get(details[0].node.name.value)
            field = definition and definition.extensions.get("strawberry-definition")
            if definition is None or field is None or field.is_async or not field.base_resolver:
                return None
            required = isinstance(definition.type, GraphQLNonNull)
            label = orjson.dumps(key) + b":"
            roots.append(_Root(label, definition, details, field, _resolver(field), required))
        return Operation(text, document, node, name, tuple(roots))


def _resolver(field: StrawberryField) -> Callable[..., Any]:
    """The resolver of a root field with its extensions, as Strawberry chains them."""
    resolver = field.base_resolver
    assert resolver is not None  # noqa: S101  the caller has looked
    function: Callable[..., Any] = cast("Callable[..., Any]", resolver.wrapped_func)
    has_self, info_parameter = bool(resolver.self_parameter), resolver.info_parameter

    def last(source: Any, info: Any, **arguments: Any) -> Any:
        if info_parameter:
            arguments[info_parameter.name] = info
        return function(source, **arguments) if has_self else function(**arguments)

    chain = build_field_extension_resolvers(field)
    return reduce(lambda inner, outer: partial(outer, inner), chain, last)
