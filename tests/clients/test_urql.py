"""urql, as it comes: reads by GET, persisted queries, uploads, deferred parts, a subscription as server-sent events."""

import asyncio

from client_company import NAMES, Company
from client_scripts import needs_node, output_of
from kith_socket import until_listened

JSON = "application/graphql-response+json"


@needs_node
async def test_urql_does_the_work_of_a_crm(
    server: str, worker: None, redis_url: str, company: Company
) -> None:
    async def change() -> None:
        await until_listened(redis_url, company.topic)
        await company.rename_customer(server, "Alster & Söhne")

    arguments = (f"{server}/graphql", company.manager.token, company.unit_id, company.customer_id)
    seen, _ = await asyncio.gather(output_of("urql.mjs", *arguments), change())

    assert {name: step["asked"] for name, step in seen.items()} == {
        "pages": [f"GET {JSON}", f"GET {JSON}"],
        "named": [f"GET {JSON}"] * 3,  # by hash, with the text, and by hash alone
        "refused": [f"GET {JSON}"],
        "created": [f"POST {JSON}"],
        "notCreated": [f"POST {JSON}"],
        "uploaded": [f"POST {JSON}"],
        "inParts": ["GET multipart/mixed"],
        "streamed": [f"GET {JSON}", "GET multipart/mixed"],
        "change": ["POST text/event-stream"],
    }
    assert {name: step["value"] for name, step in seen.items()} == {
        "pages": NAMES,
        "named": ["MANAGER", "MANAGER"],
        "refused": ["GRAPHQL_VALIDATION_FAILED"],
        "created": {"name": "Südwind", "errors": []},
        "notCreated": {"name": None, "errors": [["REQUIRED", ["name"]]]},
        "uploaded": {"filename": "spring.csv", "columns": [["Name", "name"], ["E-Mail", "email"]]},
        "inParts": [[0, 0], [1, 2]],
        "streamed": [1, NAMES],
        "change": {"action": "update_customer", "name": "Alster & Söhne"},
    }
