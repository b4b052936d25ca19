"""Logging in, refreshing, logging out; and who is behind a token, from one moment to the next."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from factories import PASSWORD, Person, make_unit, make_user
from tortoise.connection import get_connection

from crm.accounts import logins, passwords, throttle
from crm.accounts.errors import LoginEnded, TooManyAttempts, WrongCredentials
from crm.accounts.models import Login, LoginAttempt, Transport, UnitMembership, User
from crm.kernel.actor import Actor, Role, Scope
from crm.kernel.clock import now
from crm.kernel.errors import Forbidden
from crm.kernel.ids import uuid7
from crm.kernel.models import OutboxJob
from crm.kernel.transaction import transaction

pytestmark = pytest.mark.usefixtures("db")


async def ann(**fields: Any) -> Person:
    """A user with a password, and no login yet."""
    given = {"email": "Ann@kith.example", "password_hash": await passwords.pool().hash(PASSWORD)} | fields
    person = await make_user(Role.AGENT, [await make_unit()], **given)
    await Login.all().delete()
    return person


async def wrong(email: str, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(WrongCredentials):
            await logins.log_in(email=email, password="not the right one")


async def age(table: str, **columns: str) -> None:
    """Moves timestamps of all rows by intervals: time passes for the database alone."""
    moves = ", ".join(f"{column} = {column} - interval '{interval}'" for column, interval in columns.items())
    await get_connection("default").execute_query(f"update {table} set {moves}")  # noqa: S608  our own names


async def test_logging_in_gives_two_tokens_of_which_only_hashes_are_kept() -> None:
    person = await ann()

    issued = await logins.log_in(email=" ann@KITH.example ", password=PASSWORD, user_agent="Firefox\n\x00 1")

    login = await Login.get()
    assert issued.user.id == login.user_id == person.user.id
    assert issued.access_token.startswith("kith_at_")
    assert issued.refresh_token is not None
    assert issued.refresh_token.startswith("kith_rt_")
    assert timedelta(minutes=14) < issued.access_expires_at - now() <= timedelta(minutes=15)
    assert timedelta(days=29) < issued.refresh_expires_at - now() <= timedelta(days=30)
    assert (login.access_hash, login.refresh_hash) == (
        logins.digest(issued.access_token),
        logins.digest(issued.refresh_token),
    )
    assert login.user_agent == "Firefox 1"
    assert issued.access_token not in repr(issued)
    assert issued.refresh_token not in repr(issued)


async def test_a_browser_gets_one_long_token_and_none_to_refresh_with() -> None:
    await ann()

    issued = await logins.log_in(email="ann@kith.example", password=PASSWORD, transport=Transport.COOKIE)

    assert issued.refresh_token is None
    assert issued.access_expires_at == issued.refresh_expires_at
    assert issued.access_expires_at - now() > timedelta(days=29)
    assert await logins.actor_for_token(issued.access_token) is not None


async def test_a_token_stands_for_its_user_with_role_and_units() -> None:
    person = await ann()
    issued = await logins.log_in(email="ann@kith.example", password=PASSWORD)

    actor = await logins.actor_for_token(issued.access_token)

    unit = await UnitMembership.get()
    assert actor == Actor(
        user_id=person.user.id,
        name=person.user.name,
        role=Role.AGENT,
        unit_ids=frozenset({unit.unit_id}),
        scope=Scope.WRITE,
        login_id=issued.login_id,
    )


@pytest.mark.parametrize(
    "token",
    ["", "kith_at_", "kith_at_unknown", "kith_pat_unknown", "Bearer x", "\ud800", "kith_at_\x00\ud800"],
)
async def test_nobody_is_behind_a_made_up_token(token: str) -> None:
    assert await logins.actor_for_token(token) is None


async def test_a_refresh_token_stands_for_nobody() -> None:
    await ann()
    issued = await logins.log_in(email="ann@kith.example", password=PASSWORD)
    assert issued.refresh_token is not None

    assert await logins.actor_for_token(issued.refresh_token) is None


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ann@kith.example", "not the right one"),
        ("ann@kith.example", ""),
        ("ann@kith.example", PASSWORD + " "),
        ("ann@kith.example", "\ud800" * 20),
        ("ann@kith.example", "x" * 100_000),
        ("nobody@kith.example", PASSWORD),
        ("no address", PASSWORD),
        ("ann\x00@kith.example", PASSWORD),
        ("\ud800@kith.example", PASSWORD),
        ("", ""),
    ],
)
async def test_wrong_credentials_are_refused_alike_and_begin_no_login(email: str, password: str) -> None:
    await ann()
    before = passwords.pool().verified

    with pytest.raises(WrongCredentials) as refusal:
        await logins.log_in(email=email, password=password)

    assert refusal.value.message == "The e-mail address or the password is wrong."
    assert passwords.pool().verified == before + 1
    assert await Login.all().count() == 0


async def test_an_inactive_user_is_refused_like_an_unknown_one() -> None:
    await ann(active=False)
    before = passwords.pool().verified

    with pytest.raises(WrongCredentials):
        await logins.log_in(email="ann@kith.example", password=PASSWORD)

    assert passwords.pool().verified == before + 1
    assert await Login.all().count() == 0


async def test_a_hash_of_older_parameters_is_renewed_at_log_in() -> None:
    old = passwords.PasswordPool(passwords.PasswordHasher(time_cost=2, memory_cost=128, parallelism=1))
    person = await ann(password_hash=await old.hash(PASSWORD))

    await logins.log_in(email="ann@kith.example", password=PASSWORD)

    renewed = (await User.get(id=person.user.id)).password_hash
    assert renewed != person.user.password_hash
    assert not passwords.pool().outdated(renewed)
    await logins.log_in(email="ann@kith.example", password=PASSWORD)
    assert (await User.get(id=person.user.id)).password_hash == renewed


async def test_the_access_token_ends_with_its_time() -> None:
    await ann()
    issued = await logins.log_in(email="ann@kith.example", password=PASSWORD)

    await age("login", access_expires_at="16 minutes")

    assert await logins.actor_for_token(issued.access_token) is None


async def test_a_change_of_role_or_units_counts_from_the_next_request() -> None:
    person = await ann()
    issued = await logins.log_in(email="ann@kith.example", password=PASSWORD)

    await User.filter(id=person.user.id).update(role=Role.MANAGER)
    await UnitMembership.all().delete()

    actor = await logins.actor_for_token(issued.access_token)
    assert actor is not None
    assert (actor.role, actor.unit_ids) == (Role.MANAGER, frozenset())
    await User.filter(id=person.user.id).update(active=False)
    assert await logins.actor_for_token(issued.access_token) is None


async def test_refreshing_gives_new_tokens_of_the_same_family() -> None:
    await ann()
    first = await logins.log_in(email="ann@kith.example", password=PASSWORD)
    assert first.refresh_token is not None

    second = await logins.refresh(refresh_token=first.refresh_token, user_agent="App 2")

    assert second.refresh_token not in {None, first.refresh_token}
    assert await logins.actor_for_token(second.access_token) is not None
    assert await logins.actor_for_token(first.access_token) is not None  # requests on their way still arrive
    families = await Login.all().order_by("id").values_list("family", "user_agent")
    assert [agent for _, agent in families] == ["", "App 2"]
    assert len({family for family, _ in families}) == 1


async def test_a_refresh_token_used_twice_ends_the_whole_family_and_no_other() -> None:
    await ann()
    other = await logins.log_in(email="ann@kith.example", password=PASSWORD)
    first = await logins.log_in(email="ann@kith.example", password=PASSWORD)
    assert first.refresh_token is not None
    second = await logins.refresh(refresh_token=first.refresh_token)
    assert second.refresh_token is not None

    with pytest.raises(LoginEnded):
        await logins.refresh(refresh_token=first.refresh_token)

    assert await logins.actor_for_token(first.access_token) is None
    assert await logins.actor_for_token(second.access_token) is None
    with pytest.raises(LoginEnded):
        await logins.refresh(refresh_token=second.refresh_token)
    assert await Login.all().count() == 3
    assert await logins.actor_for_token(other.access_token) is not None
    assert [job.payload["type"] for job in await OutboxJob.all()] == ["AccessChanged"]


async def test_of_twenty_refreshes_at_once_exactly_one_gets_a_child() -> None:
    await ann()
    issued = await logins.log_in(email="ann@kith.example", password=PASSWORD)
    assert issued.refresh_token is not None

    answers = await asyncio.gather(
        *(logins.refresh(refresh_token=issued.refresh_token) for _ in range(20)), return_exceptions=True
    )

    assert sum(isinstance(answer, logins.Issued) for answer in answers) == 1
    assert sum(isinstance(answer, LoginEnded) for answer in answers) == 19
    assert await Login.all().count() == 2
    assert await Login.filter(revoked_at=None).count() == 0


@pytest.mark.parametrize("columns", [{"refresh_expires_at": "31 days"}])
async def test_an_expired_refresh_token_is_refused(columns: dict[str, str]) -> None:
    await ann()
    issued = await logins.log_in(email="ann@kith.example", password=PASSWORD)
    assert issued.refresh_token is not None
    await age("login", **columns)

    with pytest.raises(LoginEnded):
        await logins.refresh(refresh_token=issued.refresh_token)

    assert await Login.filter(refreshed_at=None).count() == 1


async def test_an_inactive_user_refreshes_nothing() -> None:
    person = await ann()
    issued = await logins.log_in(email="ann@kith.example", password=PASSWORD)
    assert issued.refresh_token is not None
    await User.filter(id=person.user.id).update(active=False)

    with pytest.raises(LoginEnded):
        await logins.refresh(refresh_token=issued.refresh_token)

    assert await Login.filter(refreshed_at=None).count() == 1


@pytest.mark.parametrize("token", ["", "kith_rt_unknown", "\ud800"])
async def test_an_unknown_refresh_token_is_refused(token: str) -> None:
    with pytest.raises(LoginEnded):
        await logins.refresh(refresh_token=token)


async def test_a_cookie_login_has_no_refresh_token_to_guess() -> None:
    await ann()
    issued = await logins.log_in(email="ann@kith.example", password=PASSWORD, transport=Transport.COOKIE)

    with pytest.raises(LoginEnded):
        await logins.refresh(refresh_token=issued.access_token)

    assert await logins.actor_for_token(issued.access_token) is not None


async def test_logging_out_ends_this_family_at_once_and_no_other() -> None:
    await ann()
    here = await logins.log_in(email="ann@kith.example", password=PASSWORD)
    there = await logins.log_in(email="ann@kith.example", password=PASSWORD)
    assert here.refresh_token is not None
    newer = await logins.refresh(refresh_token=here.refresh_token)
    actor = await logins.actor_for_token(here.access_token)
    assert actor is not None

    await logins.log_out(actor=actor)

    assert await logins.actor_for_token(here.access_token) is None
    assert await logins.actor_for_token(newer.access_token) is None
    assert await logins.renewed(actor) is None
    assert await logins.actor_for_token(there.access_token) is not None
    await logins.log_out(actor=actor)
    assert await OutboxJob.all().count() == 1


async def test_logging_out_while_refreshing_leaves_nothing_alive() -> None:
    await ann()
    for _ in range(5):
        issued = await logins.log_in(email="ann@kith.example", password=PASSWORD)
        assert issued.refresh_token is not None
        actor = await logins.actor_for_token(issued.access_token)
        assert actor is not None

        await asyncio.gather(
            logins.refresh(refresh_token=issued.refresh_token),
            logins.log_out(actor=actor),
            return_exceptions=True,
        )

        assert await Login.filter(revoked_at=None).count() == 0


async def test_logging_out_everywhere_ends_all_logins_of_this_user_only() -> None:
    person, bystander = await ann(), await make_user()
    issued = [await logins.log_in(email="ann@kith.example", password=PASSWORD) for _ in range(3)]
    actor = await logins.actor_for_token(issued[0].access_token)
    assert actor is not None

    await logins.log_out_everywhere(actor=actor)

    assert [await logins.actor_for_token(each.access_token) for each in issued] == [None, None, None]
    assert await Login.filter(user_id=person.user.id, revoked_at=None).count() == 0
    assert await logins.actor_for_token(bystander.token) is not None


async def test_an_app_logs_out_with_the_refresh_token_alone() -> None:
    await ann()
    issued = await logins.log_in(email="ann@kith.example", password=PASSWORD)
    assert issued.refresh_token is not None
    await age("login", access_expires_at="16 minutes")

    await logins.log_out_with(refresh_token=issued.refresh_token)
    await logins.log_out_with(refresh_token="kith_rt_unknown")

    with pytest.raises(LoginEnded):
        await logins.refresh(refresh_token=issued.refresh_token)
    assert await Login.filter(revoked_at=None).count() == 0


async def test_an_api_token_cannot_log_its_user_out() -> None:
    person = await ann()
    issued = await logins.log_in(email="ann@kith.example", password=PASSWORD)
    script = Actor(person.user.id, "Ann", Role.ADMIN, token_id=uuid7())

    for end in (logins.log_out, logins.log_out_everywhere):
        with pytest.raises(Forbidden):
            await end(actor=script)

    assert await logins.actor_for_token(issued.access_token) is not None


async def test_an_open_connection_is_renewed_as_long_as_its_login_could_be() -> None:
    person = await ann()
    issued = await logins.log_in(email="ann@kith.example", password=PASSWORD)
    actor = await logins.actor_for_token(issued.access_token)
    assert actor is not None
    await age("login", access_expires_at="16 minutes")
    await User.filter(id=person.user.id).update(role=Role.ANALYST)

    renewed = await logins.renewed(actor)

    assert renewed is not None
    assert renewed.role is Role.ANALYST
    await age("login", refresh_expires_at="31 days")
    assert await logins.renewed(actor) is None


async def test_the_fifth_wrong_password_brings_a_pause_in_which_even_the_right_one_is_refused() -> None:
    await ann()
    await wrong("ann@kith.example", throttle.FREE_ATTEMPTS)
    before = passwords.pool().verified

    with pytest.raises(TooManyAttempts) as pause:
        await logins.log_in(email="ANN@kith.example", password=PASSWORD)

    assert pause.value.retry_at is not None
    assert timedelta(seconds=25) < pause.value.retry_at - now() <= timedelta(seconds=30)
    assert passwords.pool().verified == before
    assert await Login.all().count() == 0


async def test_pauses_double_up_to_a_quarter_of_an_hour() -> None:
    await wrong("ann@kith.example", throttle.FREE_ATTEMPTS)
    pauses = []
    for _ in range(7):
        pauses.append((await LoginAttempt.get()).blocked_until)
        await age("login_attempt", blocked_until="1 hour")
        await wrong("ann@kith.example")
    lengths = []
    for blocked_until in pauses:
        assert blocked_until is not None
        lengths.append(round((blocked_until - now()).total_seconds(), -1))

    assert lengths == [30, 60, 120, 240, 480, 900, 900]


async def test_after_the_pause_the_right_password_clears_the_count() -> None:
    await ann()
    await wrong("ann@kith.example", throttle.FREE_ATTEMPTS)
    await age("login_attempt", blocked_until="31 seconds")

    await logins.log_in(email="ann@kith.example", password=PASSWORD)

    assert await LoginAttempt.all().count() == 0


async def test_an_address_nobody_has_is_paused_alike() -> None:
    for email in ("nobody@kith.example", "no address at all"):
        await wrong(email, throttle.FREE_ATTEMPTS)

        with pytest.raises(TooManyAttempts):
            await logins.log_in(email=email, password=PASSWORD)


async def test_a_hundred_guesses_at_once_are_no_way_round_the_pause() -> None:
    await ann()
    before = passwords.pool().verified

    answers = await asyncio.gather(
        *(logins.log_in(email="ann@kith.example", password=f"guess number {n}") for n in range(100)),
        return_exceptions=True,
    )

    assert sum(isinstance(answer, WrongCredentials) for answer in answers) == throttle.FREE_ATTEMPTS
    assert sum(isinstance(answer, TooManyAttempts) for answer in answers) == 100 - throttle.FREE_ATTEMPTS
    assert passwords.pool().verified == before + throttle.FREE_ATTEMPTS


async def test_guesses_of_yesterday_are_forgotten() -> None:
    await ann()
    await wrong("ann@kith.example", throttle.FREE_ATTEMPTS)
    await wrong("somebody@kith.example")
    await age("login_attempt", last_at="25 hours", blocked_until="25 hours")

    await wrong("ann@kith.example")

    attempt = await LoginAttempt.get()
    assert (attempt.attempts, attempt.blocked_until) == (1, None)


async def test_what_was_typed_as_an_address_is_not_kept() -> None:
    await wrong("my secret password")

    attempt = await LoginAttempt.get()
    assert "secret" not in str(dict(attempt))
    assert len(attempt.email_hash) == 64


async def test_expired_logins_are_swept_when_their_user_logs_in() -> None:
    await ann()
    for _ in range(3):
        await logins.log_in(email="ann@kith.example", password=PASSWORD)
    await age("login", refresh_expires_at="31 days")

    issued = await logins.log_in(email="ann@kith.example", password=PASSWORD)

    assert (await Login.get()).id == issued.login_id


async def test_refusals_that_must_outlive_a_rollback_allow_no_transaction_around_them() -> None:
    async with transaction():
        with pytest.raises(RuntimeError):
            await logins.log_in(email="ann@kith.example", password=PASSWORD)
        with pytest.raises(RuntimeError):
            await logins.refresh(refresh_token="kith_rt_any")
