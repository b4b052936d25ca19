"""graphql-codegen's client preset: its types hold a front end to the contract, its map is one of trusted documents."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from client_company import NAMES, Company
from client_scripts import needs_node, tool, workshop
from kith_client import Kith

from api.persisted import trusted_documents


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    tool(workshop(tmp_path, "codegen"), "graphql-codegen", "--config", "codegen.json")
    return tmp_path


@pytest.fixture
def ids(generated: Path, setting: Callable[..., None]) -> Iterator[dict[str, str]]:
    """The ids of the generated documents, which the server trusts, by a word of theirs."""
    file = generated / "gql" / "persisted-documents.json"
    documents = json.loads(file.read_text())
    setting(trusted_documents=file)
    trusted_documents.cache_clear()
    yield {
        word: name
        for name, text in documents.items()
        for word in ("Customers", "Create")
        if word + "(" in text
    }
    trusted_documents.cache_clear()


@needs_node
async def test_what_codegen_makes_of_the_contract_typechecks_and_works(
    server: str, company: Company, generated: Path, ids: dict[str, str]
) -> None:
    tool(generated, "tsc", "--project", ".")

    kith = Kith(server, company.manager.token)
    answer = await kith.post({"documentId": ids["Customers"], "variables": {"first": 10}})
    assert sorted(each["name"] for each in answer.json()["data"]["customers"]["nodes"]) == NAMES
