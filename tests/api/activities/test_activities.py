"""Activities through the API: what is kept, the timeline, who may change what, and how each refusal reads."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from database_contents import contents
from factories import (
    Person,
    make_activity,
    make_contact,
    make_customer,
    make_invoice,
    make_unit,
    make_user,
)
from kith_client import GraphQLFailed, Kith

from crm.accounts.models import BusinessUnit
from crm.activities import service
from crm.activities.models import Activity, ActivityType, Outcome
from crm.audit.models import HistoryEntry
from crm.customers.models import Customer
from crm.kernel.actor import Role, kith
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode, uuid7
from crm.kernel.models import OutboxJob

pytestmark = pytest.mark.usefixtures("db")

FIELDS = (
    "activity { id type title description occurredAt durationMinutes outcome version user { name } contact { name } "
    "customer { name } invoice { id } }"
)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def unit() -> BusinessUnit:
    return await make_unit()


@pytest.fixture
async def agent(unit: BusinessUnit) -> Person:
    return await make_user(Role.AGENT, [unit])


@pytest.fixture
async def customer(unit: BusinessUnit) -> Customer:
    return await make_customer(unit=unit, name="Zeta")


def _id(activity: Activity) -> str:
    return encode(Kind.ACTIVITY, activity.id)


def _customer_id(customer: Customer) -> str:
    return encode(Kind.CUSTOMER, customer.id)


async def _log(server: str, person: Person, customer: Customer, **given: Any) -> dict[str, Any]:
    values = {"customerId": _customer_id(customer), "type": "CALL", "title": "Hello"} | given
    return await Kith(server, person.token).mutate("logActivity", "LogActivityInput", FIELDS, values)


async def _update(server: str, person: Person, activity: Activity, **given: Any) -> dict[str, Any]:
    values = {"id": _id(activity)} | given
    return await Kith(server, person.token).mutate("updateActivity", "UpdateActivityInput", FIELDS, values)


async def _delete(server: str, person: Person, activity: Activity) -> dict[str, Any]:
    return await Kith(server, person.token).mutate(
        "deleteActivity", "ActivityInput", "deletedId", {"id": _id(activity)}
    )


def _refusals(payload: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    return [(error["__typename"], error["code"], error["path"]) for error in payload["errors"]]


async def _titles(server: str, person: Person, **wanted: Any) -> list[str]:
    document = (
        "query ($filter: ActivityFilter, $search: String) "
        "{ activities(filter: $filter, search: $search) { nodes { title } } }"
    )
    found = await Kith(server, person.token).graphql(document, wanted)
    return [node["title"] for node in found["activities"]["nodes"]]


# What is kept


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

    payload = await _log(server, agent, customer, **given)

    activity = await Activity.get()
    assert payload == {
        "activity": {
            "id": _id(activity),
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

    payload = await _log(server, agent, customer, type=kind)

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

    await _log(server, agent, customer, occurredAt=later.isoformat())
    await _log(server, agent, customer, occurredAt=NOON.isoformat())
    await _log(server, agent, customer, occurredAt=latest.isoformat())
    logged = await last()
    activity = await Activity.get(occurred_at=later)
    await _update(server, agent, activity, occurredAt=(NOON - timedelta(hours=1)).isoformat())
    moved = await last()
    await _delete(server, agent, await Activity.get(occurred_at=NOON))
    left = await last()
    before = now()
    await _log(server, agent, customer)
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

    payload = await _update(
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

    payload = await _update(
        server, agent, activity, title="Visit", occurredAt=NOON.isoformat(), contactId=None
    )

    assert (payload["activity"]["version"], payload["errors"]) == (1, [])
    assert await contents() == before


async def test_a_deleted_activity_is_gone_and_history_says_what_it_was(
    server: str, agent: Person, customer: Customer
) -> None:
    activity = await make_activity(customer, title="Visit")

    payload = await _delete(server, agent, activity)

    assert payload == {"deletedId": _id(activity), "errors": []}
    assert not await Activity.exists()
    entry = await HistoryEntry.get()
    assert (entry.action, entry.subject_id) == ("delete_activity", activity.id)
    assert {"field": "title", "before": "Visit", "after": None} in entry.changes


# Only calls and meetings last


@pytest.mark.parametrize("kind", ["EMAIL", "NOTE", "TASK"])
async def test_only_calls_and_meetings_have_a_duration(
    server: str, agent: Person, customer: Customer, kind: str
) -> None:
    call = await make_activity(customer, type=ActivityType.CALL, duration_minutes=5)
    note = await make_activity(customer, type=ActivityType(kind))
    before = await contents()

    refused = [
        await _log(server, agent, customer, type=kind, durationMinutes=5),
        await _update(server, agent, call, type=kind),
        await _update(server, agent, note, durationMinutes=5),
    ]

    assert [_refusals(payload) for payload in refused] == [
        [("InputError", "NO_DURATION", ["durationMinutes"])]
    ] * 3
    assert await contents() == before
    changed = await _update(server, agent, call, type=kind, durationMinutes=None)
    assert changed["errors"] == []


@pytest.mark.parametrize(
    ("minutes", "code"), [(-1, "OUT_OF_RANGE"), (1441, "OUT_OF_RANGE"), (0, None), (1440, None)]
)
async def test_a_duration_is_at_most_a_day(
    server: str, agent: Person, customer: Customer, minutes: int, code: str | None
) -> None:
    before = await contents()

    payload = await _log(server, agent, customer, durationMinutes=minutes)

    assert [error["code"] for error in payload["errors"]] == ([code] if code else [])
    assert (await contents() == before) is (code is not None)


# The timeline


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
        ({"customer": {"eq": _customer_id(customer)}}, ["meeting", "call"]),
        ({"occurredAt": {"gte": day}}, ["note", "meeting"]),
        ({"occurredAt": {"between": [NOON.isoformat(), day]}}, ["call"]),
        ({"durationMinutes": {"gt": "10"}}, ["meeting"]),
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
        assert await _titles(server, agent, filter=rule) == titles, rule


async def test_the_timeline_is_searched_by_words_whatever_case_and_accents(
    server: str, agent: Person, customer: Customer
) -> None:
    await make_activity(customer, title="Café with Zoë", occurred_at=NOON)
    await make_activity(
        customer, title="Offer", description="100% of the CAFE's beans", occurred_at=NOON + timedelta(1)
    )
    await make_activity(customer, title="Under_score", occurred_at=NOON + timedelta(2))

    async def found(text: str) -> list[str]:
        return await _titles(server, agent, search=text)

    assert await found("cafe") == ["Offer", "Café with Zoë"]
    assert await found("ZOE café") == ["Café with Zoë"]
    assert await found("100%") == ["Offer"]
    assert await found("r_s") == ["Under_score"]
    assert await found("_") == ["Under_score"]
    assert await found("  ") == ["Under_score", "Offer", "Café with Zoë"]
    assert await found("nothing") == []


async def test_a_wrong_filter_names_what_is_wrong(server: str, agent: Person) -> None:
    with pytest.raises(GraphQLFailed) as refusal:
        await _titles(server, agent, filter={"customer": {"eq": "con_1"}, "user": {"in": []}})

    (error,) = refusal.value.errors
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert [problem["path"] for problem in error["extensions"]["problems"]] == [["filter", "customer", "eq"]]


# What Kith logs itself


async def test_what_kith_logged_itself_stays_as_it_is(
    server: str, unit: BusinessUnit, customer: Customer
) -> None:
    manager = await make_user(Role.MANAGER, [unit])
    invoice = await make_invoice(customer)
    mail = await service.log_sent_invoice(
        customer, invoice_id=invoice.id, title="Invoice 1 sent", description="To Ann", actor=kith()
    )
    deal = await make_activity(customer, type=ActivityType.DEAL_UPDATE)
    before = await contents()

    refused = [
        await change
        for activity in (mail, deal)
        for change in (_update(server, manager, activity, title="Other"), _delete(server, manager, activity))
    ]

    assert [_refusals(payload) for payload in refused] == [[("RuleError", "LOGGED_BY_KITH", ["id"])]] * 4
    assert await contents() == before
    document = "query ($id: ID!) { activity(id: $id) { type title user { name } invoice { id } } }"
    seen = await Kith(server, manager.token).graphql(document, {"id": _id(mail)})
    assert seen["activity"] == {
        "type": "EMAIL",
        "title": "Invoice 1 sent",
        "user": None,
        "invoice": {"id": encode(Kind.INVOICE, invoice.id)},
    }


async def test_a_deal_update_is_not_logged_by_hand(server: str, agent: Person, customer: Customer) -> None:
    activity = await make_activity(customer)
    before = await contents()

    refused = [
        await _log(server, agent, customer, type="DEAL_UPDATE"),
        await _update(server, agent, activity, type="DEAL_UPDATE"),
    ]

    assert [_refusals(payload) for payload in refused] == [[("InputError", "INVALID_CHOICE", ["type"])]] * 2
    assert await contents() == before


# Refusals


WRONG: list[tuple[dict[str, Any], list[tuple[str, list[str]]]]] = [
    ({"title": " "}, [("REQUIRED", ["title"])]),
    (
        {"title": "t" * 201, "description": "d" * 20_001},
        [("TOO_LONG", ["title"]), ("TOO_LONG", ["description"])],
    ),
    (
        {"title": "a\tb", "occurredAt": "1969-12-31T00:00:00Z"},
        [("CONTROL_CHARACTERS", ["title"]), ("OUT_OF_RANGE", ["occurredAt"])],
    ),
    (
        {"occurredAt": "2999-01-01T00:00:00Z", "durationMinutes": 9999},
        [("OUT_OF_RANGE", ["occurredAt"]), ("OUT_OF_RANGE", ["durationMinutes"])],
    ),
    ({"occurredAt": None}, [("REQUIRED", ["occurredAt"])]),
]


@pytest.mark.parametrize(("given", "problems"), WRONG)
async def test_everything_wrong_is_named_at_once(
    server: str,
    agent: Person,
    customer: Customer,
    given: dict[str, Any],
    problems: list[tuple[str, list[str]]],
) -> None:
    activity = await make_activity(customer, type=ActivityType.CALL)
    before = await contents()

    logged = await _log(server, agent, customer, **given)
    updated = await _update(server, agent, activity, **given)

    expected = sorted(("InputError", code, path) for code, path in problems)
    assert sorted(_refusals(logged)) == sorted(_refusals(updated)) == expected
    assert await contents() == before


async def test_what_must_have_a_value_cannot_be_emptied(
    server: str, agent: Person, customer: Customer
) -> None:
    activity = await make_activity(customer)
    before = await contents()

    payload = await _update(server, agent, activity, type=None, title=None, occurredAt=None)

    assert {(code, *path) for _, code, path in _refusals(payload)} == {
        ("REQUIRED", "type"),
        ("REQUIRED", "title"),
        ("REQUIRED", "occurredAt"),
    }
    assert await contents() == before


async def test_an_activity_is_with_a_contact_of_its_own_customer(
    server: str, unit: BusinessUnit, agent: Person, customer: Customer
) -> None:
    elsewhere = await make_contact(await make_customer(unit=unit))
    activity = await make_activity(customer)
    ids = [encode(Kind.CONTACT, elsewhere.id), encode(Kind.CONTACT, uuid7()), _customer_id(customer)]
    before = await contents()

    refused = [
        await change
        for wrong in ids
        for change in (
            _log(server, agent, customer, contactId=wrong),
            _update(server, agent, activity, contactId=wrong),
        )
    ]

    assert [_refusals(payload) for payload in refused] == [
        [("NotFoundError", "NOT_FOUND", ["contactId"])]
    ] * 6
    assert await contents() == before


async def test_an_older_version_is_answered_with_the_activity_as_it_is(
    server: str, agent: Person, customer: Customer
) -> None:
    activity = await make_activity(customer, title="Visit", version=4)
    document = (
        "mutation ($input: UpdateActivityInput!) { updateActivity(input: $input) { activity { id } errors { code path "
        "... on VersionConflict { currentVersion current { ... on Activity { title } } } } } }"
    )
    before = await contents()

    answer = await Kith(server, agent.token).graphql(
        document, {"input": {"id": _id(activity), "expectedVersion": 3, "title": "Other"}}
    )

    conflict = {
        "code": "VERSION_CONFLICT",
        "path": ["expectedVersion"],
        "currentVersion": 4,
        "current": {"title": "Visit"},
    }
    assert answer["updateActivity"] == {"activity": None, "errors": [conflict]}
    assert await contents() == before


async def test_two_who_change_the_same_version_do_not_overwrite_each_other(
    server: str, agent: Person, customer: Customer
) -> None:
    activity = await make_activity(customer)

    answers = await asyncio.gather(
        *(_update(server, agent, activity, expectedVersion=1, title=f"Title {n}") for n in range(4))
    )

    assert sorted(len(answer["errors"]) for answer in answers) == [0, 1, 1, 1]
    assert (await Activity.get()).version == 2


async def _every_change(
    server: str, person: Person, customer: Customer, activity: Activity
) -> list[dict[str, Any]]:
    return [
        await _log(server, person, customer),
        await _update(server, person, activity, title="New"),
        await _delete(server, person, activity),
    ]


async def test_an_agent_logs_on_customers_they_own_or_that_nobody_owns(
    server: str, unit: BusinessUnit, agent: Person
) -> None:
    colleague = await make_user(Role.AGENT, [unit])
    theirs = await make_customer(unit=unit, account_manager=colleague.user)
    activity = await make_activity(theirs)
    before = await contents()

    refused = await _every_change(server, agent, theirs, activity)
    unchanged = await contents() == before
    await Customer.filter(id=theirs.id).update(service_manager_id=agent.user.id)
    allowed = await _every_change(server, agent, theirs, activity)

    assert [_refusals(payload)[0][:2] for payload in refused] == [("ForbiddenError", "FORBIDDEN")] * 3
    assert unchanged
    assert [payload["errors"] for payload in allowed] == [[], [], []]


async def test_an_analyst_reads_and_changes_nothing(
    server: str, unit: BusinessUnit, customer: Customer
) -> None:
    analyst = await make_user(Role.ANALYST, [unit])
    activity = await make_activity(customer, title="Visit")
    before = await contents()

    refused = await _every_change(server, analyst, customer, activity)

    assert await _titles(server, analyst) == ["Visit"]
    assert [_refusals(payload)[0][:2] for payload in refused] == [("ForbiddenError", "FORBIDDEN")] * 3
    assert await contents() == before


async def test_activities_of_another_unit_are_not_there(server: str, customer: Customer) -> None:
    stranger = await make_user(Role.MANAGER, [await make_unit()])
    activity = await make_activity(customer, title="Visit")
    document = "query ($id: ID!) { activity(id: $id) { title } node(id: $id) { id } }"
    before = await contents()

    refused = await _every_change(server, stranger, customer, activity)
    seen = await Kith(server, stranger.token).graphql(document, {"id": _id(activity)})

    assert [_refusals(payload) for payload in refused] == [
        [("NotFoundError", "NOT_FOUND", ["customerId"])],
        *[[("NotFoundError", "NOT_FOUND", ["id"])]] * 2,
    ]
    assert seen == {"activity": None, "node": None}
    assert await _titles(server, stranger) == []
    assert await _titles(server, stranger, search="visit") == []
    rule = {"customer": {"eq": _customer_id(customer)}}
    assert await _titles(server, stranger, filter=rule) == []
    assert await contents() == before


async def test_an_archived_customer_gets_no_new_activities(
    server: str, unit: BusinessUnit, customer: Customer
) -> None:
    manager = await make_user(Role.MANAGER, [unit])
    activity = await make_activity(customer)
    await Customer.filter(id=customer.id).update(archived_at=now())
    before = await contents()

    refused = await _every_change(server, manager, customer, activity)

    assert [_refusals(payload)[0][1] for payload in refused] == ["CUSTOMER_ARCHIVED"] * 3
    assert await contents() == before


async def test_nobody_reads_or_logs_activities_without_logging_in(server: str, customer: Customer) -> None:
    activity = await make_activity(customer)
    before = await contents()

    for document in (
        "{ activities { totalCount } }",
        f'mutation {{ deleteActivity(input: {{id: "{_id(activity)}"}}) {{ deletedId }} }}',
    ):
        with pytest.raises(GraphQLFailed) as refusal:
            await Kith(server).graphql(document)
        assert refusal.value.codes == ["UNAUTHENTICATED"]

    assert await contents() == before
