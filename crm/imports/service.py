"""Importing customers, as people ask for it. What workers do then is in previewing.py and running.py."""

from collections.abc import AsyncIterable, Mapping
from typing import Any
from uuid import UUID

from crm.accounts.rules import Permission, require
from crm.accounts.units import hold_open
from crm.audit import service as audit
from crm.customers.models import Phase
from crm.customers.requirements import required_fields
from crm.imports import prepared
from crm.imports.access import import_to_change
from crm.imports.chunks import first_bytes
from crm.imports.configuring import Configuration, changes_of, sniffed_again
from crm.imports.csv_format import Sniffed, UnreadableFile
from crm.imports.errors import FileImportedBefore
from crm.imports.events import ImportProgressed
from crm.imports.fields import IMPORT_FIELDS
from crm.imports.mapping import mapping_problems, suggest
from crm.imports.models import DuplicateRule, Import, ImportProblem, ImportState
from crm.imports.plan import FIELD_OF_COLUMN, KEY_COLUMNS, columns_of
from crm.imports.queries import same_file
from crm.imports.rules import Action, check
from crm.imports.sniffing import sample_rows, sniff
from crm.kernel import storage
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.errors import InvalidInput, NotFound, Problem, VersionConflict
from crm.kernel.events import emit
from crm.kernel.fields import refuse
from crm.kernel.ids import Kind, uuid7
from crm.kernel.outbox import enqueue
from crm.kernel.settings import settings
from crm.kernel.transaction import transaction

PREVIEW = "imports.preview"
RUN = "imports.run"
REJECTED = "imports.rejected"
"""Kinds of jobs; their payload is {"import_id", "user_id"}: who asked for it."""

_SAMPLES = 5
_SAMPLE_LENGTH = 80


async def start_import(
    content: AsyncIterable[bytes], *, filename: str, unit_id: UUID | None = None, actor: Actor
) -> Import:
    """Stores the file and looks into it; the suggested mapping is a first one. A file that cannot be read is not kept.

    `unit_id`: where its customers will belong; the actor's only unit if left out. Raises Forbidden, NotFound (the
    unit), UnitArchived, FileTooLarge, or InvalidInput with the file's fault as its code.
    """
    require(actor, Permission.IMPORT)
    unit = _unit(unit_id, actor)
    stored = await storage.put_stream("imports", content, limit=settings().max_upload_mb * 1_000_000)
    try:
        sniffed, suggestions = await _looked_into(stored.key)
        async with transaction():
            await hold_open(unit, "unitId")
            found = await Import.create(
                id=uuid7(),
                unit_id=unit,
                filename=_plain(filename),
                storage_key=stored.key,
                size=stored.size,
                sha256=stored.sha256,
                sniffed=sniffed.to_json(),
                columns=list(sniffed.columns),
                suggestions=suggestions,
                mapping=_suggested(suggestions),
                created_by_id=actor.user_id,
            )
            await _told(found, "start_import", actor)
            return found
    except BaseException:
        await storage.delete(stored.key)
        raise


async def configure_import(
    import_id: UUID, given: Configuration, *, expected_version: int | None = None, actor: Actor
) -> Import:
    """Changes how the file is read, what its columns mean, and what makes and happens to duplicates.

    A new way of reading that changes the columns begins with a new suggested mapping. What a preview said is
    forgotten. Raises NotFound, Forbidden, VersionConflict, InvalidTransition or InvalidInput.
    """
    async with transaction():
        found = await import_to_change(import_id, actor=actor)
        if expected_version not in {None, found.version}:
            raise VersionConflict(Kind.IMPORT, found.id, found.version)
        check(Action.CONFIGURE, found.state)
        if given.reads_anew:
            await _read_anew(found, given)
        changes = changes_of(given)
        refuse(_faults(found.columns, changes["mapping"]) if "mapping" in changes else [])
        found.update_from_dict(changes)
        found.options = {**found.options, **given.options()}
        await _back_to_start(found)
        await _save(found, "configure_import", actor)
        return found


async def preview_import(import_id: UUID, *, actor: Actor) -> Import:
    """Promises a look at every row of the file; nothing is imported.

    Raises NotFound, Forbidden, InvalidTransition, or InvalidInput when a required field is not mapped.
    """
    async with transaction():
        found = await import_to_change(import_id, actor=actor)
        check(Action.PREVIEW, found.state)
        refuse([*await _lacking(found), *mapping_problems(found.columns, found.mapping)])
        await _back_to_start(found)
        found.state = ImportState.PREVIEWING
        await _promise(PREVIEW, found, actor)
        await _save(found, "preview_import", actor)
        return found


async def run_import(import_id: UUID, *, confirm_repeat: bool = False, actor: Actor) -> Import:
    """Promises the import of every row. `confirm_repeat`: although the same file was imported before.

    Raises NotFound, Forbidden, InvalidTransition or FileImportedBefore.
    """
    async with transaction():
        found = await import_to_change(import_id, actor=actor)
        check(Action.RUN, found.state)
        earlier = await same_file(found).first()
        if earlier is not None and not confirm_repeat:
            raise FileImportedBefore(earlier.filename)
        await hold_open(found.unit_id)
        await ImportProblem.filter(run_id=found.id).delete()
        found.state, found.started_at = ImportState.RUNNING, now()
        found.checkpoint = Sniffed.from_json(found.sniffed).to_json()["start"]
        await _promise(RUN, found, actor)
        await _save(found, "run_import", actor)
        return found


async def cancel_import(import_id: UUID, *, actor: Actor) -> Import:
    """Ends an import between two chunks; what is in stays in. Raises NotFound, Forbidden or InvalidTransition."""
    async with transaction():
        found = await import_to_change(import_id, actor=actor)
        check(Action.CANCEL, found.state)
        was = found.state
        found.state, found.finished_at = ImportState.CANCELLED, now()
        if found.failed_count:
            await _promise(REJECTED, found, actor)
        await _save(found, "cancel_import", actor)
    if was is not ImportState.RUNNING:  # its worker still reads them, and forgets them itself
        await prepared.forget(found)
    return found


def _unit(unit_id: UUID | None, actor: Actor) -> UUID:
    if unit_id is None:
        if len(actor.unit_ids) != 1:
            raise InvalidInput.one(
                "Say which business unit its customers belong to.", "unitId", code="REQUIRED"
            )
        (unit_id,) = actor.unit_ids
    if not actor.reaches(unit_id):
        raise NotFound(Kind.BUSINESS_UNIT, "unitId")
    return unit_id


async def _looked_into(key: str) -> tuple[Sniffed, list[dict[str, Any]]]:
    data, complete = await first_bytes(key)
    try:
        sniffed = sniff(data, complete=complete)
        return sniffed, suggestions_of(data, sniffed, complete=complete)
    except UnreadableFile as error:
        raise InvalidInput.one(error.message, "file", code=error.code) from None


def suggestions_of(data: bytes, sniffed: Sniffed, *, complete: bool) -> list[dict[str, Any]]:
    """Per column what it seems to mean, how sure that is and why, and its first values."""
    rows = [cells for _, cells, broken in sample_rows(data, sniffed, complete=complete) if broken is None]
    return [
        {
            "column": found.column,
            "field": found.field,
            "confidence": found.confidence,
            "reason": found.reason,
            "samples": [text for row in rows if (text := row[index].strip()[:_SAMPLE_LENGTH])][:_SAMPLES],
        }
        for index, found in enumerate(suggest(sniffed.columns, rows))
    ]


def _suggested(suggestions: list[dict[str, Any]]) -> dict[str, str]:
    return {each["column"]: each["field"] for each in suggestions if each["field"]}


async def _read_anew(found: Import, given: Configuration) -> None:
    data, complete = await first_bytes(found.storage_key)
    try:
        sniffed = sniffed_again(data, found, given, complete=complete)
        suggestions = suggestions_of(data, sniffed, complete=complete)
    except UnreadableFile as error:
        raise InvalidInput.one(error.message, "file", code=error.code) from None
    if list(sniffed.columns) != found.columns:
        found.mapping = _suggested(suggestions)
    found.sniffed, found.columns, found.suggestions = (
        sniffed.to_json(),
        list(sniffed.columns),
        suggestions,
    )


def _faults(columns: list[str], mapping: Mapping[str, str]) -> list[Problem]:
    """What is wrong with a mapping that may still grow; what it lacks is asked for by the preview."""
    found = mapping_problems(columns, mapping)
    return [problem for problem in found if problem.code != "REQUIRED_FIELD_NOT_MAPPED"]


async def _lacking(found: Import) -> list[Problem]:
    """Columns without which no row could do anything: the key's, and those every new customer needs."""
    mapped = columns_of(set(found.mapping.values()))
    key = KEY_COLUMNS[found.duplicate_key]
    lacking = []
    if found.duplicate_rule is not DuplicateRule.CREATE_NEW and key not in mapped | {"name", "email"}:
        lacking.append(key)
    if found.duplicate_rule is not DuplicateRule.UPDATE:
        lacking += [
            name for name in await required_fields(Phase.CREATE) if name not in mapped | {"name", "email"}
        ]
    return [_not_mapped(FIELD_OF_COLUMN[column]) for column in dict.fromkeys(lacking)]


def _not_mapped(key: str) -> Problem:
    message = f"{IMPORT_FIELDS[key].label} is required: map a column on it."
    return Problem(("mapping", key), "REQUIRED_FIELD_NOT_MAPPED", message)


async def _back_to_start(found: Import) -> None:
    await ImportProblem.filter(run_id=found.id).delete()
    found.state, found.preview, found.rows_total, found.checkpoint = ImportState.UPLOADED, None, None, {}


async def _promise(kind: str, found: Import, actor: Actor) -> None:
    await enqueue(kind, {"import_id": str(found.id), "user_id": str(actor.user_id)})


async def _save(found: Import, action: str, actor: Actor) -> None:
    found.version += 1
    found.updated_at = now()
    await found.save()
    await _told(found, action, actor)


async def _told(found: Import, action: str, actor: Actor) -> None:
    await audit.record(
        actor=actor, subject_kind=Kind.IMPORT, subject_id=found.id, unit_id=found.unit_id, action=action
    )
    await emit(ImportProgressed(import_id=found.id, state=found.state))


def _plain(filename: str) -> str:
    """The last part of a path, without control characters: browsers and scripts send all sorts of things."""
    name = "".join(filter(str.isprintable, filename.replace("\\", "/").rpartition("/")[2]))
    return name[:255] or "customers.csv"
