"""A customer shows its segments, as far as those who see the customer may know of them."""

import pytest
from factories import make_customer, make_segment, make_unit

from crm.customers.models import Customer
from crm.kernel.clock import now
from crm.segments import queries
from crm.segments.models import SegmentMembership

pytestmark = pytest.mark.usefixtures("db")


async def test_a_customer_shows_the_segments_of_its_unit_it_is_in_and_was_in() -> None:
    unit = await make_unit()
    customer, other = await make_customer(unit=unit), await make_customer(unit=unit)
    friends = await make_segment(unit=unit, name="Friends", members=[customer, other])
    big = await make_segment(unit=unit, name="Big", rule={}, members=[customer])
    former = await make_segment(unit=unit, name="Former", members=[customer])
    await SegmentMembership.filter(segment=former).update(left_at=now())
    await make_segment(unit=unit, name="Archived", members=[customer], archived_at=now())
    await make_segment(name="Everywhere", members=[customer])

    current = await queries.memberships_of_customer(customer.id)
    ever = await queries.memberships_of_customer(customer.id, current=False)

    assert [segment.name for segment in await queries.segments_of_customer(customer.id)] == ["Big", "Friends"]
    assert [stay.segment_id for stay in current] == [big.id, friends.id]
    assert [stay.segment_id for stay in ever] == [former.id, big.id, friends.id]


async def test_a_customer_that_moved_shows_no_segment_of_the_unit_it_left() -> None:
    customer = await make_customer()
    left = await make_segment(unit=await make_unit(), members=[customer])

    assert left.unit_id != customer.unit_id
    assert await queries.segments_of_customer(customer.id) == []
    assert await queries.memberships_of_customer(customer.id, current=False) == []
    assert await queries.members_of(left.id) == []
    assert await queries.memberships_of(left.id, current=False) == []


async def test_an_archived_customer_is_no_member_that_is_shown_and_stays_one_that_is_kept() -> None:
    unit = await make_unit()
    customer = await make_customer(unit=unit)
    segment = await make_segment(unit=unit, members=[customer])
    await Customer.filter(id=customer.id).update(archived_at=now())

    assert await queries.members_of(segment.id).count() == 0
    assert await queries.memberships_of(segment.id).count() == 1
