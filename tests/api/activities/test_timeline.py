"""The timeline: its order, its filter and its search."""

from datetime import timedelta
from typing import Any

import pytest
from factories import (
    Person,
    make_activity,
    make_contact,
    make_customer,
    make_user,
)
from kith_client import GraphQLFailed, Kith

from crm.accounts.models import BusinessUnit
from crm.activities.models import ActivityType, Outcome
from crm.customers.models import Customer
from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode
from tests.api.activities.activity_calls import NOON, customer_id_of, titles_of

pytestmark = pytest.mark.usefixtures("db")


async def test_the_timeline_runs_from_the_newest_to_the_oldest_page_by_page(
    server: str, agent: Person, customer: Customer
) -> None:
    for number, hours in enumerate((2, 0, 1, 1, 1, 3)):
        await make_activity(customer, title=f"{number}", occurred_at=NOON + timedelta(hours=hours))
    document = (
        "query ($after: String) { activities(first: 2, after: $after) "
        "{ totalCount nodes { title } pageInfo { endCursor hasNextPage } } }"
    )
    kith_client, titles, after, more = Kith(server, agent.token), [], None, True

    while more:
        page = (await kith_client.graphql(document, {"after": after}))["activities"]
        titles += [node["title"] for node in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
        assert page["totalCount"] == 6

    assert titles == ["5", "0", "4", "3", "2", "1"]


async def test_the_timeline_is_filtered_by_kind_outcome_person_contact_customer_and_time(
    server: str, unit: BusinessUnit, agent: Person, customer: Customer
) -> None:
    other, colleague = await make_customer(unit=unit), await make_user(Role.AGENT, [unit])
    contact = await make_contact(customer)
    await make_activity(
        customer, title="call", type=ActivityType.CALL, outcome=Outcome.POSITIVE, user=agent.user,
        duration_minutes=10, occurred_at=NOON,
    )  # fmt: skip
    await make_activity(
        customer, title="meeting", type=ActivityType.MEETING, outcome=Outcome.NEGATIVE, user=colleague.user,
        contact=contact, duration_minutes=60, occurred_at=NOON + timedelta(days=1),
    )  # fmt: skip
    await make_activity(other, title="note", occurred_at=NOON + timedelta(days=2))
    usr, con = encode(Kind.USER, agent.user.id), encode(Kind.CONTACT, contact.id)
    day = (NOON + timedelta(hours=12)).isoformat()
    wanted: list[tuple[dict[str, Any], list[str]]] = [
        ({"type": {"in": ["CALL", "NOTE"]}}, ["note", "call"]),
        ({"outcome": {"eq": "NEGATIVE"}}, ["meeting"]),
        ({"outcome": {"isNull": True}}, ["note"]),
        ({"user": {"eq": usr}}, ["call"]),
        ({"user": {"ne": usr}}, ["note", "meeting"]),
        ({"contact": {"eq": con}}, ["meeting"]),
        ({"customer": {"eq": customer_id_of(customer)}}, ["meeting", "call"]),
        ({"occurredAt": {"gte": day}}, ["note", "meeting"]),
        ({"occurredAt": {"between": [NOON.isoformat(), day]}}, ["call"]),
        ({"durationMinutes": {"gt": 10}}, ["meeting"]),
        ({"title": {"contains": "EE"}}, ["meeting"]),
        (
            {
                "not": {"type": {"eq": "NOTE"}},
                "or": [{"outcome": {"eq": "POSITIVE"}}, {"contact": {"eq": con}}],
            },
            ["meeting", "call"],
        ),
        ({}, ["note", "meeting", "call"]),
    ]

    for rule, titles in wanted:
        assert await titles_of(server, agent, filter=rule) == titles, rule


async def test_the_timeline_is_searched_by_words_whatever_case_and_accents(
    server: str, agent: Person, customer: Customer
) -> None:
    await make_activity(customer, title="Café with Zoë", occurred_at=NOON)
    await make_activity(
        customer, title="Offer", description="100% of the CAFE's beans", occurred_at=NOON + timedelta(1)
    )
    await make_activity(customer, title="Under_score", occurred_at=NOON + timedelta(2))

    async def found(text: str) -> list[str]:
        return await titles_of(server, agent, search=text)

    assert await found("cafe") == ["Offer", "Café with Zoë"]
    assert await found("ZOE café") == ["Café with Zoë"]
    assert await found("100%") == ["Offer"]
    assert await found("r_s") == ["Under_score"]
    assert await found("_") == ["Under_score"]
    assert await found("  ") == ["Under_score", "Offer", "Café with Zoë"]
    assert await found("nothing") == []


async def test_a_wrong_filter_names_what_is_wrong(server: str, agent: Person) -> None:
    with pytest.raises(GraphQLFailed) as refusal:
        await titles_of(server, agent, filter={"customer": {"eq": "con_1"}, "user": {"in": []}})

    (error,) = refusal.value.errors
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert [problem["path"] for problem in error["extensions"]["problems"]] == [["filter", "customer", "eq"]]
