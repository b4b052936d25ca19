"""What the two jobs share: who acts, the row of the import under the job's feet, and how it ends."""

from uuid import UUID

from crm.accounts.models import UnitMembership, User
from crm.accounts.rules import Permission, may
from crm.imports.csv_format import UnreadableFile
from crm.imports.events import ImportProgressed
from crm.imports.models import Import, ImportState
from crm.kernel.actor import Actor, Via
from crm.kernel.clock import now
from crm.kernel.events import emit
from crm.kernel.jobs import Claim, still_mine
from crm.kernel.transaction import transaction


class Refused(Exception):
    """The import cannot go on: it becomes FAILED with this code and sentence."""

    def __init__(self, code: str, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.line = code, message, line


class Cancelled(Exception):
    """Somebody cancelled the import: what was committed stays, nothing more is to be done."""


async def importer(user_id: UUID, unit_id: UUID) -> Actor:
    """Who asked for the import, with what they may do today. Raises Refused."""
    user = await User.get_or_none(id=user_id, active=True)
    if user is not None:
        units = frozenset([each.unit_id for each in await UnitMembership.filter(user_id=user.id)])
        actor = Actor(user.id, user.name, user.role, units, via=Via.IMPORT)
        if may(actor, Permission.IMPORT) and actor.reaches(unit_id):
            return actor
    raise Refused("FORBIDDEN", "Who started this import may no longer import into this business unit.")


async def locked(import_id: UUID, state: ImportState, claim: Claim) -> Import | None:
    """The import's row for this transaction, or None when it was cancelled. Raises LostLease.

    The row is locked so that rows referring to it can still come: chunks overlap.
    """
    await still_mine(claim)
    return await Import.filter(id=import_id, state=state).select_for_update(no_key=True).get_or_none()


async def fail(import_id: UUID, state: ImportState, claim: Claim, refused: Refused) -> None:
    async with transaction():
        found = await locked(import_id, state, claim)
        if found is None:
            return
        found.state, found.finished_at = ImportState.FAILED, now()
        found.failure = {"code": refused.code, "message": refused.message, "line": refused.line}
        await keep(found, "state", "finished_at", "failure")


async def keep(found: Import, *columns: str) -> None:
    """Saves these columns and tells who follows the import."""
    found.version += 1
    found.updated_at = now()
    await found.save(update_fields=[*columns, "version", "updated_at"])
    await emit(ImportProgressed(import_id=found.id, state=found.state))


def as_refused(error: UnreadableFile) -> Refused:
    return Refused(error.code, error.message, error.line)
