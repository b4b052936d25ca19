"""What an operation may cost, in points: the objects it can come to, by the sizes of its pages.

A record is one point, and so is whatever it leads to; a page of n is n times what one of its rows costs; a mutation
is ten points, `totalCount` five, reading the schema five thousand, one type of it a hundred. Scalars are free. An operation is compiled once, to a
sum in which only page sizes that come as variables are still open.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_composite_type,
)

from crm.kernel.paging import DEFAULT_PAGE, MAX_PAGE
from crm.kernel.settings import settings

if TYPE_CHECKING:
    from api.limits import DocumentFacts

MUTATION = 10
PLAIN_LIST = 10  # rows one may expect of a list without pages, such as the lines of an invoice
_FLAT = {"errors": 0, "totalCount": 5, "__schema": 5000, "__type": 100}
_WRAPPERS = ("Connection", "Edge", "PageInfo", "Payload")
_ROWS = {"nodes", "edges"}


@dataclass(frozen=True, slots=True)
class _Times:
    """A page whose size is a variable: `default` unless given."""

    variable: str
    default: int
    rows: "Cost"

    def value(self, variables: Mapping[str, Any]) -> int:
        given = variables.get(self.variable, self.default)
        return _clamped(given, self.default) * self.rows.value(variables)


@dataclass(frozen=True, slots=True)
class Cost:
    """A number, and what depends on variables."""

    fixed: int = 0
    open: tuple[_Times, ...] = ()

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.fixed + other.fixed, self.open + other.open)

    def value(self, variables: Mapping[str, Any]) -> int:
        return self.fixed + sum(each.value(variables) for each in self.open)


def cost_of(facts: "DocumentFacts", operation_name: str | None, variables: Mapping[str, Any]) -> int:
    """Points of a validated operation, at least 1. Raises GraphQLError (QUERY_TOO_COMPLEX) beyond the setting."""
    cost = facts.costs.get(operation_name)
    if cost is None:
        operation = facts.operation(operation_name)
        cost = _Compiler(facts).operation(operation) if operation else Cost()
        facts.costs[operation_name] = cost
    points, most = max(cost.value(variables), 1), settings().max_cost
    if points > most:
        message = (
            f"The operation may come to {points} points; at most {most} are allowed. "
            "Ask for smaller pages (`first`), fewer of them inside each other, or in several requests."
        )
        told = {"limit": "cost", "allowed": most, "found": points}
        raise GraphQLError(message, extensions={"code": "QUERY_TOO_COMPLEX", **told})
    return points


_schemas: list[GraphQLSchema] = []


def measure(schema: GraphQLSchema) -> None:
    """Names the schema that costs are counted by: the one this process serves."""
    _schemas[:] = [schema]


class _Compiler:
    def __init__(self, facts: "DocumentFacts") -> None:
        self.schema = _schemas[0]
        definitions = facts.document.definitions
        self.fragments = {
            each.name.value: each for each in definitions if isinstance(each, FragmentDefinitionNode)
        }
        self.defaults: dict[str, ValueNode | None] = {}

    def operation(self, operation: OperationDefinitionNode) -> Cost:
        variables = operation.variable_definitions or ()
        self.defaults = {each.variable.name.value: each.default_value for each in variables}
        root = self.schema.get_root_type(operation.operation)
        own = MUTATION if operation.operation is OperationType.MUTATION else 0
        total = Cost()
        for field in self._fields(root, operation.selection_set):
            total += Cost(own) + self._field(*field)
        return total

    def _selections(self, parent: GraphQLNamedType | None, selections: SelectionSetNode | None) -> Cost:
        total = Cost()
        for field in self._fields(parent, selections):
            total += self._field(*field)
        return total

    def _fields(
        self, parent: GraphQLNamedType | None, selections: SelectionSetNode | None
    ) -> list[tuple[GraphQLNamedType | None, FieldNode]]:
        found: list[tuple[GraphQLNamedType | None, FieldNode]] = []
        for each in selections.selections if selections else ():
            if isinstance(each, FieldNode):
                found.append((parent, each))
            elif isinstance(each, FragmentSpreadNode):
                fragment = self.fragments[each.name.value]
                meant = self.schema.get_type(fragment.type_condition.name.value)
                found += self._fields(meant, fragment.selection_set)
            elif isinstance(each, InlineFragmentNode):
                condition = each.type_condition
                meant = self.schema.get_type(condition.name.value) if condition else parent
                found += self._fields(meant, each.selection_set)
        return found

    def _field(self, parent: GraphQLNamedType | None, node: FieldNode) -> Cost:
        name = node.name.value
        if name in _FLAT:
            return Cost(_FLAT[name])
        declared: GraphQLField | None = getattr(parent, "fields", {}).get(name)
        kind = get_named_type(declared.type) if declared else None
        if declared is None or kind is None or not is_composite_type(kind):
            return Cost()
        if kind.name.endswith("Connection"):
            return self._page(node, kind)
        rows = Cost(0 if kind.name.endswith(_WRAPPERS) else 1) + self._selections(kind, node.selection_set)
        multiplied = name in _ROWS and parent is not None and parent.name.endswith("Connection")
        if multiplied or not _is_list(declared.type):
            return rows
        ids = self._argument(node, "ids")
        return self._times(PLAIN_LIST if ids is None else ids, PLAIN_LIST, rows)

    def _page(self, node: FieldNode, kind: GraphQLNamedType) -> Cost:
        rows, rest = Cost(), Cost(1)
        for parent, field in self._fields(kind, node.selection_set):
            if field.name.value in _ROWS:
                rows += self._field(parent, field)
            else:
                rest += self._field(parent, field)
        first, last = self._argument(node, "first"), self._argument(node, "last")
        if first is None or last is None:
            size = first if first is not None else last
            return rest + self._times(DEFAULT_PAGE if size is None else size, DEFAULT_PAGE, rows)
        return (
            rest + self._times(first, DEFAULT_PAGE, rows) + self._times(last, 0, rows)
        )  # one of them is null

    def _argument(self, node: FieldNode, name: str) -> "int | VariableNode | None":
        value = next((each.value for each in node.arguments or () if each.name.value == name), None)
        if isinstance(value, VariableNode):
            return value
        return _literal(value)

    def _times(self, size: "int | VariableNode", default: int, rows: Cost) -> Cost:
        if isinstance(size, VariableNode):
            name = size.name.value
            given = _literal(self.defaults.get(name))
            return Cost(0, (_Times(name, default if given is None else given, rows),))
        size = _clamped(size, default)
        return Cost(
            size * rows.fixed, tuple(_Times(t.variable, t.default, _scaled(t.rows, size)) for t in rows.open)
        )


def _scaled(cost: Cost, times: int) -> Cost:
    return Cost(
        cost.fixed * times, tuple(_Times(t.variable, t.default, _scaled(t.rows, times)) for t in cost.open)
    )


def _clamped(size: Any, default: int) -> int:
    """As a page would be: what is no size is refused by the field itself."""
    if isinstance(size, list):
        size = len(size)
    if not isinstance(size, int | float) or isinstance(size, bool):
        return default
    return int(min(max(size, 0), MAX_PAGE))


def _literal(value: ValueNode | None) -> int | None:
    if isinstance(value, IntValueNode):
        return int(value.value) if len(value.value) < 10 else MAX_PAGE  # noqa: PLR2004  no page has ten digits
    if isinstance(value, ListValueNode):
        return len(value.values)
    return None


def _is_list(kind: Any) -> bool:
    while isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    return isinstance(kind, GraphQLList)
