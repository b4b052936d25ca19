"""Keeping a change to a customer: the row with its new version, the history and the event, always together.

Everything here runs inside the caller's `transaction()`, on a row the caller has locked.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from crm.audit import service as audit
from crm.customers.events import CustomerChanged
from crm.customers.fields import CUSTOMER_FIELDS
from crm.customers.models import Customer, PickListItem
from crm.customers.rules import ADDRESS_PARTS
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.errors import DomainError, DuplicateRecord, InvalidInput
from crm.kernel.events import emit
from crm.kernel.ids import Kind, encode
from crm.kernel.integrity import Refusal, refusing

Values = Mapping[str, Any]

_REFERENCES: dict[str, Kind] = {
    "unit_id": Kind.BUSINESS_UNIT,
    "consent_by_id": Kind.USER,
    "blocked_by_id": Kind.USER,
} | {key: field.refers_to for key, field in CUSTOMER_FIELDS.items() if field.refers_to is not None}
_COPIED = frozenset(f"billing_{part}" for part in ADDRESS_PARTS)


async def add(customer: Customer, invoice_types: list[UUID], *, actor: Actor, action: str) -> None:
    """Inserts a new customer. Raises DuplicateRecord or InvalidInput where PostgreSQL refuses."""
    customer.created_by_id = customer.updated_by_id = actor.user_id
    async with refusing(_refusals(customer)):
        await customer.save(force_create=True)
    await _set_invoice_types(customer, invoice_types)
    kept = {key: getattr(customer, key) for key in ("unit_id", *CUSTOMER_FIELDS) if key != "invoice_type_ids"}
    given = {key: value for key, value in kept.items() if value not in (None, [])}
    await tell(customer, {}, given | {"invoice_type_ids": invoice_types}, actor=actor, action=action)


async def keep(customer: Customer, values: Values, *, actor: Actor, action: str) -> None:
    """Writes the values. Those the customer has already are no change; without any change nothing is done.

    Raises DuplicateRecord or InvalidInput where PostgreSQL refuses.
    """
    current = await _current(customer, values)
    after = {key: value for key, value in values.items() if value != current[key]}
    if not after:
        return
    types = after.pop("invoice_type_ids", None)
    await _save(customer, after, actor)
    if types is not None:
        await _set_invoice_types(customer, types)
        after["invoice_type_ids"] = types
    await tell(customer, {key: current[key] for key in after}, after, actor=actor, action=action)


async def tell(customer: Customer, before: Values, after: Values, *, actor: Actor, action: str) -> None:
    """The history entry and the event of what `before` and `after` say; both are columns with their values."""
    changes = audit.diff(await _readable(customer, before), await _readable(customer, after))
    await audit.record(
        actor=actor,
        subject_kind=Kind.CUSTOMER,
        subject_id=customer.id,
        customer_id=customer.id,
        unit_id=customer.unit_id,
        action=action,
        changes=changes,
    )
    names = [change.field for change in changes]
    await emit(
        CustomerChanged(customer_id=customer.id, unit_id=customer.unit_id, action=action, fields=names)
    )


async def _current(customer: Customer, keys: Iterable[str]) -> dict[str, Any]:
    found = {key: getattr(customer, key) for key in keys if key != "invoice_type_ids"}
    if "invoice_type_ids" in keys:
        found["invoice_type_ids"] = sorted(await customer.invoice_types.all().values_list("id", flat=True))
    return found


async def _save(customer: Customer, after: Values, actor: Actor) -> None:
    for key, value in after.items():
        setattr(customer, key, value)
    customer.version += 1
    customer.updated_at, customer.updated_by_id = now(), actor.user_id
    async with refusing(_refusals(customer)):
        await customer.save(update_fields=[*after, "version", "updated_at", "updated_by_id"])


async def _set_invoice_types(customer: Customer, keys: list[UUID]) -> None:
    await customer.invoice_types.clear()
    if keys:
        await customer.invoice_types.add(*await PickListItem.filter(id__in=keys))


async def _readable(customer: Customer, values: Values) -> dict[str, object]:
    """As history keeps it: a reference by its id and the name it had, a copied billing address not at all."""
    hidden = _COPIED if customer.billing_same else frozenset()
    return {_name(key): await _shown(key, value) for key, value in values.items() if key not in hidden}


def _name(key: str) -> str:
    if key == "invoice_type_ids":
        return "invoice_types"
    return key.removesuffix("_id") if key in _REFERENCES else key


async def _shown(key: str, value: Any) -> object:
    if key == "invoice_type_ids":
        names = PickListItem.filter(id__in=value).order_by("name").values_list("id", "name")
        return [_reference(Kind.PICK_LIST_ITEM, *found) for found in await names]
    if key not in _REFERENCES or value is None:
        return value
    model: Any = Customer._meta.fields_map[_name(key)].related_model  # type: ignore[attr-defined]  # noqa: SLF001
    return _reference(
        _REFERENCES[key], value, await model.filter(id=value).first().values_list("name", flat=True)
    )


def _reference(kind: Kind, key: UUID, name: str) -> dict[str, str]:
    return {"id": encode(kind, key), "name": name}


def _refusals(customer: Customer) -> dict[str, Refusal]:
    return {
        "customer_account_number": partial(_taken, customer, "account_number", "accountNumber"),
        "customer_external_id": partial(_taken, customer, "external_id", "externalId"),
        "customer_manager_in_unit": not_a_member,
    }


async def _taken(customer: Customer, column: str, path: str) -> DomainError:
    value = getattr(customer, column)
    same: Any = {column: value, "unit_id": customer.unit_id, "archived_at__isnull": True}
    other = await Customer.filter(**same).exclude(id=customer.id).first()
    label = CUSTOMER_FIELDS[column].label
    if other is None:
        return InvalidInput.one(
            f"{label} '{value}' was just taken. Try again.", path, code="DUPLICATE_RECORD"
        )
    message = f"{label} '{value}' belongs to '{other.name}'. Use another, or change that customer."
    return DuplicateRecord(message, path, kind=Kind.CUSTOMER, existing_id=other.id)


def not_a_member(path: str = "accountManagerId") -> InvalidInput:
    message = "This user does not work in the customer's business unit. Choose one who does."
    return InvalidInput.one(message, path, code="NOT_A_UNIT_MEMBER")
