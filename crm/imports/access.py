"""Who may do what to an import: those who may import files, in units they reach; others' imports need a manager."""

from uuid import UUID

from crm.accounts.rules import Permission, may, require
from crm.imports.models import Import
from crm.imports.queries import visible_to
from crm.kernel.actor import Actor
from crm.kernel.errors import Forbidden, NotFound
from crm.kernel.ids import Kind


async def import_to_change(import_id: UUID, *, actor: Actor) -> Import:
    """The row, locked. Raises NotFound or Forbidden."""
    found = await visible_to(actor).select_for_update(no_key=True).get_or_none(id=import_id)
    if found is None:
        raise NotFound(Kind.IMPORT, "id")
    require(actor, Permission.IMPORT)
    if found.created_by_id != actor.user_id and not may(actor, Permission.EDIT_ANY):
        raise Forbidden("A colleague uploaded this file: only they or a manager may go on with it.")
    return found
