"""Importing files."""

from collections.abc import AsyncIterator
from dataclasses import fields
from typing import Any, cast
from uuid import UUID

import strawberry

from api.context import Info, actor_of
from api.ids import key_of, optional_key
from api.imports.inputs import (
    ColumnMappingInput,
    ConfigureImportInput,
    ImportInput,
    RunImportInput,
    StartCustomerImportInput,
)
from api.imports.types import Import
from api.mutations import Payload, mutation
from api.uploads import file_of
from crm.imports import queries, service
from crm.imports.configuring import Configuration
from crm.kernel.errors import InvalidInput
from crm.kernel.ids import Kind

_PIECE = 1_000_000


@strawberry.type(description="The import as it is after the change.")
class ImportPayload(Payload):
    import_id: strawberry.Private[UUID | None] = None

    @strawberry.field(name="import", description="The import; null when the change was refused.")
    def import_(self, info: Info) -> Import | None:
        if self.import_id is None:
            return None
        return cast("Import | None", queries.by_id(actor_of(info), self.import_id))


@strawberry.type
class ImportMutation:
    @mutation(
        description="Uploads a CSV file and looks into it: its columns come back with a suggested mapping. Nothing is "
        "imported yet; next is `previewImport`."
    )
    async def start_customer_import(self, info: Info, input: StartCustomerImportInput) -> ImportPayload:
        found = await service.start_import(
            _pieces(input.file),
            filename=str(getattr(input.file, "filename", None) or ""),
            unit_id=optional_key(Kind.BUSINESS_UNIT, input.unit_id, "unitId"),
            actor=actor_of(info),
        )
        return ImportPayload(import_id=found.id)

    @mutation(
        description="Changes how the file is read, what its columns mean, and what becomes of duplicates."
    )
    async def configure_import(self, info: Info, input: ConfigureImportInput) -> ImportPayload:
        names = {each.name for each in fields(Configuration)} - {"mapping"}
        given: dict[str, Any] = {name: getattr(input, name) for name in names}
        found = await service.configure_import(
            key_of(Kind.IMPORT, input.id),
            Configuration(mapping=_mapping(input.mapping), **given),
            expected_version=input.expected_version,
            actor=actor_of(info),
        )
        return ImportPayload(import_id=found.id)

    @mutation(
        description="Has a worker look at every row of the file, writing nothing. Follow it with `importProgress`."
    )
    async def preview_import(self, info: Info, input: ImportInput) -> ImportPayload:
        found = await service.preview_import(key_of(Kind.IMPORT, input.id), actor=actor_of(info))
        return ImportPayload(import_id=found.id)

    @mutation(
        description="Has a worker import the file. A bad row is rejected and never stops the others. Follow it with "
        "`importProgress`."
    )
    async def run_import(self, info: Info, input: RunImportInput) -> ImportPayload:
        found = await service.run_import(
            key_of(Kind.IMPORT, input.id), confirm_repeat=input.confirm_repeat, actor=actor_of(info)
        )
        return ImportPayload(import_id=found.id)

    @mutation(description="Stops an import for good. What is in by then stays in.")
    async def cancel_import(self, info: Info, input: ImportInput) -> ImportPayload:
        found = await service.cancel_import(key_of(Kind.IMPORT, input.id), actor=actor_of(info))
        return ImportPayload(import_id=found.id)


async def _pieces(file: Any) -> AsyncIterator[bytes]:
    upload = file_of(file)
    while piece := await upload.read(_PIECE):
        yield piece


def _mapping(pairs: list[ColumnMappingInput] | None) -> dict[str, str] | None:
    if pairs is None:
        return None
    names = [pair.column for pair in pairs]
    if len(set(names)) < len(names):
        raise InvalidInput.one("Name each column once.", "mapping", code="COLUMN_MAPPED_TWICE")
    return {pair.column: pair.field for pair in pairs if pair.field}
