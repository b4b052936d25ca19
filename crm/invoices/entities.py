"""Legal entities: who issues invoices, how they number them, and what they look like."""

import asyncio
from typing import Any
from uuid import UUID

from crm.accounts.rules import Permission, require
from crm.invoices.changes import check_version, entity_told, save, snapshot
from crm.invoices.errors import LegalEntityArchived
from crm.invoices.fields import ENTITY_DEFAULTS, ENTITY_FIELDS, entity_problems
from crm.invoices.models import DocumentKind, LegalEntity, NumberSeries
from crm.invoices.numbering import parse_pattern
from crm.kernel import storage
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.errors import DuplicateRecord, InvalidInput, NotFound, Problem
from crm.kernel.fields import absent, clean, refuse
from crm.kernel.ids import Kind, uuid7
from crm.kernel.integrity import refusing
from crm.kernel.signing import Download, link
from crm.kernel.transaction import transaction

DEFAULT_PATTERN = "INV-{year}-{seq:5}"
LOGO_AREA = "logos"


async def create_legal_entity(
    values: dict[str, Any], *, number_pattern: str | None = None, actor: Actor
) -> LegalEntity:
    """A new legal entity, which numbers its invoices by the pattern, or as INV-2026-00001.

    Raises Forbidden, InvalidInput, or DuplicateRecord when another has the name.
    """
    async with transaction():
        require(actor, Permission.MANAGE_LEGAL_ENTITIES)
        given = {**ENTITY_DEFAULTS, **values}
        cleaned, problems = clean(given, ENTITY_FIELDS)
        problems += absent(given, ENTITY_FIELDS)
        problems += [*entity_problems(cleaned), *_pattern_problems(number_pattern, cleaned.get("code"))]
        refuse(problems)
        entity = LegalEntity(id=uuid7(), **cleaned)
        async with _naming(entity):
            await entity.save(force_create=True)
        pattern = number_pattern or DEFAULT_PATTERN
        await NumberSeries.create(legal_entity_id=entity.id, kind=DocumentKind.INVOICE, pattern=pattern)
        await entity_told(entity, {}, cleaned | {"number_pattern": pattern}, "create_legal_entity", actor)
        return entity


async def update_legal_entity(
    entity_id: UUID, values: dict[str, Any], *, expected_version: int | None, actor: Actor
) -> LegalEntity:
    """Changes what future invoices say; issued ones keep what they were issued with.

    Raises Forbidden, NotFound, LegalEntityArchived, VersionConflict, InvalidInput or DuplicateRecord.
    """
    async with transaction():
        entity = await _entity_to_change(entity_id, actor)
        check_version(Kind.LEGAL_ENTITY, entity, expected_version)
        cleaned, problems = clean(values, ENTITY_FIELDS)
        refuse([*problems, *entity_problems(cleaned)])
        before = snapshot(entity, cleaned)
        entity.update_from_dict(cleaned)
        async with _naming(entity):
            await save(entity, *cleaned)
        await entity_told(entity, before, cleaned, "update_legal_entity", actor)
        return entity


async def archive_legal_entity(entity_id: UUID, *, actor: Actor) -> LegalEntity:
    """From now on it issues nothing; its invoices stay. Raises Forbidden or NotFound."""
    async with transaction():
        entity = await _locked(entity_id, actor)
        if entity.archived_at is None:
            await _set_archived(entity, archived=True, action="archive_legal_entity", actor=actor)
        return entity


async def restore_legal_entity(entity_id: UUID, *, actor: Actor) -> LegalEntity:
    """Raises Forbidden, NotFound, or DuplicateRecord when another took the name meanwhile."""
    async with transaction():
        entity = await _locked(entity_id, actor)
        if entity.archived_at is not None:
            await _set_archived(entity, archived=False, action="restore_legal_entity", actor=actor)
        return entity


async def set_entity_logo(entity_id: UUID, content: bytes, *, actor: Actor) -> LegalEntity:
    """The picture on top of its documents: PNG, JPEG or WebP by content, at most 2 MB, encoded anew.

    The former one is kept for the documents that show it. Raises Forbidden, NotFound, LegalEntityArchived,
    FileTooLarge or UnreadableLogo.
    """
    async with transaction():
        entity = await _entity_to_change(entity_id, actor)
        logo = await asyncio.to_thread(_encoded, content)
        stored = await storage.put_bytes(LOGO_AREA, logo)
        return await _with_logo(entity, stored.key, "set_entity_logo", actor)


async def remove_entity_logo(entity_id: UUID, *, actor: Actor) -> LegalEntity:
    """Raises Forbidden, NotFound or LegalEntityArchived."""
    async with transaction():
        entity = await _entity_to_change(entity_id, actor)
        return await _with_logo(entity, None, "remove_entity_logo", actor)


def logo_link(entity: LegalEntity) -> str | None:
    """A short-lived address of the logo; None without one."""
    return link(Download(entity.logo_key, "logo.png", "image/png")) if entity.logo_key else None


async def set_number_series(
    entity_id: UUID, pattern: str, *, kind: DocumentKind = DocumentKind.INVOICE, actor: Actor
) -> LegalEntity:
    """How documents of a kind are numbered from now on; the running number goes on where it was.

    Raises Forbidden, NotFound, LegalEntityArchived or InvalidInput.
    """
    async with transaction():
        entity = await _entity_to_change(entity_id, actor)
        refuse(_pattern_problems(pattern, entity.code))
        series = (
            await NumberSeries.filter(legal_entity_id=entity.id, kind=kind).select_for_update().get_or_none()
        )
        before = {"number_pattern": series.pattern if series else None}
        series = series or NumberSeries(id=uuid7(), legal_entity_id=entity.id, kind=kind)
        series.pattern = pattern
        await series.save()
        await save(entity)
        await entity_told(entity, before, {"number_pattern": pattern}, "set_number_series", actor)
        return entity


async def _locked(entity_id: UUID, actor: Actor) -> LegalEntity:
    require(actor, Permission.MANAGE_LEGAL_ENTITIES)
    entity = await LegalEntity.filter(id=entity_id).select_for_update(no_key=True).get_or_none()
    if entity is None:
        raise NotFound(Kind.LEGAL_ENTITY, "id")
    return entity


async def _entity_to_change(entity_id: UUID, actor: Actor) -> LegalEntity:
    entity = await _locked(entity_id, actor)
    if entity.archived_at is not None:
        raise LegalEntityArchived("id")
    return entity


async def _set_archived(entity: LegalEntity, *, archived: bool, action: str, actor: Actor) -> None:
    before = snapshot(entity, ("archived_at",))
    entity.archived_at = now() if archived else None
    async with _naming(entity):
        await save(entity, "archived_at")
    await entity_told(entity, before, snapshot(entity, ("archived_at",)), action, actor)


async def _with_logo(entity: LegalEntity, key: str | None, action: str, actor: Actor) -> LegalEntity:
    before, entity.logo_key = entity.logo_key is not None, key
    await save(entity, "logo_key")
    await entity_told(entity, {"logo": before}, {"logo": key is not None}, action, actor)
    return entity


def _pattern_problems(pattern: str | None, code: str | None) -> list[Problem]:
    if pattern is None:
        return []
    try:
        parsed = parse_pattern(pattern)
    except InvalidInput as error:
        return list(error.problems)
    if parsed.needs_entity_code and not code:
        sentence = "The pattern uses {entity}; give the legal entity a code first."
        return [Problem(("pattern",), "ENTITY_CODE_MISSING", sentence)]
    return []


def _naming(entity: LegalEntity) -> Any:
    async def taken() -> DuplicateRecord:
        other = await LegalEntity.get(name__iexact=entity.name, archived_at=None)
        message = "There is a legal entity of this name already. Choose another name."
        return DuplicateRecord(message, "name", kind=Kind.LEGAL_ENTITY, existing_id=other.id)

    return refusing({"legal_entity_name": taken})


def _encoded(content: bytes) -> bytes:
    from crm.invoices.logos import encoded_logo  # noqa: PLC0415  what reads pictures comes in with the first one

    return encoded_logo(content)
