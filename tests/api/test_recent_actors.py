"""The memory of who is calling: short, bounded, and of nothing that went wrong."""

import asyncio
import secrets

import asyncpg
import pytest
from factories import make_user
from kith_client import Kith

from api.auth import LONGEST_TOKEN, RecentActors
from crm.accounts.logins import ACCESS, API_TOKEN, REFRESH, actor_for_token, new_token
from crm.kernel.actor import Actor
from crm.kernel.database import credentials

PATIENCE = 10


@pytest.mark.parametrize("prefix", [ACCESS, API_TOKEN, REFRESH])
def test_a_token_of_ours_is_no_longer_than_what_is_looked_up(prefix: str) -> None:
    assert len(new_token(prefix)) <= LONGEST_TOKEN


async def test_a_token_that_is_too_long_to_be_one_is_nobodys_and_takes_no_room(server: str, db: None) -> None:
    recent = RecentActors()

    assert await recent.find(ACCESS + "x" * 60_000) is None
    assert len(recent) == 0
    answer = await Kith(server, ACCESS + "x" * 30_000).graphql("{ viewer { name } }")
    assert answer == {"viewer": None}


async def test_no_more_tokens_are_kept_than_may_be_and_none_that_is_nobodys(db: None) -> None:
    class Few(RecentActors):
        MOST = 3

    recent, people = Few(), [await make_user() for _ in range(5)]

    await asyncio.gather(*(recent.find(ACCESS + secrets.token_urlsafe(8)) for _ in range(100)))
    assert len(recent) == 0
    found = await asyncio.gather(*(recent.find(person.token) for person in people))

    assert [each and each.user_id for each in found] == [person.user.id for person in people]
    assert len(recent) == 3


async def test_who_was_recognised_is_looked_up_again_while_nobody_waits(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    async def counted(token: str) -> Actor | None:
        nonlocal looks
        looks += 1
        return await actor_for_token(token)

    monkeypatch.setattr("api.auth.actor_for_token", counted)
    recent, person = RecentActors(), await make_user()
    first = await recent.find(person.token)
    assert recent.known(person.token) is first

    await asyncio.sleep(RecentActors.FRESH + 0.05)
    assert looks == 1
    for _ in range(3):
        assert recent.known(person.token) is first
        assert await recent.find(person.token) is first
    for _ in range(PATIENCE * 100):
        if looks == 2:
            break
        await asyncio.sleep(0.01)

    await asyncio.sleep(RecentActors.FRESH - 0.05)  # it would be asked again had it not been noted
    assert recent.known(person.token) is first  # nothing has changed of them
    assert looks == 2
    await asyncio.sleep(RecentActors.LONGEST)
    assert recent.known(person.token) is None


CANCEL = "select pg_cancel_backend(pid) from pg_stat_activity where query like '%access_hash%' and wait_event_type = 'Lock'"


async def test_a_look_up_that_failed_is_made_again(database: str, db: None) -> None:
    recent, person = RecentActors(), await make_user()
    other = await asyncpg.connect(**credentials(database))
    try:
        async with other.transaction(), asyncio.timeout(PATIENCE):
            await other.execute("lock table login in access exclusive mode")
            looking = asyncio.create_task(recent.find(person.token))
            while not await other.fetch(CANCEL):
                await asyncio.sleep(0.02)
                await other.execute("select pg_stat_clear_snapshot()")
            with pytest.raises(asyncpg.QueryCanceledError):
                await looking
    finally:
        await other.close()

    found = await recent.find(person.token)

    assert found is not None
    assert found.user_id == person.user.id
