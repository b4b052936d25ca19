"""genql: a client made from what the running server tells of its schema, and at work."""

import asyncio
from pathlib import Path

from client_company import NAMES, Company
from client_scripts import needs_node, output_of, tool, workshop


@needs_node
async def test_genql_makes_a_client_from_the_running_server(
    server: str, company: Company, tmp_path: Path
) -> None:
    url, token = f"{server}/graphql", company.manager.token
    workshop(tmp_path, "genql")

    asked = ("--endpoint", url, "--header", f"Authorization: Bearer {token}", "--output", "client")
    await asyncio.to_thread(tool, tmp_path, "genql", *asked)  # the server it asks runs in this process
    await asyncio.to_thread(tool, tmp_path, "tsc", "--project", ".")
    seen = await output_of(str(tmp_path / "screen.js"), url, token, company.unit_id)

    assert seen == {"refused": ["INVALID_EMAIL"], "created": [], "names": sorted([*NAMES, "Südwind"])}
