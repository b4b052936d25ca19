"""The timeline: calls, e-mails, meetings, tasks and notes, each logged by the member of staff who did it."""

from collections import Counter
from datetime import UTC, datetime

from demo.records import Activity
from stack.client import Client
from stack.errors import CallFailed
from stack.seed.context import Seeding
from stack.seed.crowd import each

Key = tuple[str, str, str]


async def log_activities(seeding: Seeding) -> None:
    """Log what is not logged yet. Staff whose password is not the demo's any more are stood in for by the admin."""
    step = seeding.steps.begin("Activities", len(seeding.demo.activities))
    there = await _there(seeding)
    missing = []
    for activity in seeding.demo.activities:
        key = (activity.account_number, activity.type, activity.title)
        if there[key] > 0:
            there[key] -= 1
            step.advance()
        else:
            missing.append(activity)
    staff = await _staff(seeding, missing)
    contacts = _contacts(seeding)

    async def log(activity: Activity) -> None:
        await _log(seeding, staff[activity.staff_email], contacts, activity)
        step.advance()

    try:
        await each(missing, log)
    finally:
        for client in set(staff.values()) - {seeding.kith}:
            await client.close()


async def _there(seeding: Seeding) -> Counter[Key]:
    """How often each activity stands in the timeline; one may do so several times."""
    found = await seeding.kith.nodes("activities", "type title customer { accountNumber }")
    return Counter((each["customer"]["accountNumber"], each["type"], each["title"]) for each in found)


async def _staff(seeding: Seeding, activities: list[Activity]) -> dict[str, Client]:
    """Who logs what, by e-mail address, logged in."""
    staff: dict[str, Client] = {}
    for email in dict.fromkeys(activity.staff_email for activity in activities):
        client = seeding.kith.another()
        try:
            await client.log_in(email, seeding.staff_password)
            staff[email] = client
        except CallFailed:
            await client.close()
            staff[email] = seeding.kith
    return staff


def _contacts(seeding: Seeding) -> dict[tuple[str, str], str]:
    """Account number and e-mail address → id."""
    return {
        (number, contact["email"]): contact["id"]
        for number, customer in seeding.customers.items()
        for contact in customer["contacts"]["nodes"]
    }


async def _log(
    seeding: Seeding, kith: Client, contacts: dict[tuple[str, str], str], activity: Activity
) -> None:
    contact = activity.contact_email and contacts[activity.account_number, activity.contact_email]
    given = {
        "customerId": seeding.customers[activity.account_number]["id"],
        "contactId": contact or None,
        "type": activity.type,
        "title": activity.title,
        "description": activity.description,
        "occurredAt": min(activity.occurred_at, datetime.now(UTC)).isoformat(),
        "durationMinutes": activity.duration_minutes,
        "outcome": activity.outcome,
    }
    try:
        await kith.mutate("logActivity", "LogActivityInput", given)
    except CallFailed as refusal:
        if "FORBIDDEN" not in refusal.codes:
            raise
        await seeding.kith.mutate("logActivity", "LogActivityInput", given)  # they stood in for a colleague
