"""What aggregates refuse, and in which words for programs."""

from typing import Any

import pytest
from factories import make_user
from kith_client import GraphQLFailed

from crm.kernel.actor import Role
from tests.api.analytics.aggregate_calls import by, groups

REFUSED: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("invoices", {"first": 0}, {"first": "OUT_OF_RANGE"}),
    ("invoices", {"first": 1001}, {"first": "OUT_OF_RANGE"}),
    ("customers", {"groupBy": by("CREATED")}, {"groupBy.0.bucket": "REQUIRED"}),
    ("invoices", {"groupBy": by("STATE", "DUE_DATE")}, {"groupBy.1.bucket": "REQUIRED"}),
    ("activities", {"groupBy": by("TYPE MONTH")}, {"groupBy.0.bucket": "BUCKET_NOT_ALLOWED"}),
    ("invoices", {"groupBy": by("AGE DAY")}, {"groupBy.0.bucket": "BUCKET_NOT_ALLOWED"}),
    ("customers", {"groupBy": by("STAGE", "STATUS", "STAGE")}, {"groupBy.2.field": "GROUPED_TWICE"}),
    (
        "invoices",
        {"groupBy": by("ISSUE_DATE YEAR", "ISSUE_DATE MONTH")},
        {"groupBy.1.field": "GROUPED_TWICE"},
    ),
    (
        "customers",
        {"groupBy": by("STAGE", "STATUS", "COUNTRY", "SOURCE", "UNIT", "INDUSTRY")},
        {"groupBy": "OUT_OF_RANGE"},
    ),
    ("invoices", {"orderBy": [{"count": "ASC"}] * 6}, {"orderBy": "OUT_OF_RANGE"}),
    ("invoices", {"orderBy": [{"key": {"state": "ASC"}}]}, {"orderBy.0.key": "NOT_GROUPED"}),
    (
        "customers",
        {"groupBy": by("STAGE"), "orderBy": [{"count": "ASC"}, {"key": {"country": "DESC"}}]},
        {"orderBy.1.key": "NOT_GROUPED"},
    ),
    ("activities", {"timeZone": "Mars/Olympus"}, {"timeZone": "INVALID_TIME_ZONE"}),
    ("customers", {"timeZone": "europe/berlin"}, {"timeZone": "INVALID_TIME_ZONE"}),
    ("activities", {"timeZone": "UTC'; select 1"}, {"timeZone": "INVALID_TIME_ZONE"}),
    (
        "activities",
        {"first": 0, "timeZone": "", "groupBy": by("OCCURRED", "TYPE DAY")},
        {
            "first": "OUT_OF_RANGE",
            "timeZone": "INVALID_TIME_ZONE",
            "groupBy.0.bucket": "REQUIRED",
            "groupBy.1.bucket": "BUCKET_NOT_ALLOWED",
        },
    ),
    ("customers", {"filter": {"unit": {"eq": "nonsense"}}}, {"filter.unit.eq": "INVALID_FILTER"}),
]


@pytest.mark.parametrize(("of", "variables", "problems"), REFUSED)
async def test_what_cannot_be_asked_is_named_with_its_place(
    server: str, plain_server: str, db: None, of: str, variables: dict[str, Any], problems: dict[str, str]
) -> None:
    analyst = await make_user(Role.ANALYST)

    for way in (server, plain_server):
        with pytest.raises(GraphQLFailed) as failure:
            await groups(way, analyst, of, **variables)
        (error,) = failure.value.errors
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        told = {".".join(each["path"]): each["code"] for each in error["extensions"]["problems"]}
        assert told == problems


@pytest.mark.parametrize("of", ["customers", "invoices", "activities"])
async def test_nobody_gets_nothing(server: str, db: None, of: str) -> None:
    with pytest.raises(GraphQLFailed) as failure:
        await groups(server, None, of)

    assert failure.value.codes == ["UNAUTHENTICATED"]


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"count": "ASC", "gross": {"sum": "ASC"}},
        {"gross": {}},
        {"gross": {"sum": "ASC", "avg": "ASC"}},
        {"key": {"state": "ASC", "age": "ASC"}},
        {"key": None},
        {"count": None},
    ],
)
async def test_one_thing_is_ordered_by_at_a_time(server: str, db: None, order: dict[str, Any]) -> None:
    with pytest.raises(GraphQLFailed) as failure:
        await groups(server, await make_user(Role.ANALYST), "invoices", orderBy=[order])

    assert set(failure.value.codes) == {"GRAPHQL_VALIDATION_FAILED"}
