"""GraphQL over HTTP, as the audits of the package graphql-http judge it."""

import json

from client_scripts import needs_node, output_of
from factories import make_user

AUDITS = 61


@needs_node
async def test_all_audits_of_graphql_over_http_pass(server: str, db: None) -> None:
    headers = {"authorization": f"Bearer {(await make_user()).token}"}

    results = await output_of("audits.mjs", f"{server}/graphql", AUDIT_HEADERS=json.dumps(headers))

    assert [each for each in results if each["status"] != "ok"] == []
    assert len(results) == AUDITS
