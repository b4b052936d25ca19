"""Changes to legal entities. For admins."""

from typing import cast
from uuid import UUID

import strawberry

from api.context import Info, actor_of
from api.ids import key_of, public_id
from api.invoices.entity_inputs import (
    CreateLegalEntityInput,
    EmailTemplateInput,
    LegalEntityInput,
    SetEmailTemplateInput,
    SetEntityLogoInput,
    SetNumberSeriesInput,
    UpdateLegalEntityInput,
    values_of,
)
from api.invoices.entity_types import EmailTemplate, LegalEntity
from api.mutations import Payload, mutation
from api.uploads import file_of
from crm.invoices import entities, models, queries, templates
from crm.invoices.rules import LOGO_MOST_BYTES
from crm.kernel.ids import Kind


@strawberry.type(description="The legal entity as it is after the change.")
class LegalEntityPayload(Payload):
    legal_entity_id: strawberry.Private[UUID | None] = None

    @strawberry.field(description="The legal entity; null when the change was refused.")
    def legal_entity(self, info: Info) -> LegalEntity | None:
        if self.legal_entity_id is None:
            return None
        found = queries.legal_entity_by_id(actor_of(info), self.legal_entity_id)
        return cast("LegalEntity | None", found)


@strawberry.type(description="The e-mail template as it is after the change.")
class EmailTemplatePayload(Payload):
    template_id: strawberry.Private[UUID | None] = None

    @strawberry.field(description="The template; null when the change was refused.")
    def email_template(self, info: Info) -> EmailTemplate | None:
        if self.template_id is None:
            return None
        found = queries.email_template_by_id(actor_of(info), self.template_id)
        return cast("EmailTemplate | None", found)


@strawberry.type(description="What was deleted.")
class DeleteEmailTemplatePayload(Payload):
    template_id: strawberry.Private[UUID | None] = None

    @strawberry.field(description="The id of the template that is gone; null when the deletion was refused.")
    def deleted_id(self) -> strawberry.ID | None:
        return None if self.template_id is None else public_id(Kind.EMAIL_TEMPLATE, self.template_id)


def _told(entity: models.LegalEntity) -> LegalEntityPayload:
    return LegalEntityPayload(legal_entity_id=entity.id)


def _key(id: str, *path: str) -> UUID:
    return key_of(Kind.LEGAL_ENTITY, id, *path)


@strawberry.type
class LegalEntityMutation:
    @mutation(description="Adds a company that issues invoices. For admins.")
    async def create_legal_entity(self, info: Info, input: CreateLegalEntityInput) -> LegalEntityPayload:
        return _told(
            await entities.create_legal_entity(
                values_of(input), number_pattern=input.number_pattern, actor=actor_of(info)
            )
        )

    @mutation(
        description="Changes what a legal entity's future invoices say. Issued ones stay as they are. For admins."
    )
    async def update_legal_entity(self, info: Info, input: UpdateLegalEntityInput) -> LegalEntityPayload:
        return _told(
            await entities.update_legal_entity(
                _key(input.id),
                values_of(input),
                expected_version=input.expected_version,
                actor=actor_of(info),
            )
        )

    @mutation(description="Lets a legal entity issue nothing any more; its invoices stay. For admins.")
    async def archive_legal_entity(self, info: Info, input: LegalEntityInput) -> LegalEntityPayload:
        return _told(await entities.archive_legal_entity(_key(input.id), actor=actor_of(info)))

    @mutation(description="Lets an archived legal entity issue invoices again. For admins.")
    async def restore_legal_entity(self, info: Info, input: LegalEntityInput) -> LegalEntityPayload:
        return _told(await entities.restore_legal_entity(_key(input.id), actor=actor_of(info)))

    @mutation(description="Sets the picture on top of a legal entity's future invoices. For admins.")
    async def set_entity_logo(self, info: Info, input: SetEntityLogoInput) -> LegalEntityPayload:
        content = await file_of(input.file).read(LOGO_MOST_BYTES + 1)
        return _told(await entities.set_entity_logo(_key(input.id), content, actor=actor_of(info)))

    @mutation(description="Takes the logo off a legal entity's future invoices. For admins.")
    async def remove_entity_logo(self, info: Info, input: LegalEntityInput) -> LegalEntityPayload:
        return _told(await entities.remove_entity_logo(_key(input.id), actor=actor_of(info)))

    @mutation(description="Says how a legal entity numbers its documents from now on. For admins.")
    async def set_number_series(self, info: Info, input: SetNumberSeriesInput) -> LegalEntityPayload:
        entity_id = _key(input.legal_entity_id, "legalEntityId")
        return _told(
            await entities.set_number_series(entity_id, input.pattern, kind=input.kind, actor=actor_of(info))
        )

    @mutation(description="Sets a legal entity's own words for the e-mails of its invoices. For admins.")
    async def set_email_template(self, info: Info, input: SetEmailTemplateInput) -> EmailTemplatePayload:
        values = {"language": input.language, "subject": input.subject, "body": input.body}
        entity_id = _key(input.legal_entity_id, "legalEntityId")
        template = await templates.set_email_template(entity_id, values, actor=actor_of(info))
        return EmailTemplatePayload(template_id=template.id)

    @mutation(description="Goes back to the built-in words in a language. For admins.")
    async def delete_email_template(
        self, info: Info, input: EmailTemplateInput
    ) -> DeleteEmailTemplatePayload:
        template_id = key_of(Kind.EMAIL_TEMPLATE, input.id)
        template = await templates.delete_email_template(template_id, actor=actor_of(info))
        return DeleteEmailTemplatePayload(template_id=template.id)
