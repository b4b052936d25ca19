"""graphql-ws on real sockets: operations beside each other, log-ins, ends, and going on after a lost connection."""

import asyncio

from client_company import Company
from client_scripts import needs_node, output_of
from kith_socket import address, until_listened

from crm.kernel.ids import Kind, encode

FORBIDDEN = 4403  # the close code of graphql-transport-ws for a refused connection_init


@needs_node
async def test_graphql_ws_keeps_its_protocol(
    server: str, worker: None, redis_url: str, company: Company
) -> None:
    async def change() -> None:
        await until_listened(redis_url, company.topic)
        await company.rename_customer(server, "While it listened")

    other, tagged = company.customers[1:3]
    ids = (company.customer_id, encode(Kind.CUSTOMER, other.id), encode(Kind.CUSTOMER, tagged.id))
    seen, _ = await asyncio.gather(
        output_of("sockets.mjs", address(server), company.manager.token, *ids), change()
    )

    assert seen["oneSocket"] == {
        "bad": {"results": [], "error": ["GRAPHQL_PARSE_FAILED"]},
        "wrong": {"results": [], "error": ["GRAPHQL_VALIDATION_FAILED"]},
        "both": [
            {"results": [{"viewer": {"role": "MANAGER"}}], "error": None},
            {"results": [{"customers": {"nodes": [{"name": "Alster"}]}}], "error": None},
        ],
        "changed": {"results": [{"tagCustomer": {"errors": []}}], "error": None},
        "opened": 1,
    }
    assert seen["strangers"] == [FORBIDDEN, FORBIDDEN]
    assert seen["completed"] == {"done": True, "after": [{"__typename": "Query"}], "opened": 1}
    assert seen["resumed"] == {"names": ["While it listened", "While it was away"], "opened": 2}
    await until_listened(redis_url, f"customer:{other.id.hex}", 0)
