"""What the comparison with the plain way leaves of an operation, to ask for one field of it alone."""

import pytest
from graphql import parse, validate

from api.schema import schema
from tests.api.fusion.one_path import alone

DOCUMENT = """
query Q($size: Int, $after: String, $text: String, $named: Boolean!) {
  found: customers(first: $size, search: $text) { ...Page edges { node { id } } }
  segments(search: $text) { totalCount }
  ... on Query { found: customers(first: $size, search: $text) { nodes { name @include(if: $named) ...Contacts } } }
}
fragment Page on CustomerConnection { nodes { id ...Contacts } }
fragment Contacts on Customer { people: contacts(after: $after) { ...Count } }
fragment Count on ContactConnection { totalCount }
"""
COUNTED = "people: contacts(after: $after) { ... on ContactConnection { totalCount } }"
ALONE = {
    ("segments",): "query Q($text: String) { segments(search: $text) { totalCount } }",
    ("found", "nodes", 1, "people"): f"""
      query Q($size: Int, $after: String, $text: String) {{
        found: customers(first: $size, search: $text) {{
          ... on CustomerConnection {{ nodes {{ ... on Customer {{ {COUNTED} }} }} }}
        }}
        ... on Query {{
          found: customers(first: $size, search: $text) {{ nodes {{ ... on Customer {{ {COUNTED} }} }} }}
        }}
      }}""",
    ("found", "edges", 0): """
      query Q($size: Int, $text: String) {
        found: customers(first: $size, search: $text) { edges { node { id } } }
      }""",
}


@pytest.mark.parametrize("path", ALONE, ids=str)
def test_nothing_is_left_but_the_way_to_a_field_and_what_is_below_it(path: tuple[str | int, ...]) -> None:
    left = alone(DOCUMENT, path)

    assert parse(left, no_location=True) == parse(ALONE[path], no_location=True)
    assert validate(schema.core, parse(left)) == []


def test_a_path_that_is_not_there_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="is not in"):
        alone(DOCUMENT, ["nodes"])
