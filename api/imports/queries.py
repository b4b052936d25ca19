"""Reads of imports."""

from typing import Annotated, cast

import strawberry

from api.context import Info, actor_of
from api.files import renders
from api.ids import key_of
from api.imports.types import Import, ImportField, import_field
from api.nodes import fetches
from api.paging import Connection, connection
from crm.imports import queries
from crm.imports.fields import IMPORT_FIELDS, template
from crm.imports.models import ImportState
from crm.kernel import signing
from crm.kernel.ids import Kind

fetches(Kind.IMPORT)(queries.by_id)

_TEMPLATE = "import-template"


@renders(_TEMPLATE)
async def _template(_subject: str) -> bytes:
    return template()


@strawberry.type
class ImportQuery:
    @strawberry.field(
        name="import", description="An import by its id; null when there is none, or none you may see."
    )
    def import_(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The import's id.")]
    ) -> Import | None:
        return cast("Import | None", queries.by_id(actor_of(info), key_of(Kind.IMPORT, id)))

    @connection(description="Imports into your business units, the newest first.")
    def imports(
        self,
        info: Info,
        state: Annotated[
            ImportState | None, strawberry.argument(description="Only those in this state.")
        ] = None,
    ) -> Connection[Import]:
        return cast("Connection[Import]", queries.list_imports(actor_of(info), state))

    @strawberry.field(description="Everything a column can be mapped on.")
    def import_fields(self, info: Info) -> list[ImportField]:
        actor_of(info)
        return [import_field(key) for key in IMPORT_FIELDS]

    @strawberry.field(description="A CSV file to fill in, as text: the fields' labels and a row of examples.")
    def import_template(self, info: Info) -> str:
        actor_of(info)
        return template().decode("utf-8-sig")

    @strawberry.field(description="The same as a file to download: a link for ten minutes.")
    def import_template_url(self, info: Info) -> str:
        actor_of(info)
        rendering = signing.Rendering(_TEMPLATE, "", "customers-template.csv", "text/csv; charset=utf-8")
        return signing.link(rendering)
