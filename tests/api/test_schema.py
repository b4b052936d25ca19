"""The schema is the product: what every part of it owes its callers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLType,
    IntrospectionQuery,
    build_client_schema,
    build_schema,
    get_introspection_query,
    get_named_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
    is_specified_scalar_type,
    lexicographic_sort_schema,
    print_schema,
    validate_schema,
)

from api import nodes
from api.schema import schema
from crm.kernel.ids import Kind

COMMITTED = Path(__file__).resolve().parents[2] / "schema.graphql"
SDL = schema.as_str()
SCHEMA = build_schema(SDL)
NO_INPUT = {"logOutEverywhere"}
OPTIONAL_INPUT = {"logOut"}  # the login to end is usually the one the request came with
OUTSIDE_IDS = {  # kept by others, so no ids of Kith's
    *("externalId", "vatId", "taxId"),
    "messageId",  # RFC 5322
}
INTERNAL = re.compile(
    r"(?i:password|epoch|dedupe|offered|folded|userAgent)|^hash|Hash|^lease|Lease|(once|storage|logo|pdf|file|rejected)Key"
)


def own_types() -> Iterator[GraphQLNamedType]:
    for name, kind in SCHEMA.type_map.items():
        if not name.startswith("__") and not is_specified_scalar_type(kind):
            yield kind


def output_fields() -> Iterator[tuple[str, GraphQLField]]:
    for kind in own_types():
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in kind.fields.items():
                yield f"{kind.name}.{name}", field


def arguments() -> Iterator[tuple[str, GraphQLArgument]]:
    for place, field in output_fields():
        for name, argument in field.args.items():
            yield f"{place}({name})", argument


def input_fields() -> Iterator[tuple[str, GraphQLInputField]]:
    for kind in own_types():
        if isinstance(kind, GraphQLInputObjectType):
            for name, field in kind.fields.items():
                yield f"{kind.name}.{name}", field


def enum_values() -> Iterator[tuple[str, str | None]]:
    for kind in own_types():
        if isinstance(kind, GraphQLEnumType):
            for name, value in kind.values.items():
                yield f"{kind.name}.{name}", value.description


def last_word(place: str) -> str:
    """`Query.node(id)` → `id`."""
    return re.split(r"[.(]", place.rstrip(")"))[-1]


def root(kind: GraphQLObjectType | None) -> dict[str, GraphQLField]:
    assert kind is not None
    return kind.fields


# Words


def test_every_part_says_what_it_means() -> None:
    told = [
        *((kind.name, kind.description) for kind in own_types()),
        *((place, field.description) for place, field in output_fields()),
        *((place, argument.description) for place, argument in arguments()),
        *((place, field.description) for place, field in input_fields()),
        *enum_values(),
    ]

    assert [place for place, description in told if not (description or "").strip()] == []
    assert [place for place, text in told if text and text.strip()[-1] not in ".:)"] == []


def test_names_are_written_as_graphql_writes_them() -> None:
    camel, pascal, upper = (
        re.compile(pattern) for pattern in ("[a-z][A-Za-z0-9]*", "[A-Z][A-Za-z0-9]*", "[A-Z][A-Z0-9_]*")
    )
    named = [place for part in (output_fields(), arguments(), input_fields()) for place, _ in part]

    assert [place for place in named if not camel.fullmatch(last_word(place))] == []
    assert [kind.name for kind in own_types() if not pascal.fullmatch(kind.name)] == []
    assert [place for place, _ in enum_values() if not upper.fullmatch(last_word(place))] == []


def test_nothing_internal_is_shown() -> None:
    shown = [place for place, _ in output_fields() if not place.startswith("Mutation.")]

    assert [place for place in shown if INTERNAL.search(last_word(place))] == []


# Shapes


def test_connections_are_relays() -> None:
    connections = {
        place: field
        for place, field in output_fields()
        if get_named_type(field.type).name.endswith("Connection")
    }

    assert len(connections) > 10
    for place, field in connections.items():
        paging = {name: str(field.args[name].type) for name in ("first", "after", "last", "before")}
        assert paging == {"first": "Int", "after": "String", "last": "Int", "before": "String"}, place
        assert is_non_null_type(field.type), place
        connection = get_named_type(field.type)
        assert isinstance(connection, GraphQLObjectType)
        row = connection.name.removesuffix("Connection")
        assert {name: str(each.type) for name, each in connection.fields.items()} == {
            "edges": f"[{row}Edge!]!",
            "nodes": f"[{row}!]!",
            "pageInfo": "PageInfo!",
            "totalCount": "Int!",
        }
        edge = SCHEMA.type_map[f"{row}Edge"]
        assert isinstance(edge, GraphQLObjectType)
        assert {name: str(each.type) for name, each in edge.fields.items()} == {
            "cursor": "String!",
            "node": f"{row}!",
        }


def test_mutations_take_one_input_and_answer_with_a_payload() -> None:
    for name, field in root(SCHEMA.mutation_type).items():
        takes = {argument: is_non_null_type(each.type) for argument, each in field.args.items()}
        wanted = {} if name in NO_INPUT else {"input": name not in OPTIONAL_INPUT}
        assert takes == wanted, name
        assert all(get_named_type(each.type).name.endswith("Input") for each in field.args.values()), name
        payload = get_named_type(field.type)
        assert isinstance(payload, GraphQLObjectType)
        assert str(field.type) == f"{payload.name}!", name
        assert payload.name.endswith("Payload"), name
        assert str(payload.fields["errors"].type) == "[UserError!]!", name


def test_a_refused_mutation_has_no_record_to_answer_with() -> None:
    records = [
        place
        for place, field in output_fields()
        if place.split(".")[0].endswith("Payload")
        if is_non_null_type(field.type) and is_object_type(field.type.of_type)
    ]

    assert records == []


def holds_list(kind: GraphQLType) -> bool:
    return is_list_type(kind.of_type if is_non_null_type(kind) else kind)


def test_lists_hold_no_nulls() -> None:
    lists = [(place, field.type) for place, field in output_fields() if holds_list(field.type)]

    assert [place for place, kind in lists if not re.fullmatch(r"\[\w+!\]!", str(kind))] == ["Query.nodes"]
    given = [*arguments(), *input_fields()]
    assert [place for place, each in given if holds_list(each.type) and "!]" not in str(each.type)] == []


def test_ids_are_ids_and_only_ids_are() -> None:
    parts = [*output_fields(), *arguments(), *input_fields()]
    kinds = {place: get_named_type(part.type).name for place, part in parts}
    called = {place for place in kinds if re.fullmatch(r"ids?|\w+Ids?", last_word(place))}
    conditions = {place for place in called if kinds[place].endswith("Filter")}
    typed = {place for place, kind in kinds.items() if kind == "ID" and not place.startswith("IdFilter.")}

    assert {place for place in called - conditions if last_word(place) not in OUTSIDE_IDS} == typed


def test_whatever_is_a_node_can_be_fetched_by_its_id() -> None:
    prefixes = {kind.value: kind for kind in Kind}
    node = SCHEMA.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    for kind in SCHEMA.get_possible_types(node):
        assert str(kind.fields["id"].type) == "ID!", kind.name
        told = re.search(r"`(\w+)_`", kind.fields["id"].description or "")
        assert told is not None, kind.name
        assert prefixes[told[1]] in nodes._fetchers, kind.name  # noqa: SLF001  the register itself


def test_looking_up_one_record_may_find_nothing() -> None:
    for name, field in root(SCHEMA.query_type).items():
        if "id" in field.args:
            assert not is_non_null_type(field.type), name


# The contract as a file


async def test_the_sdl_says_all_there_is_to_say() -> None:
    assert validate_schema(SCHEMA) == []
    answer = await schema.execute(get_introspection_query(specified_by_url=True, one_of=True))
    assert answer.errors is None
    introspected = build_client_schema(cast("IntrospectionQuery", answer.data))
    assert print_schema(lexicographic_sort_schema(introspected)) == print_schema(
        lexicographic_sort_schema(SCHEMA)
    )


def test_the_committed_schema_is_the_one_the_code_makes() -> None:
    if not COMMITTED.exists():
        pytest.fail("There is no schema.graphql: run scripts/kith export-schema, and commit the file.")

    assert COMMITTED.read_text(encoding="utf-8").strip() == SDL.strip(), "Run scripts/kith export-schema."
