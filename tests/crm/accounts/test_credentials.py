"""Changing one's own password, and an admin's reset."""

from typing import Any
from uuid import uuid4

import pytest
from factories import PASSWORD, Person, make_user

from crm.accounts import credentials, logins, passwords, throttle
from crm.accounts.errors import TooManyAttempts, WrongCredentials
from crm.accounts.models import Login, User
from crm.audit.models import HistoryEntry
from crm.kernel.actor import Actor, Role
from crm.kernel.errors import Forbidden, InvalidInput, NotFound
from crm.kernel.ids import uuid7
from crm.kernel.models import OutboxJob
from crm.kernel.transaction import transaction

pytestmark = pytest.mark.usefixtures("db")

NEW = "three green bottles"


async def ann() -> Person:
    return await make_user(
        email="ann@kith.example", name="Ann Lee", password_hash=await passwords.pool().hash(PASSWORD)
    )


async def snapshot() -> list[Any]:
    """Everything a refusal must leave alone."""
    tables = (User, Login, HistoryEntry, OutboxJob)
    return [[dict(row) for row in await table.all().order_by("id")] for table in tables]


async def test_a_new_password_counts_at_once_and_ends_the_other_logins() -> None:
    person = await ann()
    elsewhere = await logins.log_in(email="ann@kith.example", password=PASSWORD)

    await credentials.change_password(actor=person.actor, current_password=PASSWORD, new_password=NEW)

    assert await logins.actor_for_token(person.token) is not None
    assert await logins.actor_for_token(elsewhere.access_token) is None
    with pytest.raises(WrongCredentials):
        await logins.log_in(email="ann@kith.example", password=PASSWORD)
    await logins.log_in(email="ann@kith.example", password=NEW)
    entry = await HistoryEntry.get()
    assert (entry.action, entry.changes) == ("change_password", [])


@pytest.mark.parametrize(
    ("current", "new", "problem"),
    [
        ("not the right one", NEW, ("currentPassword", "WRONG_PASSWORD")),
        (PASSWORD, "short", ("newPassword", "PASSWORD_TOO_SHORT")),
        (PASSWORD, "ann@kith.example", ("newPassword", "PASSWORD_IS_PERSONAL")),
    ],
)
async def test_a_change_is_refused_whole(current: str, new: str, problem: tuple[str, str]) -> None:
    person = await ann()
    before = await snapshot()

    with pytest.raises(InvalidInput) as refusal:
        await credentials.change_password(actor=person.actor, current_password=current, new_password=new)

    assert [(*p.path, p.code) for p in refusal.value.problems] == [problem]
    assert await snapshot() == before


async def test_a_borrowed_session_is_no_place_to_guess_from() -> None:
    person = await ann()
    for _ in range(throttle.FREE_ATTEMPTS):
        with pytest.raises(InvalidInput):
            await credentials.change_password(actor=person.actor, current_password="guess", new_password=NEW)
    before = await snapshot()

    with pytest.raises(TooManyAttempts):
        await credentials.change_password(actor=person.actor, current_password=PASSWORD, new_password=NEW)

    assert await snapshot() == before


async def test_a_change_counts_guesses_for_good_so_it_allows_no_transaction_around_it() -> None:
    person = await ann()

    async with transaction():
        with pytest.raises(RuntimeError):
            await credentials.change_password(actor=person.actor, current_password="guess", new_password=NEW)


async def test_an_api_token_changes_no_password() -> None:
    person = await ann()
    script = Actor(person.user.id, "script", Role.ADMIN, token_id=uuid7())
    before = await snapshot()

    with pytest.raises(Forbidden):
        await credentials.change_password(actor=script, current_password=PASSWORD, new_password=NEW)
    with pytest.raises(Forbidden):
        await credentials.reset_password(actor=script, user_id=person.user.id, new_password=NEW)

    assert await snapshot() == before


async def test_an_admins_reset_ends_every_login_and_the_pause() -> None:
    admin, person = await make_user(Role.ADMIN), await ann()
    for _ in range(throttle.FREE_ATTEMPTS):
        with pytest.raises(WrongCredentials):
            await logins.log_in(email="ann@kith.example", password="forgotten it")

    await credentials.reset_password(actor=admin.actor, user_id=person.user.id, new_password=NEW)

    assert await logins.actor_for_token(person.token) is None
    assert await logins.actor_for_token(admin.token) is not None
    await logins.log_in(email="ann@kith.example", password=NEW)
    entry = await HistoryEntry.get()
    assert (entry.action, entry.user_id, entry.changes) == ("reset_password", admin.user.id, [])


async def test_a_reset_is_refused_whole() -> None:
    admin, person, manager = await make_user(Role.ADMIN), await ann(), await make_user(Role.MANAGER)
    before = await snapshot()

    with pytest.raises(InvalidInput):
        await credentials.reset_password(
            actor=admin.actor, user_id=person.user.id, new_password="ann lee ann"
        )
    with pytest.raises(NotFound):
        await credentials.reset_password(actor=admin.actor, user_id=uuid4(), new_password=NEW)
    with pytest.raises(Forbidden):
        await credentials.reset_password(actor=manager.actor, user_id=person.user.id, new_password=NEW)

    assert await snapshot() == before
