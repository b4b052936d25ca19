"""The records that cells name: choices of pick lists, users and legal entities, all known before the rows come."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm.accounts.models import UnitMembership, User
from crm.customers.fields import CUSTOMER_FIELDS, CustomerField, FieldKind
from crm.customers.models import PickListItem, Status
from crm.imports.fields import IMPORT_FIELDS
from crm.invoices.models import LegalEntity
from crm.kernel.ids import Kind

REFERENCES: Mapping[str, str] = {
    key: field.column
    for key, field in IMPORT_FIELDS.items()
    if field.column is not None and field.kind in {FieldKind.RECORD, FieldKind.RECORDS}
}
"""The customer's column of each field that names records."""


class Unresolved(Exception):
    """A cell names no record, or more than one."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class References:
    """`by_name`: the keys of a field's records by the name a cell may give them, in lower case; a name that several
    share leads to several. `names` and `statuses` are by key and know archived records too.
    """

    by_name: Mapping[str, Mapping[str, tuple[UUID, ...]]]
    names: Mapping[UUID, str]
    statuses: Mapping[UUID, Status]

    def find(self, key: str, text: str) -> UUID:
        """The record a cell of field `key` names. Raises Unresolved."""
        found = self.by_name[key].get(text.casefold(), ())
        if len(found) == 1:
            return found[0]
        label = IMPORT_FIELDS[key].label
        if found:
            message = f"Several users are called '{text}': write the e-mail address instead."
            raise Unresolved("AMBIGUOUS_NAME", message)
        if key in _MANAGERS:
            message = f"{label}: no member of this business unit is known as '{text}'. Use an e-mail address."
            raise Unresolved("NOT_A_UNIT_MEMBER", message)
        raise Unresolved(
            "UNKNOWN_CHOICE", f"{label}: there is no '{text}'. Add it to the list, or correct it."
        )


_MANAGERS = frozenset({"account_manager", "service_manager"})


async def load_references(unit_id: UUID, mapped: Iterable[str]) -> References:
    """Everything the mapped fields could name in this unit."""
    wanted = {key: CUSTOMER_FIELDS[REFERENCES[key]] for key in mapped if key in REFERENCES}
    items = await PickListItem.all() if wanted else []
    users = await User.all() if _MANAGERS & wanted.keys() else []
    entities: list[Any] = await LegalEntity.all() if "legal_entity" in wanted else []
    members = set(await UnitMembership.filter(unit_id=unit_id).values_list("user_id", flat=True))
    staff = [user for user in users if user.active and user.id in members]
    return References(
        by_name={key: _by_name(_candidates(field, items, staff, entities)) for key, field in wanted.items()},
        names={row.id: row.name for row in (*items, *users, *entities)},
        statuses={item.id: item.status for item in items if item.status is not None},
    )


def _candidates(
    field: CustomerField, items: Iterable[PickListItem], staff: Iterable[User], entities: Iterable[Any]
) -> list[tuple[str, UUID]]:
    if field.refers_to is Kind.USER:
        return [(name, user.id) for user in staff for name in (user.email, user.name)]
    if field.refers_to is Kind.LEGAL_ENTITY:
        return [(entity.name, entity.id) for entity in entities if entity.archived_at is None]
    return [
        (item.name, item.id) for item in items if item.list is field.pick_list and item.archived_at is None
    ]


def _by_name(candidates: Iterable[tuple[str, UUID]]) -> dict[str, tuple[UUID, ...]]:
    found: dict[str, dict[UUID, None]] = {}
    for name, key in candidates:
        found.setdefault(name.casefold(), {})[key] = None
    return {name: tuple(keys) for name, keys in found.items()}
