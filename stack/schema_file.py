"""schema.graphql: the contract with every client, generated from the code and committed."""

import difflib
from pathlib import Path

from api.schema import schema
from api.schema_changes import compare
from stack.errors import StartError

SHOWN_LINES = 40


def write_schema(path: Path, *, check: bool) -> str:
    """Write the schema, or compare it with the file; what happened, as a sentence. StartError when stale."""
    wanted = schema.as_str().rstrip() + "\n"
    found = path.read_text(encoding="utf-8") if path.exists() else ""
    if found == wanted:
        return f"{path.name} is up to date."
    if check:
        raise StartError(
            f"{path.name} is stale; run `kith export-schema` and commit it.\n{_changes(found, wanted)}\n{_meant(found, wanted)}"
        )
    path.write_text(wanted, encoding="utf-8")
    return f"{path.name} written.\n{_meant(found, wanted)}".rstrip()


def _meant(found: str, wanted: str) -> str:
    """What the change does to clients that are out there."""
    return compare(found, wanted).report() if found else ""


def _changes(found: str, wanted: str) -> str:
    lines = list(
        difflib.unified_diff(
            found.splitlines(), wanted.splitlines(), "committed", "generated", n=1, lineterm=""
        )
    )
    return "\n".join([*lines[:SHOWN_LINES], "…"] if len(lines) > SHOWN_LINES else lines)
