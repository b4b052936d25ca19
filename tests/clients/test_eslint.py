"""graphql-eslint: the contract keeps Relay's rules for connections."""

import json
import re
from pathlib import Path

from client_scripts import SCHEMA, needs_node, tool, workshop

# What a rule says of a type, where the design says otherwise.
EXCEPTIONS = {
    # A line of a report on a file: nobody asks for one by itself, and the next preview replaces them all.
    ("ImportProblemEdge", "Edge type's field `node` must implement `Node` interface."),
}


def type_at(line: int) -> str:
    """The type whose definition a line is part of."""
    text = "\n".join(SCHEMA.read_text(encoding="utf-8").splitlines()[:line])
    return re.findall(r"^(?:type|interface|input) (\w+)", text, re.MULTILINE)[-1]


@needs_node
def test_the_contract_keeps_the_rules_of_relay(tmp_path: Path) -> None:
    workshop(tmp_path, "eslint.config.mjs")

    said = tool(tmp_path, "eslint", "--format", "json", "schema.graphql", accepted=(0, 1))

    (report,) = json.loads(said)
    assert {(type_at(each["line"]), each["message"]) for each in report["messages"]} == EXCEPTIONS
