"""The memory of who is calling: short, bounded, and of nothing that went wrong."""

import asyncio
import secrets

import asyncpg
import pytest
from factories import make_user
from kith_client import Kith

from api.auth import LONGEST_TOKEN, RecentActors
from crm.accounts.logins import ACCESS, API_TOKEN, REFRESH, new_token
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


async def test_no_more_tokens_are_kept_than_may_be(db: None) -> None:
    class Few(RecentActors):
        MOST = 20

    recent = Few()

    await asyncio.gather(*(recent.find(ACCESS + secrets.token_urlsafe(8)) for _ in range(100)))

    assert len(recent) == 20


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
