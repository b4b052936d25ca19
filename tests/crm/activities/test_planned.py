"""A planned activity becomes a customer's latest when its time has come."""

from datetime import timedelta

import pytest
from factories import make_activity, make_customer

from crm.activities.models import Activity
from crm.activities.planned import LOOK_BACK_DAYS, Reached, count_what_came_due
from crm.customers.models import Customer
from crm.kernel.clock import now
from crm.kernel.transaction import raw_connection, transaction

pytestmark = pytest.mark.usefixtures("db")


async def _last(customer: Customer) -> object:
    return (await Customer.get(id=customer.id)).last_activity_at


async def _as_time_passes(activity: Activity, *, days: float) -> None:
    """As if it had been planned for so many days ago: no trigger hears of it."""
    async with transaction():
        await raw_connection().execute("alter table activity disable trigger user")
        await Activity.filter(id=activity.id).update(occurred_at=now() - timedelta(days=days))
        await raw_connection().execute("alter table activity enable trigger user")
    await activity.refresh_from_db()


async def test_what_was_planned_counts_once_it_has_happened() -> None:
    customer, waiting = await make_customer(), await make_customer()
    visit = await make_activity(customer, occurred_at=now() + timedelta(days=3))
    await make_activity(waiting, occurred_at=now() + timedelta(days=3))
    planned = [await _last(each) for each in (customer, waiting)]

    await _as_time_passes(visit, days=0.5)
    reached = await count_what_came_due()
    again = await count_what_came_due()

    assert planned == [None, None]
    assert reached == [Reached(customer.id, customer.unit_id)]
    assert again == []
    assert [await _last(each) for each in (customer, waiting)] == [visit.occurred_at, None]


async def test_an_older_activity_does_not_take_the_place_of_a_later_one() -> None:
    customer = await make_customer()
    visit = await make_activity(customer, occurred_at=now() + timedelta(days=1))
    call = await make_activity(customer, occurred_at=now() - timedelta(hours=1))
    await _as_time_passes(visit, days=1)

    assert await count_what_came_due() == []
    assert await _last(customer) == call.occurred_at


async def test_it_looks_back_far_enough_for_a_standstill_and_no_further() -> None:
    customers = [await make_customer() for _ in range(2)]
    for customer, days in zip(customers, (LOOK_BACK_DAYS - 1, LOOK_BACK_DAYS + 1), strict=True):
        await _as_time_passes(await make_activity(customer, occurred_at=now() + timedelta(days=1)), days=days)

    reached = await count_what_came_due()

    assert [each.customer_id for each in reached] == [customers[0].id]
