"""What a customer refers to: chosen items that exist and are open, managers who work in its unit."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from crm.accounts.models import UnitMembership
from crm.customers.fields import CUSTOMER_FIELDS, CustomerField
from crm.customers.models import Customer, PickList, PickListItem, Status
from crm.kernel.errors import Problem

Values = Mapping[str, Any]

_PICKS = [field for field in CUSTOMER_FIELDS.values() if field.pick_list is not None]
MANAGERS = ("account_manager_id", "service_manager_id")


async def reference_problems(
    values: Values, current: Values, *, unit_id: UUID, status: Status
) -> list[Problem]:
    """What is wrong with the records that `values` newly names; `current` holds what the customer has.

    `status`: what a status label must stand for.
    """
    fresh = {key: value for key, value in values.items() if value != current.get(key)}
    return [
        *await _pick_problems(fresh, current, status),
        *await member_problems(fresh, unit_id),
        *await _entity_problems(fresh),
    ]


async def member_problems(values: Values, unit_id: UUID) -> list[Problem]:
    """The managers among the values who are not active members of the unit."""
    wanted = {key: values[key] for key in MANAGERS if values.get(key) is not None}
    if not wanted:
        return []
    members = UnitMembership.filter(unit_id=unit_id, user_id__in=list(wanted.values()), user__active=True)
    found = set(await members.values_list("user_id", flat=True))
    message = "This user does not work in the customer's business unit. Choose one who does."
    return [
        Problem(CUSTOMER_FIELDS[key].path, "NOT_A_UNIT_MEMBER", message)
        for key, user_id in wanted.items()
        if user_id not in found
    ]


async def _pick_problems(values: Values, current: Values, status: Status) -> list[Problem]:
    wanted = [(field, key) for field in _PICKS for key in _keys(values.get(field.key))]
    if not wanted:
        return []
    items = await PickListItem.in_bulk([key for _, key in wanted], "id")
    found = []
    for field, key in wanted:
        kept = key in _keys(current.get(field.key))
        problem = None if kept else _pick_problem(field, items.get(key), status)
        found += [problem] if problem else []
    return found


def _keys(value: Any) -> Iterable[UUID]:
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def _pick_problem(field: CustomerField, item: PickListItem | None, status: Status) -> Problem | None:
    if item is None or item.list is not field.pick_list:
        return Problem(field.path, "NOT_FOUND", f"{field.label}: there is no such choice.")
    if item.archived_at is not None:
        return Problem(
            field.path, "PICK_LIST_ITEM_ARCHIVED", f"{field.label}: '{item.name}' can no longer be chosen."
        )
    if item.list is PickList.STATUS_LABEL and item.status is not status:
        message = f"'{item.name}' is a label for {item.status} customers; this one is {status}."
        return Problem(field.path, "LABEL_OF_OTHER_STATUS", message)
    return None


async def _entity_problems(values: Values) -> list[Problem]:
    """Legal entities belong to a room above this one: only the relation leads there."""
    key = values.get("legal_entity_id")
    if key is None:
        return []
    model: Any = Customer._meta.fields_map["legal_entity"].related_model  # type: ignore[attr-defined]  # noqa: SLF001
    if await model.exists(id=key, archived_at__isnull=True):
        return []
    return [Problem(("legalEntityId",), "NOT_FOUND", "There is no such legal entity, or it is archived.")]


async def fitting_label(customer: Customer, status: Status) -> UUID | None:
    """The customer's status label if it stands for that status too, else None."""
    if customer.status_label_id is None:
        return None
    fits = await PickListItem.exists(id=customer.status_label_id, status=status)
    return customer.status_label_id if fits else None
