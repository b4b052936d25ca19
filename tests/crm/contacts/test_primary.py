"""A customer with contacts has exactly one primary contact, whatever is done to them in whatever order."""

from typing import Any

import pytest
from factories import make_customer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.contacts import service
from crm.contacts.errors import PrimaryContactCannotBeDeleted
from crm.contacts.models import Contact
from crm.contacts.queries import primary_first
from crm.kernel.actor import kith
from crm.kernel.errors import DuplicateRecord, NotFound
from crm.kernel.ids import uuid7

pytestmark = pytest.mark.usefixtures("db")

STEPS = st.lists(
    st.tuples(st.sampled_from(["create", "primary", "delete", "update"]), st.integers(0, 4)), max_size=14
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_after_any_steps_one_contact_is_primary_and_it_leads(steps: list[tuple[str, int]]) -> None:
    customer = await make_customer()
    made: dict[int, Any] = {}

    for what, number in steps:
        await _take(what, customer.id, number, made)

    contacts = await primary_first(Contact.filter(customer=customer))
    assert [contact.is_primary for contact in contacts] == [True] * bool(contacts) + [False] * (
        len(contacts) - 1
    )
    assert {contact.id for contact in contacts} == set(made.values())


async def _take(what: str, customer_id: Any, number: int, made: dict[int, Any]) -> None:
    key = made.get(number, uuid7())
    actor = kith()
    try:
        match what:
            case "create":
                values = {"name": f"Contact {number}", "email": f"{number}@customer.example"}
                made[number] = (await service.create_contact(customer_id, values, actor=actor)).id
            case "primary":
                await service.set_primary_contact(key, actor=actor)
            case "update":
                await service.update_contact(
                    key, {"title": f"Title {number}"}, expected_version=None, actor=actor
                )
            case "delete":
                await service.delete_contact(key, actor=actor)
                del made[number]
    except NotFound:
        assert number not in made
    except DuplicateRecord:
        assert number in made
    except PrimaryContactCannotBeDeleted:
        assert (await Contact.get(id=key)).is_primary


async def test_a_phone_number_is_read_in_the_customers_country() -> None:
    customer = await make_customer(address_country="GB")
    values = {"name": "Ann", "email": "ann@customer.example", "phone": "020 7946 0018"}

    contact = await service.create_contact(customer.id, values, actor=kith())
    changed = await service.update_contact(
        contact.id, {"phone": "0161 496 0018"}, expected_version=1, actor=kith()
    )

    assert contact.phone == "+442079460018"
    assert changed.phone == "+441614960018"
