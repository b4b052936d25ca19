"""For every field of every type that a query reaches: an operation that asks for it and, below it, for next to nothing."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_required_argument,
)

from tests.api.fusion.operation_strategy import KIND_OF
from tests.api.fusion.world_rows import World

_GIVEN = {"list": "SOURCE", "rule": "{}"}


@dataclass(frozen=True)
class Asked:
    """`root` is the field of Query it begins with."""

    field: str
    root: str
    document: str


def every_field(schema: GraphQLSchema, world: World) -> Iterator[Asked]:
    ways = _ways(schema, world)
    for name, (root, before, behind) in ways.items():
        kind: Any = schema.type_map[name]
        for field, definition in kind.fields.items():
            call = _call(field, definition, world)
            if call is not None:
                below = "" if is_leaf_type(get_named_type(definition.type)) else " { __typename }"
                yield Asked(f"{name}.{field}", root or field, f"{{ {before}{call}{below}{behind} }}")


def _ways(schema: GraphQLSchema, world: World) -> dict[str, tuple[str, str, str]]:
    """How each object type is reached: the root field, and what stands before and behind a field of it."""
    assert schema.query_type is not None
    found = {schema.query_type.name: ("", "", "")}
    for name, kind in KIND_OF.items():
        ids = ", ".join(f'"{each}"' for each in world.ids[kind])
        found[name] = ("nodes", f"nodes(ids: [{ids}]) {{ ... on {name} {{ ", " } }")
    waiting = deque(found)
    while waiting:
        name = waiting.popleft()
        root, before, behind = found[name]
        kind_: Any = schema.type_map[name]
        for field, definition in kind_.fields.items():
            inner = get_named_type(definition.type)
            call = _call(field, definition, world)
            if isinstance(inner, GraphQLObjectType) and inner.name not in found and call:
                found[inner.name] = (root or field, f"{before}{call} {{ ", f" }}{behind}")
                waiting.append(inner.name)
    return found


def _call(field: str, definition: GraphQLField, world: World) -> str | None:
    """The field with its required arguments; None for an abstract one, which `nodes` stands for."""
    required = [name for name, each in definition.args.items() if is_required_argument(each)]
    if is_abstract_type(get_named_type(definition.type)):
        required = [*required]
    arguments = []
    for name in required:
        if name == "id":
            kind = KIND_OF.get(get_named_type(definition.type).name, "cus")
            arguments.append(f'id: "{world.ids[kind][0]}"')
        elif name == "ids":
            arguments.append(f'ids: ["{world.ids["cus"][0]}"]')
        else:
            arguments.append(f"{name}: {_GIVEN[name]}")
    return f"{field}({', '.join(arguments)})" if arguments else field
