"""Relay: relay-compiler accepts the schema and writes trusted documents; relay-runtime works by their ids alone."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from client_company import NAMES, Company
from client_scripts import needs_node, output_of, tool, workshop
from kith_client import Kith

from api.persisted import trusted_documents


@pytest.fixture
def artifacts(tmp_path: Path, setting: Callable[..., None]) -> Iterator[Path]:
    """What relay-compiler makes of the documents; the server admits these and no others."""
    workshop(tmp_path, "relay")
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "persisted.json").write_text("{}")
    tool(tmp_path, "relay-compiler", "relay.config.json")
    setting(trusted_documents=tmp_path / "persisted.json", trusted_documents_only=True)
    trusted_documents.cache_clear()
    yield tmp_path / "artifacts"
    trusted_documents.cache_clear()


@needs_node
async def test_relay_pages_and_changes_by_the_ids_of_trusted_documents(
    server: str, company: Company, artifacts: Path
) -> None:
    arguments = (f"{server}/graphql", company.manager.token, company.unit_id, str(artifacts))

    seen = await output_of("relay.cjs", *arguments)

    asked = seen.pop("asked")
    assert [each["name"] for each in asked] == [
        "CustomersQuery",
        "CustomersPageQuery",
        "CustomersCreateMutation",
        "CustomersCreateMutation",
        "CustomersDetailQuery",
    ]
    assert all(each["named"] for each in asked)
    assert seen == {
        "first": {"names": NAMES[:2], "more": True},
        "both": {"names": NAMES, "more": False},
        "created": [],
        "appended": "Südwind",
        "refused": ["INVALID_EMAIL"],
        "detail": {"name": NAMES[0], "stage": "PROSPECT", "balances": []},
    }


@needs_node
async def test_what_relay_compiler_did_not_write_is_refused(
    server: str, company: Company, artifacts: Path
) -> None:
    answer = await Kith(server, company.manager.token).post({"query": "{ viewer { name } }"})

    assert answer.json()["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_ONLY"
