"""Activities through the API: what is kept, told and deleted, and which kinds last."""

from datetime import datetime, timedelta

import pytest
from database_contents import contents
from factories import (
    Person,
    make_activity,
    make_contact,
)

from crm.activities.models import Activity, ActivityType
from crm.audit.models import HistoryEntry
from crm.customers.models import Customer
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode
from crm.kernel.models import OutboxJob
from tests.api.activities.activity_calls import NOON, delete, id_of, log, refusals, update

pytestmark = pytest.mark.usefixtures("db")


async def test_a_call_is_logged_with_every_field(server: str, agent: Person, customer: Customer) -> None:
    contact = await make_contact(customer, name="Ann")
    given = {
        "contactId": encode(Kind.CONTACT, contact.id),
        "title": " First call ",
        "description": "They want\r\ntea",
        "occurredAt": "2026-03-01T13:00:00+01:00",
        "durationMinutes": 25,
        "outcome": "POSITIVE",
    }

    payload = await log(server, agent, customer, **given)

    activity = await Activity.get()
    assert payload == {
        "activity": {
            "id": id_of(activity),
            "type": "CALL",
            "title": "First call",
            "description": "They want\ntea",
            "occurredAt": "2026-03-01T12:00:00+00:00",
            "durationMinutes": 25,
            "outcome": "POSITIVE",
            "version": 1,
            "user": {"name": agent.user.name},
            "contact": {"name": "Ann"},
            "customer": {"name": "Zeta"},
            "invoice": None,
        },
        "errors": [],
    }
    entry = await HistoryEntry.get()
    assert (entry.action, entry.subject_id, entry.customer_id) == ("log_activity", activity.id, customer.id)
    assert {"field": "title", "before": None, "after": "First call"} in entry.changes
    job = await OutboxJob.get()
    assert job.payload == {
        "type": "ActivityLogged",
        "data": {
            "activity_id": str(activity.id),
            "customer_id": str(customer.id),
            "unit_id": str(customer.unit_id),
            "action": "log_activity",
        },
    }


@pytest.mark.parametrize("kind", ["CALL", "EMAIL", "MEETING", "NOTE", "TASK"])
async def test_each_kind_but_one_is_logged_by_hand_and_happened_now_unless_said(
    server: str, agent: Person, customer: Customer, kind: str
) -> None:
    before = now()

    payload = await log(server, agent, customer, type=kind)

    assert payload["errors"] == []
    activity = await Activity.get()
    assert activity.type is ActivityType(kind)
    assert before <= activity.occurred_at <= now()


async def test_the_latest_activity_of_a_customer_is_the_latest_that_happened(
    server: str, agent: Person, customer: Customer
) -> None:
    later, latest = NOON + timedelta(hours=1), now() + timedelta(days=1)

    async def last() -> datetime | None:
        await customer.refresh_from_db()
        return customer.last_activity_at

    await log(server, agent, customer, occurredAt=later.isoformat())
    await log(server, agent, customer, occurredAt=NOON.isoformat())
    await log(server, agent, customer, occurredAt=latest.isoformat())
    logged = await last()
    activity = await Activity.get(occurred_at=later)
    await update(server, agent, activity, occurredAt=(NOON - timedelta(hours=1)).isoformat())
    moved = await last()
    await delete(server, agent, await Activity.get(occurred_at=NOON))
    left = await last()
    before = now()
    await log(server, agent, customer)
    this_moment = await last()

    assert (logged, moved, left) == (later, NOON, NOON - timedelta(hours=1))
    assert this_moment is not None
    assert this_moment >= before


async def test_a_change_keeps_what_is_not_mentioned_and_tells_what_changed(
    server: str, agent: Person, customer: Customer
) -> None:
    contact = await make_contact(customer)
    activity = await make_activity(
        customer,
        type=ActivityType.MEETING,
        title="Visit",
        description="Tea",
        duration_minutes=30,
        contact=contact,
    )

    payload = await update(
        server, agent, activity, expectedVersion=1, title="Long visit", durationMinutes=90, contactId=None
    )

    changed = payload["activity"]
    assert (changed["title"], changed["durationMinutes"], changed["contact"]) == ("Long visit", 90, None)
    assert (changed["description"], changed["type"], changed["version"]) == ("Tea", "MEETING", 2)
    entry = await HistoryEntry.get()
    assert {change["field"]: (change["before"], change["after"]) for change in entry.changes} == {
        "title": ("Visit", "Long visit"),
        "duration_minutes": (30, 90),
        "contact_id": (encode(Kind.CONTACT, contact.id), None),
    }


async def test_what_is_so_already_is_no_change(server: str, agent: Person, customer: Customer) -> None:
    activity = await make_activity(customer, title="Visit", occurred_at=NOON)
    before = await contents()

    payload = await update(
        server, agent, activity, title="Visit", occurredAt=NOON.isoformat(), contactId=None
    )

    assert (payload["activity"]["version"], payload["errors"]) == (1, [])
    assert await contents() == before


async def test_a_deleted_activity_is_gone_and_history_says_what_it_was(
    server: str, agent: Person, customer: Customer
) -> None:
    activity = await make_activity(customer, title="Visit")

    payload = await delete(server, agent, activity)

    assert payload == {"deletedId": id_of(activity), "errors": []}
    assert not await Activity.exists()
    entry = await HistoryEntry.get()
    assert (entry.action, entry.subject_id) == ("delete_activity", activity.id)
    assert {"field": "title", "before": "Visit", "after": None} in entry.changes


@pytest.mark.parametrize("kind", ["EMAIL", "NOTE", "TASK"])
async def test_only_calls_and_meetings_have_a_duration(
    server: str, agent: Person, customer: Customer, kind: str
) -> None:
    call = await make_activity(customer, type=ActivityType.CALL, duration_minutes=5)
    note = await make_activity(customer, type=ActivityType(kind))
    before = await contents()

    refused = [
        await log(server, agent, customer, type=kind, durationMinutes=5),
        await update(server, agent, call, type=kind),
        await update(server, agent, note, durationMinutes=5),
    ]

    assert [refusals(payload) for payload in refused] == [
        [("InputError", "NO_DURATION", ["durationMinutes"])]
    ] * 3
    assert await contents() == before
    changed = await update(server, agent, call, type=kind, durationMinutes=None)
    assert changed["errors"] == []


@pytest.mark.parametrize(
    ("minutes", "code"), [(-1, "OUT_OF_RANGE"), (1441, "OUT_OF_RANGE"), (0, None), (1440, None)]
)
async def test_a_duration_is_at_most_a_day(
    server: str, agent: Person, customer: Customer, minutes: int, code: str | None
) -> None:
    before = await contents()

    payload = await log(server, agent, customer, durationMinutes=minutes)

    assert [error["code"] for error in payload["errors"]] == ([code] if code else [])
    assert (await contents() == before) is (code is not None)
