"""Calling the mutations of activities, and reading the timeline."""

from datetime import UTC, datetime
from typing import Any

from factories import (
    Person,
)
from kith_client import Kith

from crm.activities.models import Activity
from crm.customers.models import Customer
from crm.kernel.ids import Kind, encode

FIELDS = (
    "activity { id type title description occurredAt durationMinutes outcome version user { name } contact { name } "
    "customer { name } invoice { id } }"
)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def id_of(activity: Activity) -> str:
    return encode(Kind.ACTIVITY, activity.id)


def customer_id_of(customer: Customer) -> str:
    return encode(Kind.CUSTOMER, customer.id)


async def log(server: str, person: Person, customer: Customer, **given: Any) -> dict[str, Any]:
    values = {"customerId": customer_id_of(customer), "type": "CALL", "title": "Hello"} | given
    return await Kith(server, person.token).mutate("logActivity", "LogActivityInput", FIELDS, values)


async def update(server: str, person: Person, activity: Activity, **given: Any) -> dict[str, Any]:
    values = {"id": id_of(activity)} | given
    return await Kith(server, person.token).mutate("updateActivity", "UpdateActivityInput", FIELDS, values)


async def delete(server: str, person: Person, activity: Activity) -> dict[str, Any]:
    return await Kith(server, person.token).mutate(
        "deleteActivity", "ActivityInput", "deletedId", {"id": id_of(activity)}
    )


def refusals(payload: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    return [(error["__typename"], error["code"], error["path"]) for error in payload["errors"]]


async def titles_of(server: str, person: Person, **wanted: Any) -> list[str]:
    document = (
        "query ($filter: ActivityFilter, $search: String) "
        "{ activities(filter: $filter, search: $search) { nodes { title } } }"
    )
    found = await Kith(server, person.token).graphql(document, wanted)
    return [node["title"] for node in found["activities"]["nodes"]]
