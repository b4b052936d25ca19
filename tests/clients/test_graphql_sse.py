"""graphql-sse in distinct connections mode: every operation is a stream of its own, whatever its kind."""

import asyncio
import json
from typing import Any

from client_company import Company
from client_scripts import PATIENCE, needs_node, started
from kith_socket import until_listened

CHANGES = "subscription ($id: ID!) { customerChanged(id: $id) { customer { name } } }"
TAG = "mutation ($input: TagCustomerInput!) { tagCustomer(input: $input) { customer { tags } errors { code } } }"


async def heard(server: str, company: Company, query: str, **variables: Any) -> list[dict[str, Any]]:
    """The first result of an operation, and its end if that was all."""
    operation = json.dumps({"query": query, "variables": variables})
    headers = json.dumps({"authorization": f"Bearer {company.manager.token}"})
    client = await started("sse.mjs", f"{server}/graphql", operation, "2", HEADERS=headers)
    out, err = await asyncio.wait_for(client.communicate(), PATIENCE)
    assert client.returncode == 0, err.decode()
    return [json.loads(line) for line in out.splitlines()]


@needs_node
async def test_graphql_sse_hears_a_query_a_mutation_and_an_error_to_their_ends(
    server: str, company: Company
) -> None:
    query, mutation, *errors = await asyncio.gather(
        heard(server, company, "{ viewer { role } }"),
        heard(server, company, TAG, input={"id": company.customer_id, "add": ["coffee"]}),
        heard(server, company, "{ viewer {"),
        heard(server, company, "subscription { nothing }"),
    )

    end = {"end": "complete"}
    assert query == [{"next": {"data": {"viewer": {"role": "MANAGER"}}}}, end]
    tagged = {"tagCustomer": {"customer": {"tags": ["coffee"]}, "errors": []}}
    assert mutation == [{"next": {"data": tagged}}, end]
    told = [each[0]["next"]["errors"][0]["extensions"]["code"] for each in errors]
    assert told == ["GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"]
    assert [each[1] for each in errors] == [end, end]


@needs_node
async def test_graphql_sse_follows_a_customer(
    server: str, worker: None, redis_url: str, company: Company
) -> None:
    async def change() -> None:
        for name in ("Alster & Söhne", "Alster AG"):
            await until_listened(redis_url, company.topic)
            await company.rename_customer(server, name)

    results, _ = await asyncio.gather(heard(server, company, CHANGES, id=company.customer_id), change())

    names = [each["next"]["data"]["customerChanged"]["customer"]["name"] for each in results[:2]]
    assert names[-1] == "Alster AG"
