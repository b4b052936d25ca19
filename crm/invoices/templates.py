"""E-mail templates of a legal entity: its own words for the e-mails its invoices travel in, by language."""

from typing import Any
from uuid import UUID

from crm.accounts.rules import Permission, require
from crm.invoices.changes import entity_told
from crm.invoices.fields import TEMPLATE_FIELDS
from crm.invoices.letters import Letter, default_letter, letter_problems
from crm.invoices.models import EmailTemplate, LegalEntity
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.errors import NotFound
from crm.kernel.fields import absent, clean, refuse
from crm.kernel.ids import Kind, uuid7
from crm.kernel.transaction import transaction


async def set_email_template(entity_id: UUID, values: dict[str, Any], *, actor: Actor) -> EmailTemplate:
    """The entity's words in a language, in the place of those it had: `language`, `subject`, `body`.

    Raises Forbidden, NotFound or InvalidInput, also for placeholders that nobody fills.
    """
    async with transaction():
        entity = await _entity(entity_id, actor)
        cleaned, problems = clean(values, TEMPLATE_FIELDS)
        letter = Letter(cleaned.get("subject") or "", cleaned.get("body") or "")
        refuse([*problems, *absent(values, TEMPLATE_FIELDS), *letter_problems(letter)])
        template = await _template(entity, cleaned["language"]) or EmailTemplate(
            id=uuid7(), legal_entity_id=entity.id, language=cleaned["language"], version=0
        )
        before = _said(template) if template.version else {}
        template.update_from_dict(cleaned | {"version": template.version + 1, "updated_at": now()})
        await template.save()
        await entity_told(entity, before, _said(template), "set_email_template", actor)
        return template


async def delete_email_template(template_id: UUID, *, actor: Actor) -> EmailTemplate:
    """From now on the built-in words are used. Raises Forbidden or NotFound."""
    async with transaction():
        require(actor, Permission.MANAGE_LEGAL_ENTITIES)
        seen = await EmailTemplate.get_or_none(id=template_id)
        if seen is None:
            raise NotFound(Kind.EMAIL_TEMPLATE, "id")
        entity = await _entity(seen.legal_entity_id, actor)
        deleted = await EmailTemplate.filter(id=template_id).delete()
        if not deleted:
            raise NotFound(Kind.EMAIL_TEMPLATE, "id")
        await entity_told(entity, _said(seen), {}, "delete_email_template", actor)
        return seen


async def letter_of(entity_id: UUID, language: str) -> Letter:
    """The entity's own words in the language, or in the language without its region, or the built-in ones."""
    wanted = [language, language.partition("-")[0]]
    found = {
        t.language: t for t in await EmailTemplate.filter(legal_entity_id=entity_id, language__in=wanted)
    }
    template = next((found[each] for each in wanted if each in found), None)
    return Letter(template.subject, template.body) if template else default_letter(language)


async def _entity(entity_id: UUID, actor: Actor) -> LegalEntity:
    require(actor, Permission.MANAGE_LEGAL_ENTITIES)
    entity = await LegalEntity.filter(id=entity_id).select_for_update(no_key=True).get_or_none()
    if entity is None:
        raise NotFound(Kind.LEGAL_ENTITY, "legalEntityId")
    return entity


async def _template(entity: LegalEntity, language: str) -> EmailTemplate | None:
    return await EmailTemplate.get_or_none(legal_entity_id=entity.id, language=language)


def _said(template: EmailTemplate) -> dict[str, Any]:
    prefix = f"email_template.{template.language}"
    return {f"{prefix}.subject": template.subject, f"{prefix}.body": template.body}
