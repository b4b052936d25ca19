"""Every read of imports: un-awaited QuerySets, already narrowed to what the actor may see."""

from uuid import UUID

from tortoise.queryset import QuerySet, QuerySetSingle

from crm.imports.models import Import, ImportProblem, ImportState
from crm.kernel.actor import Actor


def visible_to(actor: Actor) -> QuerySet[Import]:
    """Imports into the actor's units."""
    return Import.all() if actor.sees_all_units else Import.filter(unit_id__in=list(actor.unit_ids))


def by_id(actor: Actor, import_id: UUID) -> QuerySetSingle[Import | None]:
    return visible_to(actor).get_or_none(id=import_id)


def list_imports(actor: Actor, state: ImportState | None = None) -> QuerySet[Import]:
    """The newest first."""
    found = visible_to(actor).order_by("-created_at", "-id")
    return found if state is None else found.filter(state=state)


def problems_of(import_id: UUID) -> QuerySet[ImportProblem]:
    """What is wrong with its rows, in the order of the file. The caller has checked that the import is visible."""
    return ImportProblem.filter(run_id=import_id).order_by("line", "id")


def same_file(found: Import) -> QuerySet[Import]:
    """Completed imports of the same bytes into the same unit, the latest first."""
    same = Import.filter(unit_id=found.unit_id, sha256=found.sha256, state=ImportState.COMPLETED)
    return same.exclude(id=found.id).order_by("-finished_at", "-id")
