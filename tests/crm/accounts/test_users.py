"""Managing users: who may, what is refused, and that a refusal changes nothing."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from factories import Person, make_live_customer, make_unit, make_user

from crm.accounts import logins, users
from crm.accounts.errors import LastAdmin, UnitArchived, UserManagesCustomers
from crm.accounts.models import ApiToken, Login, UnitMembership, User
from crm.accounts.tokens import create_token
from crm.audit.models import HistoryEntry
from crm.kernel.actor import Actor, Role, Scope, Via
from crm.kernel.clock import now
from crm.kernel.errors import (
    DuplicateRecord,
    Forbidden,
    InvalidInput,
    InvalidTransition,
    NotFound,
    VersionConflict,
)
from crm.kernel.ids import Kind, encode, uuid7
from crm.kernel.models import OutboxJob

pytestmark = pytest.mark.usefixtures("db")

GOOD = "three green bottles"


async def snapshot() -> list[Any]:
    """Everything a refusal must leave alone."""
    tables = (User, UnitMembership, Login, ApiToken, HistoryEntry, OutboxJob)
    return [[dict(row) for row in await table.all().order_by("id")] for table in tables]


async def new_user(actor: Actor, **fields: Any) -> User:
    given = {"email": "bob@kith.example", "name": "Bob", "role": Role.AGENT, "password": GOOD} | fields
    return await users.create_user(actor=actor, **given)


async def test_a_new_user_can_log_in_and_works_in_their_units() -> None:
    admin, north, south = await make_user(Role.ADMIN), await make_unit(), await make_unit()

    user = await new_user(admin.actor, email=" Bob@Kith.example", name=" Bob ", unit_ids=[north.id, south.id])

    assert (user.email, user.name, user.role, user.active, user.version) == (
        *("Bob@Kith.example", "Bob", Role.AGENT, True),
        1,
    )
    issued = await logins.log_in(email="bob@kith.example", password=GOOD)
    actor = await logins.actor_for_token(issued.access_token)
    assert actor is not None
    assert actor.unit_ids == {north.id, south.id}
    entry = await HistoryEntry.get()
    assert (entry.action, entry.subject_kind, entry.subject_id) == ("create", "usr", user.id)
    assert (entry.user_id, entry.actor_name, entry.via) == (admin.user.id, admin.user.name, Via.API)
    told = {change["field"]: change["after"] for change in entry.changes}
    assert told["role"] == "AGENT"
    assert set(told["unit_ids"]) == {encode(Kind.BUSINESS_UNIT, unit.id) for unit in (north, south)}
    assert GOOD not in str(entry.changes)
    assert "argon2" not in str(entry.changes)
    assert [job.payload["type"] for job in await OutboxJob.all()] == ["UserChanged"]


async def test_everything_wrong_with_a_new_user_is_said_at_once() -> None:
    admin = await make_user(Role.ADMIN)
    before = await snapshot()

    with pytest.raises(InvalidInput) as refusal:
        await new_user(admin.actor, email="nowhere", name="\x00", password="short")

    assert [(p.path, p.code) for p in refusal.value.problems] == [
        (("email",), "INVALID_EMAIL"),
        (("name",), "CONTROL_CHARACTERS"),
        (("password",), "PASSWORD_TOO_SHORT"),
    ]
    assert await snapshot() == before


async def test_an_e_mail_belongs_to_one_user_in_any_case() -> None:
    admin = await make_user(Role.ADMIN)
    bob = await new_user(admin.actor)
    before = await snapshot()

    with pytest.raises(DuplicateRecord) as refusal:
        await new_user(admin.actor, email="BOB@kith.example")

    assert (refusal.value.path, refusal.value.existing_id) == (("email",), bob.id)
    assert await snapshot() == before


async def test_of_two_users_created_at_once_with_one_e_mail_one_wins() -> None:
    admin = await make_user(Role.ADMIN)

    answers = await asyncio.gather(*(new_user(admin.actor) for _ in range(5)), return_exceptions=True)

    winner = await User.get(email="bob@kith.example")
    refusals = [answer for answer in answers if isinstance(answer, DuplicateRecord)]
    assert len(refusals) == 4
    assert {refusal.existing_id for refusal in refusals} == {winner.id}


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AGENT, Role.ANALYST])
async def test_only_admins_manage_users(role: Role) -> None:
    person, other = await make_user(role), await make_user()
    await refuses_everything(person.actor, other)


@pytest.mark.parametrize("scope", list(Scope))
async def test_an_admins_token_does_not_manage_users(scope: Scope) -> None:
    admin, other = await make_user(Role.ADMIN), await make_user()
    await refuses_everything(Actor(admin.user.id, "script", Role.ADMIN, scope=scope, token_id=uuid7()), other)


async def refuses_everything(actor: Actor, other: Person) -> None:
    before, key = await snapshot(), other.user.id
    attempts = [
        new_user(actor),
        users.update_user(actor=actor, user_id=key, expected_version=1, role=Role.ADMIN),
        users.deactivate_user(actor=actor, user_id=key),
        users.reactivate_user(actor=actor, user_id=key),
        users.set_user_units(actor=actor, user_id=key, unit_ids=[]),
    ]

    for attempt in attempts:
        with pytest.raises(Forbidden):
            await attempt

    assert await snapshot() == before


async def test_an_update_changes_what_is_given_and_tells_the_history() -> None:
    admin, bob = await make_user(Role.ADMIN), await make_user(name="Bob", email="bob@kith.example")

    user = await users.update_user(
        actor=admin.actor, user_id=bob.user.id, expected_version=1, name="Robert", role=Role.MANAGER
    )

    assert (user.name, user.role, user.email, user.version) == ("Robert", Role.MANAGER, "bob@kith.example", 2)
    assert dict(await User.get(id=bob.user.id)) == dict(user)
    entry = await HistoryEntry.get()
    assert entry.action == "update"
    assert entry.changes == [
        {"field": "name", "before": "Bob", "after": "Robert"},
        {"field": "role", "before": "AGENT", "after": "MANAGER"},
    ]
    actor = await logins.actor_for_token(bob.token)
    assert actor is not None
    assert actor.role is Role.MANAGER


async def test_an_update_without_a_difference_changes_nothing() -> None:
    admin, bob = await make_user(Role.ADMIN), await make_user()
    before = await snapshot()

    await users.update_user(actor=admin.actor, user_id=bob.user.id, expected_version=1, name=bob.user.name)

    assert await snapshot() == before


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"expected_version": 2, "name": "Robert"}, VersionConflict),
        ({"user_id": uuid4(), "name": "Robert"}, NotFound),
        ({"name": "  "}, InvalidInput),
        ({"email": "taken@kith.example"}, DuplicateRecord),
    ],
)
async def test_an_update_is_refused_whole(fields: dict[str, Any], error: type[Exception]) -> None:
    admin, bob = await make_user(Role.ADMIN), await make_user()
    await make_user(email="Taken@kith.example")
    before = await snapshot()

    with pytest.raises(error):
        await users.update_user(
            **{"actor": admin.actor, "user_id": bob.user.id, "expected_version": 1, "role": Role.ANALYST}
            | fields
        )

    assert await snapshot() == before


async def test_deactivating_shuts_a_user_out_at_once() -> None:
    admin, bob = await make_user(Role.ADMIN), await make_user()
    script = await create_token(actor=bob.actor, name="report", expires_at=now().replace(year=now().year + 1))

    user = await users.deactivate_user(actor=admin.actor, user_id=bob.user.id)

    assert not user.active
    assert await logins.actor_for_token(bob.token) is None
    assert await logins.actor_for_token(script.secret) is None
    assert await logins.renewed(bob.actor) is None
    assert (await HistoryEntry.filter(subject_kind="usr").get()).changes == [
        {"field": "active", "before": True, "after": False}
    ]


async def test_reactivating_brings_back_the_user_but_no_old_login_or_token() -> None:
    admin, bob = await make_user(Role.ADMIN), await make_user()
    script = await create_token(actor=bob.actor, name="report", expires_at=now().replace(year=now().year + 1))
    await users.deactivate_user(actor=admin.actor, user_id=bob.user.id)

    user = await users.reactivate_user(actor=admin.actor, user_id=bob.user.id)

    assert user.active
    assert await logins.actor_for_token(bob.token) is None
    assert await logins.actor_for_token(script.secret) is None


async def test_deactivating_and_reactivating_each_have_their_state() -> None:
    admin, bob, gone = await make_user(Role.ADMIN), await make_user(), await make_user(active=False)
    before = await snapshot()

    with pytest.raises(InvalidTransition):
        await users.reactivate_user(actor=admin.actor, user_id=bob.user.id)
    with pytest.raises(InvalidTransition):
        await users.deactivate_user(actor=admin.actor, user_id=gone.user.id)
    for change in (users.deactivate_user, users.reactivate_user):
        with pytest.raises(NotFound):
            await change(actor=admin.actor, user_id=uuid4())

    assert await snapshot() == before


async def test_the_last_active_admin_stays() -> None:
    admin = await make_user(Role.ADMIN)
    await make_user(Role.ADMIN, active=False)
    before = await snapshot()

    with pytest.raises(LastAdmin):
        await users.deactivate_user(actor=admin.actor, user_id=admin.user.id)
    with pytest.raises(LastAdmin):
        await users.update_user(
            actor=admin.actor, user_id=admin.user.id, expected_version=1, role=Role.MANAGER
        )

    assert await snapshot() == before


async def test_admins_who_demote_each_other_at_once_leave_one() -> None:
    for _ in range(5):
        one, two = await make_user(Role.ADMIN), await make_user(Role.ADMIN)

        answers = await asyncio.gather(
            users.update_user(actor=one.actor, user_id=two.user.id, expected_version=1, role=Role.AGENT),
            users.deactivate_user(actor=two.actor, user_id=one.user.id),
            return_exceptions=True,
        )

        assert sum(isinstance(answer, LastAdmin) for answer in answers) == 1
        assert await User.filter(role=Role.ADMIN, active=True).count() == 1
        await User.all().update(active=False)


async def test_memberships_are_set_as_a_whole() -> None:
    admin, old, kept, new = (
        await make_user(Role.ADMIN),
        await make_unit(),
        await make_unit(),
        await make_unit(),
    )
    bob = await make_user(Role.AGENT, [old, kept])

    user = await users.set_user_units(
        actor=admin.actor, user_id=bob.user.id, unit_ids=[kept.id, new.id, new.id]
    )

    assert user.version == 2
    actor = await logins.actor_for_token(bob.token)
    assert actor is not None
    assert actor.unit_ids == {kept.id, new.id}
    (change,) = (await HistoryEntry.get()).changes
    assert set(change["before"]) == {encode(Kind.BUSINESS_UNIT, unit.id) for unit in (old, kept)}
    assert set(change["after"]) == {encode(Kind.BUSINESS_UNIT, unit.id) for unit in (kept, new)}
    before = await snapshot()
    await users.set_user_units(actor=admin.actor, user_id=bob.user.id, unit_ids=[new.id, kept.id])
    assert await snapshot() == before


async def test_a_manager_of_customers_stays_in_their_unit() -> None:
    admin, north, south = await make_user(Role.ADMIN), await make_unit(name="North"), await make_unit()
    bob = await make_user(Role.AGENT, [north, south])
    await make_live_customer(unit=north, manager=bob.user)
    await make_live_customer(unit=north, manager=bob.user)
    before = await snapshot()

    with pytest.raises(UserManagesCustomers) as refusal:
        await users.set_user_units(actor=admin.actor, user_id=bob.user.id, unit_ids=[])

    assert refusal.value.units == ("North",)
    assert refusal.value.path == ("unitIds",)
    assert "Give them another manager first" in refusal.value.message
    assert await snapshot() == before
    await users.set_user_units(actor=admin.actor, user_id=bob.user.id, unit_ids=[north.id])


async def test_nobody_joins_an_archived_or_unknown_unit() -> None:
    admin, bob, closed = await make_user(Role.ADMIN), await make_user(), await make_unit(archived_at=now())
    before = await snapshot()

    with pytest.raises(UnitArchived):
        await users.set_user_units(actor=admin.actor, user_id=bob.user.id, unit_ids=[closed.id])
    with pytest.raises(InvalidInput) as refusal:
        await users.set_user_units(actor=admin.actor, user_id=bob.user.id, unit_ids=[uuid4()])
    with pytest.raises(UnitArchived):
        await new_user(admin.actor, unit_ids=[closed.id])
    with pytest.raises(NotFound):
        await users.set_user_units(actor=admin.actor, user_id=uuid4(), unit_ids=[])

    assert refusal.value.problems[0].path == ("unitIds",)
    assert await snapshot() == before


async def test_a_membership_of_an_archived_unit_may_stay() -> None:
    admin, closed, new = await make_user(Role.ADMIN), await make_unit(archived_at=now()), await make_unit()
    bob = await make_user(Role.AGENT, [closed])

    await users.set_user_units(actor=admin.actor, user_id=bob.user.id, unit_ids=[closed.id, new.id])

    assert await UnitMembership.filter(user_id=bob.user.id).count() == 2


async def test_the_first_admin_is_made_once() -> None:
    admin, is_new = await users.create_admin(email="root@kith.example", name="Ann", password=GOOD)
    before = await snapshot()

    again, is_new_again = await users.create_admin(
        email="Root@kith.example", name="Else", password="another good one"
    )

    assert (is_new, is_new_again) == (True, False)
    assert again.id == admin.id
    assert await snapshot() == before
    assert (await HistoryEntry.get()).via is Via.SYSTEM
    assert (await logins.log_in(email="root@kith.example", password=GOOD)).user.role is Role.ADMIN


@pytest.mark.parametrize("fields", [{"role": Role.AGENT}, {"role": Role.ADMIN, "active": False}])
async def test_the_first_admin_cannot_take_over_another_user(fields: dict[str, Any]) -> None:
    await make_user(**fields, email="root@kith.example")
    before = await snapshot()

    with pytest.raises(DuplicateRecord):
        await users.create_admin(email="root@kith.example", name="Ann", password=GOOD)

    assert await snapshot() == before
