"""apollo-upload-client: a file for an import, with the header that a form of another site cannot send."""

from pathlib import Path

from client_company import Company
from client_scripts import needs_node, output_of

from crm.imports.models import Import

FILE = Path(__file__).resolve().parents[2] / "demo" / "customers-messy.csv"


@needs_node
async def test_apollo_upload_client_hands_in_an_import(server: str, company: Company) -> None:
    arguments = (f"{server}/graphql", company.manager.token, company.unit_id, str(FILE))

    seen = await output_of("uploads.mjs", *arguments)

    assert seen["taken"] == {
        "filename": FILE.name,
        "size": FILE.stat().st_size,
        "encoding": "WINDOWS_1252",
        "errors": [],
    }
    assert "X-Kith-Client" in seen["refused"]
    assert await Import.all().count() == 1
