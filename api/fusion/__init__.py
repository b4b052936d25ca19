"""Fusion: a resolver returns an un-awaited Tortoise QuerySet, and PostgreSQL answers with the finished JSON.

Where a field's resolver returned a QuerySet (or a `Window`, a page of one), the executor does not await rows and walk
them field by field. It compiles QuerySet, selection set and variables into one statement whose value is the JSON of
the whole field, relations included, and passes the bytes through to the response. What cannot be compiled is resolved
the plain way: correct, only slower.

It knows Strawberry, graphql-core and Tortoise, and nothing of the application:

- `Fused` is the executor's mixin; `Reads` keeps plans and connections; `Operations` answers whole operations.
- `shows(model, type)` notes that a GraphQL type's values are rows of a model.
- `metadata={"sql": "…{t}…"}` on a field gives a computed column's SQL; `{t}` is the row.
- `present`, `each` and `Reference.through` write resolvers that work on rows and at planning time alike.
- `Window` is what a page of a connection must tell.
- `Chosen` is a list of one-row QuerySets that name their rows by key, such as Relay's `nodes(ids)`.
- `Rows` is a list of objects made of a ValuesQuery, such as the groups of an aggregate.
"""

from api.fusion.chosen import Chosen
from api.fusion.executor import Fused
from api.fusion.operations import Operation, Operations, written
from api.fusion.pool import ReadPool
from api.fusion.reads import Part, Reads
from api.fusion.references import Reference, each, present
from api.fusion.rows import shows
from api.fusion.values import Rows
from api.fusion.windows import Window

__all__ = [
    "Chosen",
    "Fused",
    "Operation",
    "Operations",
    "Part",
    "ReadPool",
    "Reads",
    "Reference",
    "Rows",
    "Window",
    "each",
    "present",
    "shows",
    "written",
]
