"""Contacts through the API: who may change them, and how each refusal reads."""

import asyncio
from typing import Any

import pytest
from database_contents import contents
from factories import (
    Person,
    make_contact,
    make_customer,
    make_unit,
    make_user,
)
from kith_client import GraphQLFailed, Kith

from crm.accounts.models import BusinessUnit
from crm.contacts.models import Contact
from crm.customers.models import Customer
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode, uuid7
from tests.api.contacts.contact_calls import create, customer_id_of, id_of, named, refusals, update

pytestmark = pytest.mark.usefixtures("db")


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
    new = {"name": "Other", "email": "ANN@Zeta.example", "customerId": customer_id_of(customer)}
    kith = Kith(server, agent.token)
    before = await contents()

    refused = [
        await kith.graphql(create, {"input": new}),
        await kith.graphql(update, {"input": {"id": id_of(ben), "email": "Ann@zeta.example"}}),
    ]

    named = {"code": "DUPLICATE_RECORD", "path": ["email"], "existing": {"id": id_of(ann)}}
    assert [each["done"]["errors"] for each in refused] == [[named], [named]]
    assert await contents() == before
    elsewhere = await make_customer(unit=unit)
    again = await kith.graphql(create, {"input": new | {"customerId": customer_id_of(elsewhere)}})
    assert again["done"]["errors"] == []


async def test_the_same_contact_created_at_once_is_kept_once(
    server: str, agent: Person, customer: Customer
) -> None:
    answers = await asyncio.gather(*(create(server, agent, customer) for _ in range(4)))

    told = [refusal for answer in answers for refusal in refusals(answer)]
    assert told == [("DuplicateRecord", "DUPLICATE_RECORD", ["email"])] * 3
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
        document, {"input": {"id": id_of(contact), "expectedVersion": 3, "name": "Other"}}
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
        *(update(server, agent, contact, expectedVersion=1, title=f"Title {n}") for n in range(4))
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

    created = await create(server, agent, customer, **given)
    updated = await update(server, agent, contact, **given)

    expected = sorted(("InputError", code, path) for code, path in problems)
    assert sorted(refusals(created)) == sorted(refusals(updated)) == expected
    assert await contents() == before


async def test_what_must_have_a_value_cannot_be_emptied(
    server: str, agent: Person, customer: Customer
) -> None:
    contact = await make_contact(customer)
    before = await contents()

    payload = await update(server, agent, contact, name=None, email=None, consent=None)

    assert {(code, *path) for _, code, path in refusals(payload)} == {
        ("REQUIRED", "name"),
        ("REQUIRED", "email"),
        ("REQUIRED", "consent"),
    }
    assert await contents() == before


async def _every_change(
    server: str, person: Person, customer: Customer, contact: Contact
) -> list[dict[str, Any]]:
    return [
        await create(server, person, customer),
        await update(server, person, contact, title="New"),
        await named(server, person, "setPrimaryContact", contact),
        await named(server, person, "deleteContact", contact),
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

    assert [refusals(payload)[0][1] for payload in refused] == ["FORBIDDEN"] * 4
    assert unchanged
    assert [payload["errors"] for payload in allowed[:3]] == [[], [], []]
    assert refusals(allowed[3])[0][1] == "PRIMARY_CONTACT"


async def test_an_analyst_changes_no_contacts(server: str, unit: BusinessUnit, customer: Customer) -> None:
    analyst = await make_user(Role.ANALYST, [unit])
    await make_contact(customer)
    contact = await make_contact(customer)
    before = await contents()

    refused = await _every_change(server, analyst, customer, contact)

    assert [refusals(payload)[0][:2] for payload in refused] == [("ForbiddenError", "FORBIDDEN")] * 4
    assert await contents() == before


async def test_contacts_of_another_unit_are_not_there(server: str, customer: Customer) -> None:
    stranger = await make_user(Role.MANAGER, [await make_unit()])
    await make_contact(customer)
    contact = await make_contact(customer)
    document = "query ($id: ID!) { contact(id: $id) { name } node(id: $id) { id } nodes(ids: [$id]) { id } }"
    before = await contents()

    refused = await _every_change(server, stranger, customer, contact)
    seen = await Kith(server, stranger.token).graphql(document, {"id": id_of(contact)})

    assert [refusals(payload) for payload in refused] == [
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
        "another kind": customer_id_of(customer),
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
        assert refusals(payload) == [("NotFoundError", "NOT_FOUND", ["id"])]

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

    assert [refusals(payload)[0][1] for payload in refused] == ["CUSTOMER_ARCHIVED"] * 4
    assert await contents() == before


async def test_nobody_reads_or_changes_contacts_without_logging_in(server: str, customer: Customer) -> None:
    contact = await make_contact(customer)
    before = await contents()

    for document in (
        f'{{ contact(id: "{id_of(contact)}") {{ name }} }}',
        f'mutation {{ deleteContact(input: {{id: "{id_of(contact)}"}}) {{ deletedId }} }}',
    ):
        with pytest.raises(GraphQLFailed) as refusal:
            await Kith(server).graphql(document)
        assert refusal.value.codes == ["UNAUTHENTICATED"]

    assert await contents() == before
