"""What the factories make is valid: PostgreSQL took it."""

import pytest
from factories import (
    make_activity,
    make_customer,
    make_invoice,
    make_live_customer,
    make_segment,
    make_unit,
    make_user,
)

from crm.accounts.logins import actor_for_token
from crm.contacts.models import Contact
from crm.invoices.rules import InvoiceState
from crm.kernel.actor import Role

pytestmark = pytest.mark.usefixtures("db")


async def test_every_factory_makes_a_valid_record() -> None:
    customer = await make_live_customer()

    await make_activity(customer)
    await make_segment(members=[customer])
    await make_invoice(customer)
    sent = await make_invoice(customer, state=InvoiceState.SENT)

    assert sent.number is not None
    assert await Contact.filter(customer=customer, is_primary=True).count() == 1
    assert (await make_customer()).unit_id != customer.unit_id


async def test_a_person_is_logged_in() -> None:
    unit = await make_unit()

    person = await make_user(Role.MANAGER, [unit])

    assert await actor_for_token(person.token) == person.actor
