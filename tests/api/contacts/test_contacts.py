"""Contacts through the API: what is kept, who may change them, and how each refusal reads."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from database_contents import contents
from factories import (
    Person,
    make_activity,
    make_contact,
    make_customer,
    make_live_customer,
    make_unit,
    make_user,
)
from kith_client import GraphQLFailed, Kith

from crm.accounts.models import BusinessUnit
from crm.activities.models import Activity
from crm.audit.models import HistoryEntry
from crm.contacts.models import Contact
from crm.customers.models import Consent, Customer
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode, uuid7
from crm.kernel.models import OutboxJob

pytestmark = pytest.mark.usefixtures("db")

FIELDS = "contact { id name email phone title department handle isPrimary consent consentAt notes version customer { name } }"


@pytest.fixture
async def unit() -> BusinessUnit:
    return await make_unit()


@pytest.fixture
async def agent(unit: BusinessUnit) -> Person:
    return await make_user(Role.AGENT, [unit])


@pytest.fixture
async def customer(unit: BusinessUnit) -> Customer:
    return await make_customer(unit=unit, name="Zeta", address_country="DE")


def _id(contact: Contact) -> str:
    return encode(Kind.CONTACT, contact.id)


def _customer_id(customer: Customer) -> str:
    return encode(Kind.CUSTOMER, customer.id)


async def _create(server: str, person: Person, customer: Customer, **given: Any) -> dict[str, Any]:
    values = {"name": "Ann", "email": "ann@zeta.example", "customerId": _customer_id(customer)} | given
    return await Kith(server, person.token).mutate("createContact", "CreateContactInput", FIELDS, values)


async def _update(server: str, person: Person, contact: Contact, **given: Any) -> dict[str, Any]:
    values = {"id": _id(contact)} | given
    return await Kith(server, person.token).mutate("updateContact", "UpdateContactInput", FIELDS, values)


async def _named(
    server: str, person: Person, mutation: str, contact: Contact, selection: str = ""
) -> dict[str, Any]:
    return await Kith(server, person.token).mutate(mutation, "ContactInput", selection, {"id": _id(contact)})


def _refusals(payload: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    return [(error["__typename"], error["code"], error["path"]) for error in payload["errors"]]


# What is kept


async def test_a_customers_first_contact_is_kept_with_every_field_and_becomes_primary(
    server: str, agent: Person, customer: Customer
) -> None:
    given = {
        "name": " Ann Lee ",
        "email": "Ann.Lee@ZETA.example",
        "phone": "030 901820",
        "title": "Head of Purchasing",
        "department": "Purchasing",
        "handle": "ann.lee",
        "consent": "GIVEN",
        "notes": "Likes\r\ntea",
    }

    payload = await _create(server, agent, customer, **given)

    contact = await Contact.get()
    assert payload["errors"] == []
    assert payload["contact"].pop("consentAt") is not None
    assert payload["contact"] == {
        "id": _id(contact),
        "name": "Ann Lee",
        "email": "Ann.Lee@ZETA.example",
        "phone": "+4930901820",
        "title": "Head of Purchasing",
        "department": "Purchasing",
        "handle": "ann.lee",
        "isPrimary": True,
        "consent": "GIVEN",
        "notes": "Likes\ntea",
        "version": 1,
        "customer": {"name": "Zeta"},
    }
    entry = await HistoryEntry.get()
    assert (entry.action, entry.subject_id, entry.customer_id, entry.user_id) == (
        "create_contact",
        contact.id,
        customer.id,
        agent.user.id,
    )
    assert {"field": "phone", "before": None, "after": "+4930901820"} in entry.changes
    job = await OutboxJob.get()
    assert job.payload == {
        "type": "ContactChanged",
        "data": {
            "contact_id": str(contact.id),
            "customer_id": str(customer.id),
            "unit_id": str(customer.unit_id),
            "action": "create_contact",
        },
    }


async def test_later_contacts_are_not_primary_and_are_listed_after_the_one_that_is(
    server: str, agent: Person, customer: Customer
) -> None:
    for name in ("Zoe", "Ben", "Ann"):
        await _create(server, agent, customer, name=name, email=f"{name}@zeta.example")
    document = "query ($id: ID!) { customer(id: $id) { primaryContact { name } contacts { nodes { name isPrimary } } } }"

    seen = (await Kith(server, agent.token).graphql(document, {"id": _customer_id(customer)}))["customer"]

    assert seen["primaryContact"] == {"name": "Zoe"}
    assert [(node["name"], node["isPrimary"]) for node in seen["contacts"]["nodes"]] == [
        ("Zoe", True),
        ("Ann", False),
        ("Ben", False),
    ]


async def test_a_change_keeps_what_is_not_mentioned_and_tells_what_changed(
    server: str, agent: Person, customer: Customer
) -> None:
    contact = await make_contact(customer, title="Clerk", department="Sales", consent=Consent.UNKNOWN)

    payload = await _update(
        server, agent, contact, expectedVersion=1, title=None, department="Sales", consent="WITHDRAWN"
    )

    changed = payload["contact"]
    assert (changed["title"], changed["department"], changed["email"]) == (None, "Sales", contact.email)
    assert (changed["consent"], changed["version"]) == ("WITHDRAWN", 2)
    assert changed["consentAt"] is not None
    entry = await HistoryEntry.get()
    assert sorted(change["field"] for change in entry.changes) == ["consent", "title"]


async def test_what_is_so_already_is_no_change(server: str, agent: Person, customer: Customer) -> None:
    contact = await make_contact(customer, consent=Consent.GIVEN, consent_at=now() - timedelta(days=9))
    before = await contents()

    payload = await _update(server, agent, contact, name=contact.name, phone=contact.phone, consent="GIVEN")

    assert (payload["contact"]["version"], payload["errors"]) == (1, [])
    assert await contents() == before


async def test_consent_that_was_never_asked_for_has_no_date(
    server: str, agent: Person, customer: Customer
) -> None:
    contact = await make_contact(customer, consent=Consent.GIVEN, consent_at=now())

    payload = await _update(server, agent, contact, consent="UNKNOWN")

    assert (payload["contact"]["consent"], payload["contact"]["consentAt"]) == ("UNKNOWN", None)


async def test_a_deleted_contact_is_gone_and_its_activities_stay(
    server: str, agent: Person, customer: Customer
) -> None:
    await make_contact(customer)
    contact = await make_contact(customer, name="Ben")
    activity = await make_activity(customer, contact=contact)

    payload = await _named(server, agent, "deleteContact", contact, "deletedId")

    assert payload == {"deletedId": _id(contact), "errors": []}
    assert not await Contact.exists(id=contact.id)
    assert (await Activity.get(id=activity.id)).contact_id is None
    entry = await HistoryEntry.get()
    assert entry.action == "delete_contact"
    assert {"field": "name", "before": "Ben", "after": None} in entry.changes


# Exactly one is primary


async def test_the_primary_flag_moves_and_both_records_say_so(
    server: str, agent: Person, customer: Customer
) -> None:
    first, second = await make_contact(customer), await make_contact(customer)

    payload = await _named(server, agent, "setPrimaryContact", second, FIELDS)

    assert (payload["contact"]["isPrimary"], payload["contact"]["version"]) == (True, 2)
    await first.refresh_from_db()
    assert (first.is_primary, first.version) == (False, 2)
    entry = await HistoryEntry.get()
    assert (entry.action, entry.subject_id) == ("set_primary_contact", second.id)
    assert entry.changes == [{"field": "is_primary", "before": False, "after": True}]


async def test_making_the_primary_contact_primary_changes_nothing(
    server: str, agent: Person, customer: Customer
) -> None:
    contact = await make_contact(customer)
    before = await contents()

    payload = await _named(server, agent, "setPrimaryContact", contact, FIELDS)

    assert payload["contact"]["isPrimary"] is True
    assert await contents() == before


async def test_the_primary_contact_cannot_be_deleted_until_another_is(
    server: str, agent: Person, customer: Customer
) -> None:
    first, second = await make_contact(customer), await make_contact(customer)
    before = await contents()

    refused = await _named(server, agent, "deleteContact", first, "deletedId")
    unchanged = await contents() == before
    await _named(server, agent, "setPrimaryContact", second)
    deleted = await _named(server, agent, "deleteContact", first, "deletedId")

    assert _refusals(refused) == [("RuleError", "PRIMARY_CONTACT", ["id"])]
    assert refused["deletedId"] is None
    assert unchanged
    assert deleted["errors"] == []
    assert await Contact.all().values_list("id", "is_primary") == [(second.id, True)]


async def test_contacts_created_at_once_have_one_primary_among_them(
    server: str, agent: Person, customer: Customer
) -> None:
    answers = await asyncio.gather(
        *(_create(server, agent, customer, email=f"{n}@zeta.example") for n in range(5))
    )

    assert [answer["errors"] for answer in answers] == [[]] * 5
    assert sorted(answer["contact"]["isPrimary"] for answer in answers) == [False] * 4 + [True]
    assert await Contact.filter(is_primary=True).count() == 1


async def test_contacts_made_primary_at_once_leave_one_primary(
    server: str, agent: Person, customer: Customer
) -> None:
    contacts = [await make_contact(customer) for _ in range(5)]

    answers = await asyncio.gather(
        *(_named(server, agent, "setPrimaryContact", each, FIELDS) for each in contacts[1:] + contacts[1:])
    )

    assert [answer["errors"] for answer in answers] == [[]] * 8
    assert await Contact.filter(customer=customer, is_primary=True).count() == 1


async def test_a_contact_made_primary_while_it_is_deleted_leaves_one_primary(
    server: str, agent: Person, customer: Customer
) -> None:
    for _ in range(5):
        await Contact.all().delete()
        _, second = await make_contact(customer), await make_contact(customer)

        await asyncio.gather(
            _named(server, agent, "setPrimaryContact", second), _named(server, agent, "deleteContact", second)
        )

        assert await Contact.filter(customer=customer, is_primary=True).count() == 1


# A LIVE customer


async def test_the_primary_contact_of_a_live_customer_keeps_a_phone_number(
    server: str, unit: BusinessUnit
) -> None:
    manager = await make_user(Role.MANAGER, [unit])
    customer = await make_live_customer(unit=unit)
    primary, other = await Contact.get(), await make_contact(customer, phone=None)
    before = await contents()

    emptied = await _update(server, manager, primary, phone=None)
    blank = await _update(server, manager, primary, phone="  ")
    moved = await _named(server, manager, "setPrimaryContact", other)
    unchanged = await contents() == before
    renamed = await _update(server, manager, primary, name="Still here")
    await _update(server, manager, other, phone="+49 30 901821")
    moved_now = await _named(server, manager, "setPrimaryContact", other)
    emptied_now = await _update(server, manager, primary, phone=None)

    assert _refusals(emptied) == _refusals(blank) == [("RuleError", "LIVE_CUSTOMER_INCOMPLETE", ["phone"])]
    assert _refusals(moved) == [("RuleError", "LIVE_CUSTOMER_INCOMPLETE", ["id"])]
    assert unchanged
    assert renamed["errors"] == moved_now["errors"] == emptied_now["errors"] == []


# Refusals


async def test_an_e_mail_address_is_used_once_among_a_customers_contacts(
    server: str, agent: Person, unit: BusinessUnit, customer: Customer
) -> None:
    ann = await make_contact(customer, email="ann@zeta.example")
    ben = await make_contact(customer, email="ben@zeta.example")
    existing = "errors { code path ... on DuplicateRecord { existing { id } } }"
    create = (
        f"mutation ($input: CreateContactInput!) {{ done: createContact(input: $input) {{ {existing} }} }}"
    )
    update = (
        f"mutation ($input: UpdateContactInput!) {{ done: updateContact(input: $input) {{ {existing} }} }}"
    )
    new = {"name": "Other", "email": "ANN@Zeta.example", "customerId": _customer_id(customer)}
    kith = Kith(server, agent.token)
    before = await contents()

    refused = [
        await kith.graphql(create, {"input": new}),
        await kith.graphql(update, {"input": {"id": _id(ben), "email": "Ann@zeta.example"}}),
    ]

    named = {"code": "DUPLICATE_RECORD", "path": ["email"], "existing": {"id": _id(ann)}}
    assert [each["done"]["errors"] for each in refused] == [[named], [named]]
    assert await contents() == before
    elsewhere = await make_customer(unit=unit)
    again = await kith.graphql(create, {"input": new | {"customerId": _customer_id(elsewhere)}})
    assert again["done"]["errors"] == []


async def test_the_same_contact_created_at_once_is_kept_once(
    server: str, agent: Person, customer: Customer
) -> None:
    answers = await asyncio.gather(*(_create(server, agent, customer) for _ in range(4)))

    refusals = [refusal for answer in answers for refusal in _refusals(answer)]
    assert refusals == [("DuplicateRecord", "DUPLICATE_RECORD", ["email"])] * 3
    assert await Contact.all().count() == 1


async def test_an_older_version_is_answered_with_the_contact_as_it_is(
    server: str, agent: Person, customer: Customer
) -> None:
    contact = await make_contact(customer, name="Ann", version=4)
    document = (
        "mutation ($input: UpdateContactInput!) { updateContact(input: $input) { contact { id } errors { code path "
        "... on VersionConflict { currentVersion current { ... on Contact { name } } } } } }"
    )
    before = await contents()

    answer = await Kith(server, agent.token).graphql(
        document, {"input": {"id": _id(contact), "expectedVersion": 3, "name": "Other"}}
    )

    conflict = {
        "code": "VERSION_CONFLICT",
        "path": ["expectedVersion"],
        "currentVersion": 4,
        "current": {"name": "Ann"},
    }
    assert answer["updateContact"] == {"contact": None, "errors": [conflict]}
    assert await contents() == before


async def test_two_who_change_the_same_version_do_not_overwrite_each_other(
    server: str, agent: Person, customer: Customer
) -> None:
    contact = await make_contact(customer)

    answers = await asyncio.gather(
        *(_update(server, agent, contact, expectedVersion=1, title=f"Title {n}") for n in range(4))
    )

    assert sorted(len(answer["errors"]) for answer in answers) == [0, 1, 1, 1]
    assert (await Contact.get()).version == 2


WRONG: list[tuple[dict[str, Any], list[tuple[str, list[str]]]]] = [
    ({"name": " "}, [("REQUIRED", ["name"])]),
    ({"email": "nobody"}, [("INVALID_EMAIL", ["email"])]),
    ({"name": "a\nb", "phone": "call me"}, [("CONTROL_CHARACTERS", ["name"]), ("INVALID_PHONE", ["phone"])]),
    (
        {"name": "n" * 201, "email": "", "title": "t" * 121, "notes": "n" * 5001},
        [("TOO_LONG", ["name"]), ("REQUIRED", ["email"]), ("TOO_LONG", ["title"]), ("TOO_LONG", ["notes"])],
    ),
]


@pytest.mark.parametrize(("given", "problems"), WRONG)
async def test_everything_wrong_is_named_at_once(
    server: str,
    agent: Person,
    customer: Customer,
    given: dict[str, Any],
    problems: list[tuple[str, list[str]]],
) -> None:
    contact = await make_contact(customer)
    before = await contents()

    created = await _create(server, agent, customer, **given)
    updated = await _update(server, agent, contact, **given)

    expected = sorted(("InputError", code, path) for code, path in problems)
    assert sorted(_refusals(created)) == sorted(_refusals(updated)) == expected
    assert await contents() == before


async def test_what_must_have_a_value_cannot_be_emptied(
    server: str, agent: Person, customer: Customer
) -> None:
    contact = await make_contact(customer)
    before = await contents()

    payload = await _update(server, agent, contact, name=None, email=None, consent=None)

    assert {(code, *path) for _, code, path in _refusals(payload)} == {
        ("REQUIRED", "name"),
        ("REQUIRED", "email"),
        ("REQUIRED", "consent"),
    }
    assert await contents() == before


async def _every_change(
    server: str, person: Person, customer: Customer, contact: Contact
) -> list[dict[str, Any]]:
    return [
        await _create(server, person, customer),
        await _update(server, person, contact, title="New"),
        await _named(server, person, "setPrimaryContact", contact),
        await _named(server, person, "deleteContact", contact),
    ]


async def test_an_agent_changes_contacts_of_customers_they_own_or_that_nobody_owns(
    server: str, unit: BusinessUnit, agent: Person
) -> None:
    colleague = await make_user(Role.AGENT, [unit])
    theirs = await make_customer(unit=unit, account_manager=colleague.user)
    await make_contact(theirs)
    contact = await make_contact(theirs)
    before = await contents()

    refused = await _every_change(server, agent, theirs, contact)
    unchanged = await contents() == before
    await Customer.filter(id=theirs.id).update(service_manager_id=agent.user.id)
    allowed = await _every_change(server, agent, theirs, contact)

    assert [_refusals(payload)[0][1] for payload in refused] == ["FORBIDDEN"] * 4
    assert unchanged
    assert [payload["errors"] for payload in allowed[:3]] == [[], [], []]
    assert _refusals(allowed[3])[0][1] == "PRIMARY_CONTACT"


async def test_an_analyst_changes_no_contacts(server: str, unit: BusinessUnit, customer: Customer) -> None:
    analyst = await make_user(Role.ANALYST, [unit])
    await make_contact(customer)
    contact = await make_contact(customer)
    before = await contents()

    refused = await _every_change(server, analyst, customer, contact)

    assert [_refusals(payload)[0][:2] for payload in refused] == [("ForbiddenError", "FORBIDDEN")] * 4
    assert await contents() == before


async def test_contacts_of_another_unit_are_not_there(server: str, customer: Customer) -> None:
    stranger = await make_user(Role.MANAGER, [await make_unit()])
    await make_contact(customer)
    contact = await make_contact(customer)
    document = "query ($id: ID!) { contact(id: $id) { name } node(id: $id) { id } nodes(ids: [$id]) { id } }"
    before = await contents()

    refused = await _every_change(server, stranger, customer, contact)
    seen = await Kith(server, stranger.token).graphql(document, {"id": _id(contact)})

    assert [_refusals(payload) for payload in refused] == [
        [("NotFoundError", "NOT_FOUND", ["customerId"])],
        *[[("NotFoundError", "NOT_FOUND", ["id"])]] * 3,
    ]
    assert seen == {"contact": None, "node": None, "nodes": [None]}
    assert await contents() == before


@pytest.mark.parametrize("wrong", ["unknown", "another kind", "nonsense"])
async def test_an_id_that_names_no_contact_is_not_found(
    server: str, agent: Person, customer: Customer, wrong: str
) -> None:
    await make_contact(customer)
    ids = {
        "unknown": encode(Kind.CONTACT, uuid7()),
        "another kind": _customer_id(customer),
        "nonsense": "con_1",
    }
    kith = Kith(server, agent.token)
    before = await contents()

    for mutation, input_type in (
        ("updateContact", "UpdateContactInput"),
        ("setPrimaryContact", "ContactInput"),
        ("deleteContact", "ContactInput"),
    ):
        payload = await kith.mutate(mutation, input_type, "", {"id": ids[wrong]})
        assert _refusals(payload) == [("NotFoundError", "NOT_FOUND", ["id"])]

    assert await contents() == before


async def test_an_archived_customer_gets_no_new_contacts(
    server: str, unit: BusinessUnit, customer: Customer
) -> None:
    manager = await make_user(Role.MANAGER, [unit])
    await make_contact(customer)
    contact = await make_contact(customer)
    await Customer.filter(id=customer.id).update(archived_at=now())
    before = await contents()

    refused = await _every_change(server, manager, customer, contact)

    assert [_refusals(payload)[0][1] for payload in refused] == ["CUSTOMER_ARCHIVED"] * 4
    assert await contents() == before


async def test_nobody_reads_or_changes_contacts_without_logging_in(server: str, customer: Customer) -> None:
    contact = await make_contact(customer)
    before = await contents()

    for document in (
        f'{{ contact(id: "{_id(contact)}") {{ name }} }}',
        f'mutation {{ deleteContact(input: {{id: "{_id(contact)}"}}) {{ deletedId }} }}',
    ):
        with pytest.raises(GraphQLFailed) as refusal:
            await Kith(server).graphql(document)
        assert refusal.value.codes == ["UNAUTHENTICATED"]

    assert await contents() == before
