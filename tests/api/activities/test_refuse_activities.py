"""Activities through the API: what Kith logged itself, who may change what, and how each refusal reads."""

import asyncio
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
from crm.activities.models import Activity, ActivityType
from crm.customers.models import Customer
from crm.kernel.actor import Role, kith
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode, uuid7
from tests.api.activities.activity_calls import (
    customer_id_of,
    delete,
    id_of,
    log,
    refusals,
    titles_of,
    update,
)

pytestmark = pytest.mark.usefixtures("db")


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
        for change in (update(server, manager, activity, title="Other"), delete(server, manager, activity))
    ]

    assert [refusals(payload) for payload in refused] == [[("RuleError", "LOGGED_BY_KITH", ["id"])]] * 4
    assert await contents() == before
    document = "query ($id: ID!) { activity(id: $id) { type title user { name } invoice { id } } }"
    seen = await Kith(server, manager.token).graphql(document, {"id": id_of(mail)})
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
        await log(server, agent, customer, type="DEAL_UPDATE"),
        await update(server, agent, activity, type="DEAL_UPDATE"),
    ]

    assert [refusals(payload) for payload in refused] == [[("InputError", "INVALID_CHOICE", ["type"])]] * 2
    assert await contents() == before


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

    logged = await log(server, agent, customer, **given)
    updated = await update(server, agent, activity, **given)

    expected = sorted(("InputError", code, path) for code, path in problems)
    assert sorted(refusals(logged)) == sorted(refusals(updated)) == expected
    assert await contents() == before


async def test_what_must_have_a_value_cannot_be_emptied(
    server: str, agent: Person, customer: Customer
) -> None:
    activity = await make_activity(customer)
    before = await contents()

    payload = await update(server, agent, activity, type=None, title=None, occurredAt=None)

    assert {(code, *path) for _, code, path in refusals(payload)} == {
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
    ids = [encode(Kind.CONTACT, elsewhere.id), encode(Kind.CONTACT, uuid7()), customer_id_of(customer)]
    before = await contents()

    refused = [
        await change
        for wrong in ids
        for change in (
            log(server, agent, customer, contactId=wrong),
            update(server, agent, activity, contactId=wrong),
        )
    ]

    assert [refusals(payload) for payload in refused] == [[("NotFoundError", "NOT_FOUND", ["contactId"])]] * 6
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
        document, {"input": {"id": id_of(activity), "expectedVersion": 3, "title": "Other"}}
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
        *(update(server, agent, activity, expectedVersion=1, title=f"Title {n}") for n in range(4))
    )

    assert sorted(len(answer["errors"]) for answer in answers) == [0, 1, 1, 1]
    assert (await Activity.get()).version == 2


async def _every_change(
    server: str, person: Person, customer: Customer, activity: Activity
) -> list[dict[str, Any]]:
    return [
        await log(server, person, customer),
        await update(server, person, activity, title="New"),
        await delete(server, person, activity),
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

    assert [refusals(payload)[0][:2] for payload in refused] == [("ForbiddenError", "FORBIDDEN")] * 3
    assert unchanged
    assert [payload["errors"] for payload in allowed] == [[], [], []]


async def test_an_analyst_reads_and_changes_nothing(
    server: str, unit: BusinessUnit, customer: Customer
) -> None:
    analyst = await make_user(Role.ANALYST, [unit])
    activity = await make_activity(customer, title="Visit")
    before = await contents()

    refused = await _every_change(server, analyst, customer, activity)

    assert await titles_of(server, analyst) == ["Visit"]
    assert [refusals(payload)[0][:2] for payload in refused] == [("ForbiddenError", "FORBIDDEN")] * 3
    assert await contents() == before


async def test_activities_of_another_unit_are_not_there(server: str, customer: Customer) -> None:
    stranger = await make_user(Role.MANAGER, [await make_unit()])
    activity = await make_activity(customer, title="Visit")
    document = "query ($id: ID!) { activity(id: $id) { title } node(id: $id) { id } }"
    before = await contents()

    refused = await _every_change(server, stranger, customer, activity)
    seen = await Kith(server, stranger.token).graphql(document, {"id": id_of(activity)})

    assert [refusals(payload) for payload in refused] == [
        [("NotFoundError", "NOT_FOUND", ["customerId"])],
        *[[("NotFoundError", "NOT_FOUND", ["id"])]] * 2,
    ]
    assert seen == {"activity": None, "node": None}
    assert await titles_of(server, stranger) == []
    assert await titles_of(server, stranger, search="visit") == []
    rule = {"customer": {"eq": customer_id_of(customer)}}
    assert await titles_of(server, stranger, filter=rule) == []
    assert await contents() == before


async def test_an_archived_customer_gets_no_new_activities(
    server: str, unit: BusinessUnit, customer: Customer
) -> None:
    manager = await make_user(Role.MANAGER, [unit])
    activity = await make_activity(customer)
    await Customer.filter(id=customer.id).update(archived_at=now())
    before = await contents()

    refused = await _every_change(server, manager, customer, activity)

    assert [refusals(payload)[0][1] for payload in refused] == ["CUSTOMER_ARCHIVED"] * 3
    assert await contents() == before


async def test_nobody_reads_or_logs_activities_without_logging_in(server: str, customer: Customer) -> None:
    activity = await make_activity(customer)
    before = await contents()

    for document in (
        "{ activities { totalCount } }",
        f'mutation {{ deleteActivity(input: {{id: "{id_of(activity)}"}}) {{ deletedId }} }}',
    ):
        with pytest.raises(GraphQLFailed) as refusal:
            await Kith(server).graphql(document)
        assert refusal.value.codes == ["UNAUTHENTICATED"]

    assert await contents() == before
