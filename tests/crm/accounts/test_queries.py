"""Who sees which people and units."""

import pytest
from factories import make_unit, make_user

from crm.accounts import queries
from crm.kernel.actor import Role
from crm.kernel.clock import now

pytestmark = pytest.mark.usefixtures("db")


async def test_people_see_themselves_and_their_units_colleagues_once() -> None:
    north, south, west = await make_unit(), await make_unit(), await make_unit()
    ann = await make_user(Role.MANAGER, [north, south], name="Ann")
    bob = await make_user(Role.AGENT, [north, south, west], name="Bob")
    cem = await make_user(Role.ANALYST, [south], name="Cem", active=False)
    await make_user(Role.AGENT, [west], name="Dee")
    loner = await make_user(Role.AGENT, name="Eve")

    assert await queries.users_visible_to(ann.actor) == [ann.user, bob.user, cem.user]
    assert await queries.users_visible_to(loner.actor) == [loner.user]
    assert await queries.users_visible_to(cem.actor).count() == 3


async def test_an_admin_sees_everybody_and_every_unit() -> None:
    units = [await make_unit(name="A", archived_at=now()), await make_unit(name="B")]
    admin, bob = await make_user(Role.ADMIN, name="Ann"), await make_user(units=units, name="Bob")

    assert await queries.users_visible_to(admin.actor) == [admin.user, bob.user]
    assert await queries.units_visible_to(admin.actor) == units
    assert await queries.units_of(admin.actor, bob.user.id) == units


async def test_people_see_only_the_units_they_work_in_even_of_a_colleague() -> None:
    north, west = await make_unit(name="North"), await make_unit(name="West")
    ann, bob = await make_user(units=[north], name="Ann"), await make_user(units=[north, west], name="Bob")
    await make_user(units=[west], name="Cem")

    assert await queries.units_visible_to(ann.actor) == [north]
    assert await queries.units_of(ann.actor, bob.user.id) == [north]
    assert await queries.members_of(ann.actor, north.id) == [ann.user, bob.user]
    assert await queries.members_of(ann.actor, west.id) == []
