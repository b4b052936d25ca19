"""GraphQL Inspector: the running server is what schema.graphql promises."""

from client_company import Company
from client_scripts import SCHEMA, needs_node, output_of


@needs_node
async def test_the_server_tells_of_itself_what_the_contract_says(server: str, company: Company) -> None:
    changes = await output_of("inspector.mjs", f"{server}/graphql", company.manager.token, str(SCHEMA))

    assert changes == []
