"""Which changes of the schema are told as breaking."""

import pytest

from api.schema_changes import compare

OLD = """
type Query { customer(id: ID!): Customer customers: [Customer!]! }
type Customer { name: String! stage: Stage! }
enum Stage { PROSPECT LIVE }
input Find { id: ID email: String }
"""


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("name: String! ", "", "Field Customer.name was removed."),
        ("name: String!", "name: String", "Field Customer.name changed type from String! to String."),
        ("customer(id: ID!)", "customer(id: ID!, unit: ID!)", "A required argument Query.customer(unit:) was added."),
        ("email: String", "email: String!", "Field Find.email changed type from String to String!."),
        ("email: String }", "email: String name: String! }", "A required field Find.name was added."),
        ("PROSPECT LIVE", "LIVE", "Enum value Stage.PROSPECT was removed."),
        ("input Find {", "input Find @oneOf {", "Input Find became @oneOf."),
    ],
)  # fmt: skip
def test_what_breaks_a_client_is_named(old: str, new: str, sentence: str) -> None:
    assert old in OLD

    found = compare(OLD, OLD.replace(old, new))

    assert found.breaking == (sentence,)
    assert found.report() == f"Breaking for clients:\n  {sentence}"


def test_what_may_surprise_a_client_is_told_apart() -> None:
    found = compare(OLD, OLD.replace("PROSPECT LIVE", "PROSPECT LIVE LOST"))

    assert found.breaking == ()
    assert found.report() == "Clients may be surprised:\n  Enum value Stage.LOST was added."


def test_additions_trouble_nobody() -> None:
    found = compare(OLD, OLD.replace("stage: Stage!", "stage: Stage! phone: String"))

    assert (found.breaking, found.dangerous, found.report()) == ((), (), "")
