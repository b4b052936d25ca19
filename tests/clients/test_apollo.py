"""Apollo Client 4 at a front end's work: pages and cache, mutations, deferred parts, a subscription, named queries."""

import asyncio

from client_company import NAMES, Company
from client_scripts import needs_node, output_of
from factories import PASSWORD
from kith_socket import until_listened

IN_PARTS = [["streaming", 0, 0], ["complete", 1, 2]]


@needs_node
async def test_apollo_client_serves_the_screens_of_a_crm(
    server: str, worker: None, redis_url: str, company: Company
) -> None:
    async def change() -> None:
        await until_listened(redis_url, company.topic)
        await company.rename_customer(server, "Alster & Söhne")

    email = company.manager.user.email
    seen, _ = await asyncio.gather(
        output_of("apollo.mjs", f"{server}/graphql", email, PASSWORD, company.customer_id), change()
    )

    assert seen == {
        "refused": ["WRONG_CREDENTIALS"],
        "viewer": company.manager.user.name,
        "pages": {"names": NAMES, "more": False, "askedAgain": 0},
        "created": "PROSPECT",
        "notCreated": [["REQUIRED", ["name"]]],
        "inParts": [IN_PARTS, IN_PARTS],  # of the older and the newer format
        "streamed": [{"names": NAMES, "inParts": True}] * 2,
        "sentText": [[False, True], [False]],  # once, when it is asked for
        "change": {"action": "update_customer", "cached": "Alster & Söhne"},
    }
