"""The pick lists, which admins edit: sources, industries, groups and the like (DOMAIN §2)."""

from typing import NamedTuple
from uuid import UUID

import asyncpg
from tortoise.exceptions import IntegrityError

from crm.accounts.rules import Permission, require
from crm.audit import service as audit
from crm.customers.errors import PickListItemArchived
from crm.customers.events import CustomerSettingsChanged
from crm.customers.models import PickList, PickListItem, Status
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.errors import DomainError, DuplicateRecord, InvalidInput, InvalidTransition, NotFound
from crm.kernel.events import emit
from crm.kernel.ids import Kind, uuid7
from crm.kernel.integrity import refusing
from crm.kernel.transaction import raw_connection, transaction
from crm.kernel.values import InvalidValue, parse_text

MAX_NAME = 120


class Deleted(NamedTuple):
    """`archived`: customers or invoices use the item, so that it could only be taken out of use."""

    item: PickListItem
    archived: bool


async def create_item(
    pick_list: PickList, name: str, *, status: Status | None = None, actor: Actor
) -> PickListItem:
    """Adds a choice at the end of its list. `status`: what a STATUS_LABEL stands for; other lists have none.

    Raises Forbidden, InvalidInput or DuplicateRecord.
    """
    require(actor, Permission.MANAGE_SETTINGS)
    label = _name(name)
    _check_status(pick_list, status)
    async with transaction():
        position = await _next_position(pick_list)
        item = PickListItem(id=uuid7(), list=pick_list, name=label, position=position, status=status)
        async with refusing({"pick_list_item_name": lambda: _taken(item)}):
            await item.save(force_create=True)
        await _tell(item, {}, {"name": label, "status": status}, "create_pick_list_item", actor)
        return item


async def rename_item(item_id: UUID, name: str, *, actor: Actor) -> PickListItem:
    """Customers that have it show the new name. Raises Forbidden, NotFound, InvalidInput or DuplicateRecord."""
    require(actor, Permission.MANAGE_SETTINGS)
    label = _name(name)
    async with transaction():
        item = await _locked(item_id)
        if item.archived_at is not None:
            raise PickListItemArchived
        before, item.name = item.name, label
        await _save(item)
        await _tell(item, {"name": before}, {"name": label}, "rename_pick_list_item", actor)
        return item


async def move_item(item_id: UUID, position: int, *, actor: Actor) -> PickListItem:
    """Puts a choice at a place of its list, 0 the first; the others close up. Raises Forbidden or NotFound."""
    require(actor, Permission.MANAGE_SETTINGS)
    async with transaction():
        item = await _locked(item_id)
        others = PickListItem.filter(list=item.list).exclude(id=item.id)
        order = await others.order_by("position", "name").select_for_update()
        before, wanted = item.position, max(0, min(position, len(order)))
        for place, each in enumerate([*order[:wanted], item, *order[wanted:]]):
            if each.position != place:
                await PickListItem.filter(id=each.id).update(position=place)
        item.position = wanted
        await _save(item)
        await _tell(item, {"position": before}, {"position": wanted}, "move_pick_list_item", actor)
        return item


async def archive_item(item_id: UUID, *, actor: Actor) -> PickListItem:
    """Takes a choice out of use; customers that have it keep it.

    Raises Forbidden, NotFound or InvalidTransition.
    """
    require(actor, Permission.MANAGE_SETTINGS)
    async with transaction():
        item = await _locked(item_id)
        if item.archived_at is not None:
            raise InvalidTransition(
                "archivePickListItem", "ARCHIVED", ["restorePickListItem", "deletePickListItem"]
            )
        await _archive(item, "archive_pick_list_item", actor)
        return item


async def restore_item(item_id: UUID, *, actor: Actor) -> PickListItem:
    """Raises Forbidden, NotFound, InvalidTransition, or DuplicateRecord with the choice that took its name."""
    require(actor, Permission.MANAGE_SETTINGS)
    async with transaction():
        item = await _locked(item_id)
        if item.archived_at is None:
            raise InvalidTransition(
                "restorePickListItem", "OPEN", ["archivePickListItem", "deletePickListItem"]
            )
        before, item.archived_at = item.archived_at, None
        await _save(item)
        await _tell(item, {"archived_at": before}, {"archived_at": None}, "restore_pick_list_item", actor)
        return item


async def delete_item(item_id: UUID, *, actor: Actor) -> Deleted:
    """Deletes a choice; one in use is archived instead. Raises Forbidden or NotFound."""
    require(actor, Permission.MANAGE_SETTINGS)
    async with transaction():
        item = await _locked(item_id)
        if await _deleted(item):
            await _tell(item, {"name": item.name}, {}, "delete_pick_list_item", actor)
            return Deleted(item, archived=False)
        if item.archived_at is None:
            await _archive(item, "archive_pick_list_item", actor)
        return Deleted(item, archived=True)


def _check_status(pick_list: PickList, status: Status | None) -> None:
    if pick_list is PickList.STATUS_LABEL and status is None:
        raise InvalidInput.one("Say which status the label stands for.", "status", code="REQUIRED")
    if pick_list is not PickList.STATUS_LABEL and status is not None:
        raise InvalidInput.one("Only a status label stands for a status.", "status", code="STATUS_LABEL_ONLY")


async def _deleted(item: PickListItem) -> bool:
    """Every table that uses choices refuses to lose one, but the customers' invoice types: those are asked."""
    if await item.customers_allowed.all().exists():
        return False
    try:
        async with raw_connection().transaction():
            await item.delete()
    except (IntegrityError, asyncpg.ForeignKeyViolationError):
        return False
    return True


async def _archive(item: PickListItem, action: str, actor: Actor) -> None:
    item.archived_at = now()
    await _save(item)
    await _tell(item, {"archived_at": None}, {"archived_at": item.archived_at}, action, actor)


async def _locked(item_id: UUID) -> PickListItem:
    item = await PickListItem.filter(id=item_id).select_for_update().get_or_none()
    if item is None:
        raise NotFound(Kind.PICK_LIST_ITEM, "id")
    return item


async def _next_position(pick_list: PickList) -> int:
    last = await PickListItem.filter(list=pick_list).order_by("-position").first()
    return 0 if last is None else last.position + 1


async def _save(item: PickListItem) -> None:
    item.version += 1
    item.updated_at = now()
    async with refusing({"pick_list_item_name": lambda: _taken(item)}):
        await item.save()


async def _taken(item: PickListItem) -> DomainError:
    same = PickListItem.filter(list=item.list, name__iexact=item.name, archived_at__isnull=True)
    other = await same.exclude(id=item.id).first()
    message = f"There is a choice '{item.name}' in this list already."
    if other is None:
        return InvalidInput.one(message, "name", code="DUPLICATE_RECORD")
    return DuplicateRecord(message, "name", kind=Kind.PICK_LIST_ITEM, existing_id=other.id)


async def _tell(
    item: PickListItem, before: dict[str, object], after: dict[str, object], action: str, actor: Actor
) -> None:
    await audit.record(
        actor=actor,
        subject_kind=Kind.PICK_LIST_ITEM,
        subject_id=item.id,
        action=action,
        changes=audit.diff(before, after),
    )
    await emit(CustomerSettingsChanged(what=item.list.value))


def _name(text: str) -> str:
    try:
        return parse_text(text, max_length=MAX_NAME)
    except InvalidValue as error:
        raise InvalidInput.one(error.message, "name", code=error.code.value) from None
