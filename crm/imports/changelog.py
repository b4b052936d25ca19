"""The history of an import's chunk, made ready for COPY: one entry per customer created and per change."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from json.encoder import encode_basestring
from typing import Any
from uuid import UUID

import orjson

from crm.customers.fields import CUSTOMER_FIELDS
from crm.imports import copy_text
from crm.kernel.ids import Kind, encode

Entry = tuple[str, UUID, UUID, str, str]
"""Kind and id of the subject, the customer, the action, and the changes as JSON in a field of COPY's text format."""

_KINDS = {"consent_by_id": Kind.USER} | {
    column: field.refers_to or Kind.PICK_LIST_ITEM
    for column, field in CUSTOMER_FIELDS.items()
    if field.refers_to is not None or column == "invoice_type_ids"
}
_NAMES = {
    column: "invoice_types" if column == "invoice_type_ids" else column.removesuffix("_id")
    for column in _KINDS
}
_COPIED = frozenset(column for column in CUSTOMER_FIELDS if column.startswith("billing_")) - {"billing_same"}


class _After(dict[str, str]):
    """The beginning of a new value's JSON, by column: it is the same in every row, and so is written once."""

    def __missing__(self, column: str) -> str:
        name = orjson.dumps(_NAMES.get(column, column)).decode()
        self[column] = head = f'{{"field":{name},"after":'
        return head


_AFTER = _After()


class Changelog:
    """`names`: of the records that ids refer to."""

    def __init__(self, names: Mapping[UUID, str] | None = None) -> None:
        self._refer = names or {}
        self.entries: list[Entry] = []

    def created(self, customer_id: UUID, changes: str) -> None:
        """`changes`: as `creation` makes them."""
        self.entries.append((Kind.CUSTOMER.value, customer_id, customer_id, "create_customer", changes))

    def creation(self, values: Mapping[str, Any], person: Mapping[str, Any]) -> str:
        """What the row gave; the contact stands in the same entry, for it came with the customer."""
        parts = [
            _AFTER[column] + (encode_basestring(value) if type(value) is str else self._json(column, value))
            for column, value in values.items()
        ]
        parts += [_AFTER[name] + encode_basestring(value) for name, value in person.items()]
        return copy_text.json(f"[{'},'.join(parts)}}}]") if parts else "[]"

    def updated(self, customer_id: UUID, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        same = after.get("billing_same", before.get("billing_same", True))
        changes = [
            {
                "field": _NAMES.get(column, column),
                "before": self._shown(column, before.get(column)),
                "after": self._shown(column, value),
            }
            for column, value in after.items()
            if not (same and column in _COPIED)
        ]
        self._add(Kind.CUSTOMER, customer_id, customer_id, "update_customer", changes)

    def contact_added(self, customer_id: UUID, contact_id: UUID, values: Mapping[str, Any]) -> None:
        changes = [
            {"field": name, "before": None, "after": value}
            for name, value in values.items()
            if value is not None
        ]
        self._add(Kind.CONTACT, contact_id, customer_id, "create_contact", changes)

    def contact_updated(
        self, customer_id: UUID, contact_id: UUID, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        changes = [{"field": name, "before": before[name], "after": value} for name, value in after.items()]
        self._add(Kind.CONTACT, contact_id, customer_id, "update_contact", changes)

    def _add(
        self, kind: Kind, subject: UUID, customer: UUID, action: str, changes: list[dict[str, Any]]
    ) -> None:
        told = copy_text.json(orjson.dumps(changes).decode())
        self.entries.append((kind.value, subject, customer, action, told))

    def _json(self, column: str, value: Any) -> str:
        return str(value) if type(value) is int else orjson.dumps(self._shown(column, value)).decode()

    def _shown(self, column: str, value: Any) -> object:
        if value is None or type(value) is str or type(value) is int:
            return value
        if column in _KINDS:
            kind = _KINDS[column]
            if isinstance(value, list):
                return [self._reference(kind, each) for each in value]
            return self._reference(kind, value)
        return _plain(value)

    def _reference(self, kind: Kind, key: UUID) -> dict[str, str | None]:
        return {"id": encode(kind, key), "name": self._refer.get(key)}


def _plain(value: object) -> object:
    match value:
        case Decimal():
            return f"{value:f}"
        case datetime() | date():
            return value.isoformat()
        case Enum():
            return value.value
        case _:
            return value
