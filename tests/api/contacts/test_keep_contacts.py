"""Contacts through the API: what is kept, told and deleted, and that exactly one is primary."""

import asyncio
from datetime import timedelta

import pytest
from database_contents import contents
from factories import (
    Person,
    make_activity,
    make_contact,
    make_live_customer,
    make_user,
)
from kith_client import Kith

from crm.accounts.models import BusinessUnit
from crm.activities.models import Activity
from crm.audit.models import HistoryEntry
from crm.contacts.models import Contact
from crm.customers.models import Consent, Customer
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.models import OutboxJob
from tests.api.contacts.contact_calls import FIELDS, create, customer_id_of, id_of, named, refusals, update

pytestmark = pytest.mark.usefixtures("db")


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

    payload = await create(server, agent, customer, **given)

    contact = await Contact.get()
    assert payload["errors"] == []
    assert payload["contact"].pop("consentAt") is not None
    assert payload["contact"] == {
        "id": id_of(contact),
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
        await create(server, agent, customer, name=name, email=f"{name}@zeta.example")
    document = "query ($id: ID!) { customer(id: $id) { primaryContact { name } contacts { nodes { name isPrimary } } } }"

    seen = (await Kith(server, agent.token).graphql(document, {"id": customer_id_of(customer)}))["customer"]

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

    payload = await update(
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

    payload = await update(server, agent, contact, name=contact.name, phone=contact.phone, consent="GIVEN")

    assert (payload["contact"]["version"], payload["errors"]) == (1, [])
    assert await contents() == before


async def test_consent_that_was_never_asked_for_has_no_date(
    server: str, agent: Person, customer: Customer
) -> None:
    contact = await make_contact(customer, consent=Consent.GIVEN, consent_at=now())

    payload = await update(server, agent, contact, consent="UNKNOWN")

    assert (payload["contact"]["consent"], payload["contact"]["consentAt"]) == ("UNKNOWN", None)


async def test_a_deleted_contact_is_gone_and_its_activities_stay(
    server: str, agent: Person, customer: Customer
) -> None:
    await make_contact(customer)
    contact = await make_contact(customer, name="Ben")
    activity = await make_activity(customer, contact=contact)

    payload = await named(server, agent, "deleteContact", contact, "deletedId")

    assert payload == {"deletedId": id_of(contact), "errors": []}
    assert not await Contact.exists(id=contact.id)
    assert (await Activity.get(id=activity.id)).contact_id is None
    entry = await HistoryEntry.get()
    assert entry.action == "delete_contact"
    assert {"field": "name", "before": "Ben", "after": None} in entry.changes


async def test_the_primary_flag_moves_and_both_records_say_so(
    server: str, agent: Person, customer: Customer
) -> None:
    first, second = await make_contact(customer), await make_contact(customer)

    payload = await named(server, agent, "setPrimaryContact", second, FIELDS)

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

    payload = await named(server, agent, "setPrimaryContact", contact, FIELDS)

    assert payload["contact"]["isPrimary"] is True
    assert await contents() == before


async def test_the_primary_contact_cannot_be_deleted_until_another_is(
    server: str, agent: Person, customer: Customer
) -> None:
    first, second = await make_contact(customer), await make_contact(customer)
    before = await contents()

    refused = await named(server, agent, "deleteContact", first, "deletedId")
    unchanged = await contents() == before
    await named(server, agent, "setPrimaryContact", second)
    deleted = await named(server, agent, "deleteContact", first, "deletedId")

    assert refusals(refused) == [("RuleError", "PRIMARY_CONTACT", ["id"])]
    assert refused["deletedId"] is None
    assert unchanged
    assert deleted["errors"] == []
    assert await Contact.all().values_list("id", "is_primary") == [(second.id, True)]


async def test_contacts_created_at_once_have_one_primary_among_them(
    server: str, agent: Person, customer: Customer
) -> None:
    answers = await asyncio.gather(
        *(create(server, agent, customer, email=f"{n}@zeta.example") for n in range(5))
    )

    assert [answer["errors"] for answer in answers] == [[]] * 5
    assert sorted(answer["contact"]["isPrimary"] for answer in answers) == [False] * 4 + [True]
    assert await Contact.filter(is_primary=True).count() == 1


async def test_contacts_made_primary_at_once_leave_one_primary(
    server: str, agent: Person, customer: Customer
) -> None:
    contacts = [await make_contact(customer) for _ in range(5)]

    answers = await asyncio.gather(
        *(named(server, agent, "setPrimaryContact", each, FIELDS) for each in contacts[1:] + contacts[1:])
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
            named(server, agent, "setPrimaryContact", second), named(server, agent, "deleteContact", second)
        )

        assert await Contact.filter(customer=customer, is_primary=True).count() == 1


async def test_the_primary_contact_of_a_live_customer_keeps_a_phone_number(
    server: str, unit: BusinessUnit
) -> None:
    manager = await make_user(Role.MANAGER, [unit])
    customer = await make_live_customer(unit=unit)
    primary, other = await Contact.get(), await make_contact(customer, phone=None)
    before = await contents()

    emptied = await update(server, manager, primary, phone=None)
    blank = await update(server, manager, primary, phone="  ")
    moved = await named(server, manager, "setPrimaryContact", other)
    unchanged = await contents() == before
    renamed = await update(server, manager, primary, name="Still here")
    await update(server, manager, other, phone="+49 30 901821")
    moved_now = await named(server, manager, "setPrimaryContact", other)
    emptied_now = await update(server, manager, primary, phone=None)

    assert refusals(emptied) == refusals(blank) == [("RuleError", "LIVE_CUSTOMER_INCOMPLETE", ["phone"])]
    assert refusals(moved) == [("RuleError", "LIVE_CUSTOMER_INCOMPLETE", ["id"])]
    assert unchanged
    assert renamed["errors"] == moved_now["errors"] == emptied_now["errors"] == []
