"""Aggregates come to the same whether one statement answers or Python makes them of rows; and one statement does."""

from itertools import combinations
from typing import Any

import pytest

from api.executor import Executor
from crm.analytics.rules import ACTIVITIES, CUSTOMERS, INVOICES, DateBucket, Subject
from tests.api.analytics.aggregate_calls import by, groups
from tests.api.analytics.market import Market

SUBJECTS = {"customers": CUSTOMERS, "invoices": INVOICES, "activities": ACTIVITIES}
FILTERS: dict[str, list[dict[str, Any]]] = {
    "customers": [
        {"filter": {"or": [{"stage": {"eq": "LIVE"}}, {"contractValue": {"gt": "2000"}}]}},
        {"filter": {"archived": {"eq": True}}},
        {"filter": {"invoices": {"some": {"state": {"eq": "SENT"}}}}, "search": "customer"},
        {"filter": {"name": {"eq": "Nobody"}}},
    ],
    "invoices": [
        {"filter": {"state": {"in": ["SENT", "PAID"]}, "gross": {"gte": "1"}}},
        {"filter": {"isOverdue": {"eq": True}}},
        {"search": "po 5"},
        {"filter": {"not": {"currency": {"eq": "EUR"}}}, "first": 2},
    ],
    "activities": [
        {"filter": {"type": {"eq": "CALL"}, "occurredAt": {"gte": "2026-03-30T00:00:00Z"}}},
        {"search": "talk 4"},
        {"timeZone": "America/St_Johns", "first": 3},
    ],
}
ORDERS: dict[str, list[list[dict[str, Any]]]] = {
    "customers": [
        [{"contractValue": {"sum": "DESC"}}],
        [{"count": "DESC"}, {"probability": {"avg": "ASC"}}],
    ],
    "invoices": [[{"gross": {"sum": "DESC"}}], [{"due": {"max": "ASC"}}, {"count": "ASC"}]],
    "activities": [[{"durationMinutes": {"max": "DESC"}}], [{"count": "DESC"}]],
}


def groupings(subject: Subject) -> list[list[dict[str, str]]]:
    """Nothing, every field by itself (times by every bucket), and every pair of fields."""
    single = []
    for field, dimension in subject.dimensions.items():
        buckets = [f"{field} {bucket}" for bucket in DateBucket] if dimension.is_time else [str(field)]
        single += buckets
    firsts = [each for each in single if not each.endswith((" DAY", " WEEK", " QUARTER", " YEAR"))]
    return [by(), *(by(each) for each in single), *(by(*pair) for pair in combinations(firsts, 2))]


def asked(of: str) -> list[dict[str, Any]]:
    """Every grouping; a few of them under each filter and in each order."""
    every = groupings(SUBJECTS[of])
    some = every[::7]
    filtered = [{"groupBy": each} | more for each in some for more in FILTERS[of]]
    ordered = [{"groupBy": each, "orderBy": order} for each in some for order in ORDERS[of]]
    return [{"groupBy": each} for each in every] + filtered + ordered


@pytest.mark.parametrize("of", SUBJECTS)
async def test_both_ways_answer_alike(server: str, plain_server: str, market: Market, of: str) -> None:
    people = list(market.people.items())
    for number, variables in enumerate(asked(of)):
        whose, person = people[number % len(people)]
        fused = await groups(server, person, of, **variables)
        plain = await groups(plain_server, person, of, **variables)
        assert fused == plain, (whose, variables)


@pytest.mark.parametrize("of", SUBJECTS)
async def test_one_statement_answers(server: str, market: Market, of: str) -> None:
    plans = Executor.reads.plans
    refused = set(plans.refused)
    for variables in asked(of)[::5]:
        await groups(server, market.people["admin"], of, **variables)

    assert set(plans.refused) == refused


async def test_a_statement_is_made_once_for_all_values(server: str, market: Market) -> None:
    """The same question about other values, by other people, is answered with the statement that is there."""
    grouped = by("TYPE", "OCCURRED WEEK")
    await groups(
        server, market.people["manager of north"], "activities", groupBy=grouped, timeZone="Asia/Tokyo"
    )
    made = len(Executor.reads.plans._known)  # noqa: SLF001  nothing else tells

    await groups(server, market.people["agent of south"], "activities", groupBy=grouped, timeZone="UTC")

    assert len(Executor.reads.plans._known) == made  # noqa: SLF001
