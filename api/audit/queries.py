"""Reads of history."""

from typing import Annotated, cast

import strawberry

from api.audit.types import HistoryEntry
from api.context import Info, actor_of
from api.ids import parse_any
from api.nodes import fetches
from api.paging import Connection, connection
from crm.audit import queries
from crm.kernel.ids import Kind

fetches(Kind.HISTORY_ENTRY)(lambda actor, key: queries.visible_to(actor).get_or_none(id=key))

_SUBJECT = "Only of this record, whatever it is: `cus_…`, `con_…`, `inv_…`. All that you may see if left out."


@strawberry.type
class AuditQuery:
    @connection(description="What was done in your business units, newest first; everything for an admin.")
    def history(
        self,
        info: Info,
        subject_id: Annotated[strawberry.ID | None, strawberry.argument(description=_SUBJECT)] = None,
    ) -> Connection[HistoryEntry]:
        entries = queries.visible_to(actor_of(info))
        if subject_id is not None:
            kind, key = parse_any(subject_id)
            entries = entries.filter(subject_kind=kind.value, subject_id=key)
        return cast("Connection[HistoryEntry]", entries)
