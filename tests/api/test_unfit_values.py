"""Values that a type admits and PostgreSQL does not: the caller's mistake, not ours."""

import base64
from typing import Any

import orjson
import pytest
from factories import make_user
from kith_client import GraphQLFailed, Kith

from crm.kernel.actor import Role
from crm.kernel.ids import uuid7

ACTIVITIES = "query ($filter: ActivityFilter, $search: String) { activities(filter: $filter, search: $search) { totalCount } }"
USERS = "query ($after: String) { users(after: $after) { nodes { id } } }"


def cursor(order: str, *values: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([order, *values])).decode().rstrip("=")


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        (ACTIVITIES, {"filter": {"durationMinutes": {"eq": "1e30"}}}),
        (ACTIVITIES, {"filter": {"occurredAt": {"lt": "0001-01-01T00:00:00+14:00"}}}),
        (ACTIVITIES, {"filter": {"title": {"contains": "\0"}}}),
        (ACTIVITIES, {"filter": {"title": {"eq": "x" * 201}}}),
        (ACTIVITIES, {"search": "a\0b"}),
        (USERS, {"after": cursor("name,id", "\0", str(uuid7()))}),
        (USERS, {"after": cursor("name,id", "a", 5)}),
        (USERS, {"after": cursor("name,id", "a")}),
        (USERS, {"after": cursor("email,id", "a", str(uuid7()))}),
        (USERS, {"after": "nonsense"}),
        (USERS, {"after": ""}),
    ],
)
async def test_a_value_that_cannot_be_looked_for_is_the_callers_mistake(
    server: str, db: None, document: str, variables: dict[str, Any]
) -> None:
    kith = Kith(server, (await make_user(Role.ADMIN)).token)

    with pytest.raises(GraphQLFailed) as refusal:
        await kith.graphql(document, variables)

    assert refusal.value.codes == ["BAD_USER_INPUT"]
