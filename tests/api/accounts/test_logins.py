"""Logging in and out through HTTP: tokens, cookies, refreshing, guessing, and what ends when."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from database_contents import contents
from factories import PASSWORD, Person, make_unit, make_user
from kith_client import GraphQLFailed, Kith

from api.auth import COOKIE
from crm.accounts.models import Login, User
from crm.accounts.passwords import pool
from crm.accounts.throttle import FREE_ATTEMPTS
from crm.kernel.actor import Role
from crm.kernel.clock import now

TOKENS = "accessToken accessExpiresAt refreshToken refreshExpiresAt viewer { email }"
VIEWER = "{ viewer { name email role scope permissions units { name } user { id name } id } }"
WHO = "{ viewer { email } }"
LOG_OUT = "mutation { logOut { errors { code } } }"
LOG_OUT_EVERYWHERE = "mutation { logOutEverywhere { errors { code } } }"
LOG_OUT_WITH = "mutation ($input: LogOutInput) { logOut(input: $input) { errors { code } } }"
CLIENT = {"x-kith-client": "test"}


async def make_person(role: Role = Role.AGENT, **fields: Any) -> Person:
    """Somebody with a password."""
    return await make_user(role, [await make_unit()], password_hash=await pool().hash(PASSWORD), **fields)


async def log_in(server: str, email: str, password: str = PASSWORD, **more: str) -> dict[str, Any]:
    given = {"email": email, "password": password, **more}
    return await Kith(server).mutate("logIn", "LogInInput", TOKENS, given)


async def refresh(server: str, token: str) -> dict[str, Any]:
    return await Kith(server).mutate("refreshLogin", "RefreshLoginInput", TOKENS, {"refreshToken": token})


async def who(server: str, token: str) -> str | None:
    viewer = (await Kith(server, token).graphql(WHO))["viewer"]
    return viewer["email"] if viewer else None


def codes(payload: dict[str, Any]) -> list[str]:
    return [error["code"] for error in payload["errors"]]


# The viewer


async def test_a_viewer_sees_their_own_role_permissions_and_units(server: str, db: None) -> None:
    north, south = await make_unit(name="North"), await make_unit(name="South")
    await make_unit(name="Elsewhere")
    person = await make_user(Role.AGENT, [south, north])

    viewer = (await Kith(server, person.token).graphql(VIEWER))["viewer"]

    assert viewer["units"] == [{"name": "North"}, {"name": "South"}]
    assert (viewer["role"], viewer["scope"]) == ("AGENT", "WRITE")
    assert viewer["user"] == {"id": viewer["id"], "name": viewer["name"]}
    assert {"CREATE", "EDIT_OWN"} <= set(viewer["permissions"])
    assert not {"EDIT_ANY", "MANAGE_USERS"} & set(viewer["permissions"])


async def test_an_admin_views_every_unit_without_being_a_member(server: str, db: None) -> None:
    for name in ("North", "South"):
        await make_unit(name=name)
    admin = await make_user(Role.ADMIN)

    viewer = (await Kith(server, admin.token).graphql(VIEWER))["viewer"]

    assert viewer["units"] == [{"name": "North"}, {"name": "South"}]
    assert "MANAGE_USERS" in viewer["permissions"]


# Tokens


async def test_logging_in_answers_with_tokens_that_work_and_say_how_long(server: str, db: None) -> None:
    person = await make_person()

    login = await log_in(server, person.user.email)

    assert codes(login) == []
    assert login["viewer"] == {"email": person.user.email}
    assert login["accessExpiresAt"] < login["refreshExpiresAt"]
    assert await who(server, login["accessToken"]) == person.user.email
    assert await who(server, login["refreshToken"]) is None


@pytest.mark.parametrize("email", ["nobody@kith.example", "no address", ""])
async def test_who_may_not_log_in_learns_nothing_from_it(server: str, db: None, email: str) -> None:
    person = await make_person()
    idle = await make_person(active=False)
    before = await contents(without=("login_attempt",))

    answers = [
        await log_in(server, person.user.email, "wrong wrong wrong"),
        await log_in(server, idle.user.email),
        await log_in(server, email),
    ]

    assert answers[0] == answers[1] == answers[2]
    assert codes(answers[0]) == ["WRONG_CREDENTIALS"]
    assert answers[0]["accessToken"] is None
    assert await contents(without=("login_attempt",)) == before


async def test_too_many_guesses_are_told_to_wait_even_with_the_right_password(server: str, db: None) -> None:
    person = await make_person()
    for _ in range(FREE_ATTEMPTS):
        assert codes(await log_in(server, person.user.email, "wrong wrong wrong")) == ["WRONG_CREDENTIALS"]
    before = await contents(without=("login_attempt",))

    refused = await log_in(server, person.user.email)

    assert codes(refused) == ["RATE_LIMITED"]
    assert "Try again after" in refused["errors"][0]["message"]
    assert refused["accessToken"] is None
    assert await contents(without=("login_attempt",)) == before


async def test_a_refreshed_login_has_new_tokens_and_the_old_refresh_token_is_spent(
    server: str, db: None
) -> None:
    person = await make_person()
    first = await log_in(server, person.user.email)

    second = await refresh(server, first["refreshToken"])

    assert codes(second) == []
    assert second["viewer"] == {"email": person.user.email}
    tokens = {login[kind] for login in (first, second) for kind in ("accessToken", "refreshToken")}
    assert len(tokens) == 4
    assert await who(server, second["accessToken"]) == person.user.email


async def test_a_refresh_token_used_twice_ends_the_whole_login(server: str, db: None) -> None:
    person = await make_person()
    other = await log_in(server, person.user.email)
    first = await log_in(server, person.user.email)
    second = await refresh(server, first["refreshToken"])

    stolen = await refresh(server, first["refreshToken"])

    assert codes(stolen) == ["UNAUTHENTICATED"]
    assert stolen["accessToken"] is None
    assert await who(server, second["accessToken"]) is None
    assert codes(await refresh(server, second["refreshToken"])) == ["UNAUTHENTICATED"]
    assert await who(server, other["accessToken"]) == person.user.email


@pytest.mark.parametrize("token", ["", "kith_rt_unknown", "kith_at_unknown"])
async def test_an_unknown_refresh_token_renews_nothing(server: str, db: None, token: str) -> None:
    await make_person()
    before = await contents()

    assert codes(await refresh(server, token)) == ["UNAUTHENTICATED"]

    assert await contents() == before


async def test_an_expired_access_token_is_nobodys_and_its_login_can_still_be_refreshed(
    server: str, db: None
) -> None:
    person = await make_person()
    login = await log_in(server, person.user.email)
    await Login.all().update(access_expires_at=now() - timedelta(seconds=1))

    assert await who(server, login["accessToken"]) is None

    renewed = await refresh(server, login["refreshToken"])
    assert await who(server, renewed["accessToken"]) == person.user.email


async def test_an_expired_refresh_token_renews_nothing(server: str, db: None) -> None:
    person = await make_person()
    login = await log_in(server, person.user.email)
    await Login.all().update(refresh_expires_at=now() - timedelta(seconds=1))
    before = await contents()

    assert codes(await refresh(server, login["refreshToken"])) == ["UNAUTHENTICATED"]

    assert await contents() == before


# Logging out


async def test_logging_out_ends_this_login_at_once_and_no_other(server: str, db: None) -> None:
    person = await make_person()
    here, there = await log_in(server, person.user.email), await log_in(server, person.user.email)

    answer = await Kith(server, here["accessToken"]).graphql(LOG_OUT)

    assert answer == {"logOut": {"errors": []}}
    assert await who(server, here["accessToken"]) is None
    assert codes(await refresh(server, here["refreshToken"])) == ["UNAUTHENTICATED"]
    assert await who(server, there["accessToken"]) == person.user.email


async def test_logging_out_everywhere_ends_all_logins_of_this_person_only(server: str, db: None) -> None:
    person, other = await make_person(), await make_person()
    here, there = await log_in(server, person.user.email), await log_in(server, person.user.email)

    answer = await Kith(server, here["accessToken"]).graphql(LOG_OUT_EVERYWHERE)

    assert answer == {"logOutEverywhere": {"errors": []}}
    assert [await who(server, login["accessToken"]) for login in (here, there)] == [None, None]
    assert await who(server, other.token) == other.user.email


async def test_an_app_whose_access_token_expired_ends_its_login_by_the_refresh_token(
    server: str, db: None
) -> None:
    person = await make_person()
    here, there = await log_in(server, person.user.email), await log_in(server, person.user.email)

    given = {"input": {"refreshToken": here["refreshToken"]}}
    answer = await Kith(server).graphql(LOG_OUT_WITH, given)

    assert answer == {"logOut": {"errors": []}}
    assert await who(server, here["accessToken"]) is None
    assert codes(await refresh(server, here["refreshToken"])) == ["UNAUTHENTICATED"]
    assert await who(server, there["accessToken"]) == person.user.email


async def test_logging_out_by_an_unknown_refresh_token_changes_nothing(server: str, db: None) -> None:
    await make_person()
    before = await contents()

    answer = await Kith(server).graphql(LOG_OUT_WITH, {"input": {"refreshToken": "kith_rt_unknown"}})

    assert answer == {"logOut": {"errors": []}}
    assert await contents() == before


async def test_nobody_cannot_log_out(server: str, db: None) -> None:
    assert await Kith(server).graphql(LOG_OUT) == {"logOut": {"errors": [{"code": "UNAUTHENTICATED"}]}}
    with pytest.raises(GraphQLFailed) as refusal:
        await Kith(server).graphql(LOG_OUT_EVERYWHERE)
    assert refusal.value.codes == ["UNAUTHENTICATED"]


# The browser's cookie


async def test_a_browser_logs_in_reads_and_logs_out_by_its_cookie(server: str, db: None) -> None:
    person = await make_person()
    document = f"mutation ($input: LogInInput!) {{ logIn(input: $input) {{ {TOKENS} errors {{ code }} }} }}"
    given = {"email": person.user.email, "password": PASSWORD, "transport": "COOKIE"}

    async with httpx.AsyncClient(base_url=server, headers=CLIENT) as browser:

        async def ask(query: str, **variables: object) -> Any:
            return (await browser.post("/graphql", json={"query": query, "variables": variables})).json()[
                "data"
            ]

        login = (await ask(document, input=given))["logIn"]
        kept = browser.cookies.get(COOKIE)
        assert [login[name] for name in ("accessToken", "refreshToken")] == [None, None]
        assert await ask(WHO) == {"viewer": {"email": person.user.email}}
        assert await ask(LOG_OUT) == {"logOut": {"errors": []}}
        assert browser.cookies.get(COOKIE) is None

    assert kept is not None
    async with httpx.AsyncClient(base_url=server, headers=CLIENT, cookies={COOKIE: kept}) as thief:
        answer = await thief.post("/graphql", json={"query": WHO})
    assert answer.json() == {"data": {"viewer": None}}


async def test_a_cookie_login_has_no_refresh_token_and_lives_as_long_as_one(server: str, db: None) -> None:
    person = await make_person()

    login = await log_in(server, person.user.email, transport="COOKIE")

    assert login["refreshToken"] is None
    kept = await Login.get(refresh_hash=None)
    assert kept.access_expires_at == kept.refresh_expires_at
    assert kept.access_expires_at > now() + timedelta(days=29)


async def test_a_cookie_alone_changes_nothing(server: str, db: None) -> None:
    admin = await make_person(Role.ADMIN)
    before = await contents()
    forged = 'mutation { createBusinessUnit(input: {name: "Evil"}) { errors { code } } }'

    async with httpx.AsyncClient(base_url=server, cookies={COOKIE: admin.token}) as page:
        answer = await page.post("/graphql", json={"query": forged})

    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert await contents() == before


# Passwords


async def change_password(server: str, token: str, current: str, new: str) -> dict[str, Any]:
    given = {"currentPassword": current, "newPassword": new}
    return await Kith(server, token).mutate("changePassword", "ChangePasswordInput", "user { email }", given)


async def test_a_changed_password_counts_at_once_and_ends_the_other_logins(server: str, db: None) -> None:
    person = await make_person()
    here, there = await log_in(server, person.user.email), await log_in(server, person.user.email)

    changed = await change_password(server, here["accessToken"], PASSWORD, "a new and longer one 77")

    assert codes(changed) == []
    assert changed["user"] == {"email": person.user.email}
    assert await who(server, here["accessToken"]) == person.user.email
    assert await who(server, there["accessToken"]) is None
    assert codes(await log_in(server, person.user.email)) == ["WRONG_CREDENTIALS"]
    assert codes(await log_in(server, person.user.email, "a new and longer one 77")) == []


@pytest.mark.parametrize(
    ("current", "new", "code", "path"),
    [
        ("wrong wrong wrong", "a new and longer one 77", "WRONG_PASSWORD", ["currentPassword"]),
        (PASSWORD, "short", "PASSWORD_TOO_SHORT", ["newPassword"]),
        (PASSWORD, "aaaaaaaaaaaaaaaa", "PASSWORD_TOO_COMMON", ["newPassword"]),
        (PASSWORD, "x" * 129, "PASSWORD_TOO_LONG", ["newPassword"]),
    ],
)
async def test_a_password_is_not_changed_by_a_guess_or_to_a_weak_one(
    server: str, db: None, current: str, new: str, code: str, path: list[str]
) -> None:
    person = await make_person()
    before = await contents(without=("login_attempt",))

    refused = await change_password(server, person.token, current, new)

    assert [(error["code"], error["path"]) for error in refused["errors"]] == [(code, path)]
    assert refused["user"] is None
    assert await contents(without=("login_attempt",)) == before


async def test_an_admin_resets_a_password_and_ends_all_logins(server: str, db: None) -> None:
    admin, person = await make_person(Role.ADMIN), await make_person()
    for _ in range(FREE_ATTEMPTS):
        await log_in(server, person.user.email, "wrong wrong wrong")
    user_id = f"usr_{person.user.id.hex}"

    given = {"id": user_id, "newPassword": "a new and longer one 77"}
    reset = await Kith(server, admin.token).mutate(
        "resetPassword", "ResetPasswordInput", "user { id }", given
    )

    assert codes(reset) == []
    assert reset["user"] == {"id": user_id}
    assert await who(server, person.token) is None
    assert codes(await log_in(server, person.user.email, "a new and longer one 77")) == []
    assert (await User.get(id=person.user.id)).version == person.user.version + 1


# Many at once


async def test_of_fifty_wrong_guesses_at_once_five_are_looked_at(server: str, db: None) -> None:
    person = await make_person()
    before = pool().verified

    answers = await asyncio.gather(
        *(log_in(server, person.user.email, f"wrong guess number {number}") for number in range(50))
    )

    told = [code for answer in answers for code in codes(answer)]
    assert sorted(told) == ["RATE_LIMITED"] * 45 + ["WRONG_CREDENTIALS"] * 5
    assert pool().verified == before + 5


async def test_of_twenty_refreshes_at_once_one_has_a_child(server: str, db: None) -> None:
    person = await make_person()
    token = (await log_in(server, person.user.email))["refreshToken"]

    answers = await asyncio.gather(*(refresh(server, token) for _ in range(20)))

    assert len([answer for answer in answers if answer["errors"] == []]) == 1
    family = Login.exclude(id=person.actor.login_id)
    assert await family.count() == 2
    assert await family.filter(refreshed_at=None).count() == 1
    assert (
        await family.filter(revoked_at=None).count() == 0
    )  # nobody can tell who of the twenty was the thief
