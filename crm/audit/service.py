"""Writing history: called by a service inside the transaction of the change it tells of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import orjson

from crm.audit.models import HistoryEntry
from crm.kernel.actor import Actor
from crm.kernel.ids import Kind, encode, uuid7
from crm.kernel.transaction import in_progress, raw_connection

Json = str | int | bool | None | list["Json"] | dict[str, "Json"]
"""What a change may hold: no floats, since money is decimal."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field before and after; None where there was, or is, nothing. `field` is the Python name."""

    field: str
    before: Json
    after: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One action on one record.

    `customer_id` puts it into that customer's history. `unit_id` says who sees it: without one, admins only.
    """

    subject_kind: Kind
    subject_id: UUID
    action: str
    changes: Sequence[Change] = ()
    customer_id: UUID | None = None
    unit_id: UUID | None = None


async def record(
    *,
    actor: Actor,
    subject_kind: Kind,
    subject_id: UUID,
    action: str,
    changes: Sequence[Change] = (),
    customer_id: UUID | None = None,
    unit_id: UUID | None = None,
) -> None:
    """Adds one entry, with the actor's name and door. `action` is the service's own name for it: `go_live`.

    Only inside `transaction()`. See `Entry` for `customer_id` and `unit_id`, `diff` for `changes`.
    """
    _require_transaction()
    await HistoryEntry.create(
        subject_kind=subject_kind.value,
        subject_id=subject_id,
        customer_id=customer_id,
        unit_id=unit_id,
        user_id=actor.user_id,
        actor_name=actor.name,
        via=actor.via,
        action=action,
        changes=[asdict(change) for change in changes],
    )


async def record_many(*, actor: Actor, entries: Iterable[Entry]) -> None:
    """Adds many entries in their order, by COPY. Only inside `transaction()`."""
    _require_transaction()
    await raw_connection().copy_records_to_table(
        "history_entry", columns=_COLUMNS, records=[_row(actor, entry) for entry in entries]
    )


def _require_transaction() -> None:
    if not in_progress():
        raise RuntimeError("History is written inside the transaction of the change it tells of.")


_COLUMNS = (
    *("id", "subject_kind", "subject_id", "customer_id", "unit_id", "user_id", "actor_name", "via", "action"),
    "changes",
)


def _row(actor: Actor, entry: Entry) -> tuple[Any, ...]:
    return (
        uuid7(),
        entry.subject_kind.value,
        entry.subject_id,
        entry.customer_id,
        entry.unit_id,
        actor.user_id,
        actor.name,
        actor.via.value,
        entry.action,
        orjson.dumps([asdict(change) for change in entry.changes]).decode(),
    )


def diff(
    before: Mapping[str, object], after: Mapping[str, object], kinds: Mapping[str, Kind] | None = None
) -> list[Change]:
    """What differs, field by field, in the order of `after`; a field missing on one side counts as None.

    Values of any type a model holds. `kinds` names what the ids in a field are of, to make them public ids.
    Decimals compare by value: 10 and 10.00 are no change.
    """
    known = kinds or {}
    return [
        Change(name, plain(before.get(name), known.get(name)), plain(after.get(name), known.get(name)))
        for name in [*after, *(name for name in before if name not in after)]
        if before.get(name) != after.get(name)
    ]


def plain(value: object, kind: Kind | None = None) -> Json:  # noqa: PLR0911  one line per type
    """A value as history keeps it. Raises TypeError for what it does not know, floats included.

    Days and instants (UTC) in ISO 8601, decimals as strings, ids public where their kind is known.
    """
    match value:
        case Enum():
            return plain(value.value)
        case None | bool() | int() | str():
            return value
        case UUID():
            return encode(kind, value) if kind else str(value)
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date() | time():
            return value.isoformat()
        case Mapping():
            return {str(name): plain(item, kind) for name, item in value.items()}
        case set() | frozenset():
            return [plain(item, kind) for item in sorted(value, key=str)]
        case list() | tuple():
            return [plain(item, kind) for item in value]
    raise TypeError(f"History cannot keep a {type(value).__name__}.")
