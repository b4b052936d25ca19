"""How history looks to callers."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

import strawberry
from strawberry.scalars import JSON

from api.enums import describe
from api.fusion import Reference, each
from api.nodes import Node, id_field, node_type
from crm.audit import models
from crm.kernel.actor import Via
from crm.kernel.ids import Kind

if TYPE_CHECKING:
    from api.accounts.types import BusinessUnit, User

describe(
    Via,
    name="ChangeOrigin",
    description="Through what a change came.",
    values={
        "API": "A caller of this API.",
        "IMPORT": "An import, on behalf of whoever started it.",
        "JOB": "A job of Kith's own.",
        "SYSTEM": "Kith itself, such as its command line.",
    },
)


@strawberry.type(description="One field of a record before and after a change.")
class FieldChange:
    field: str = strawberry.field(description="The field, such as `addressCity`.")
    before: JSON | None = strawberry.field(
        description="The value before; null for none. Decimals, days and instants are strings, "
        "another record is `{id, name}` with the name it had."
    )
    after: JSON | None = strawberry.field(description="The value after, written likewise.")


@node_type(model=models.HistoryEntry, description="A change: who did what to which record, when and how.")
class HistoryEntry(Node):
    id: strawberry.ID = id_field(Kind.HISTORY_ENTRY)
    action: str = strawberry.field(description="What was done, such as `go_live`.")
    actor_name: str = strawberry.field(description="The name of who did it, as it was then.")
    user: Annotated["User", strawberry.lazy("api.accounts.types")] | None = strawberry.field(
        description="Who did it; null when Kith did."
    )
    unit: Annotated["BusinessUnit", strawberry.lazy("api.accounts.types")] | None = strawberry.field(
        description="The business unit the record was in; null for what belongs to none."
    )
    via: Via = strawberry.field(description="Through what the change came.")
    created_at: datetime = strawberry.field(description="When it was done.")

    @strawberry.field(
        description="The record that was changed. It may be gone: `node` then answers null.",
        metadata={"sql": "{t}.subject_kind || '_' || replace({t}.subject_id::text, '-', '')"},
    )
    def subject_id(self) -> strawberry.ID:
        row = cast("models.HistoryEntry", self)
        return strawberry.ID(f"{row.subject_kind}_{row.subject_id.hex}")

    @strawberry.field(description="What changed, field by field.")
    def changes(self) -> list[FieldChange]:
        row = cast("models.HistoryEntry", self)
        return each(
            row.changes,
            lambda c: FieldChange(field=_camel(c["field"]), before=c.get("before"), after=c["after"]),
            {"field": "text", "before": "json", "after": "json"},
        )


_CAMEL = (  # as `_camel`
    "split_part({0}, '_', 1) || "
    "replace(initcap(replace(substr({0}, length(split_part({0}, '_', 1)) + 1), '_', ' ')), ' ', '')"
)


def _camel(name: Any) -> str:
    if isinstance(name, Reference):
        return cast("str", name.through(_CAMEL))
    first, *rest = str(name).split("_")
    return first + "".join(part.title() for part in rest)
