"""API tokens: made once, narrowed by scope, ended by time, by hand or with their user."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from factories import make_user
from tortoise.connection import get_connection

from crm.accounts import logins, queries, tokens
from crm.accounts.models import ApiToken, User
from crm.audit.models import HistoryEntry
from crm.kernel.actor import Actor, Role, Scope
from crm.kernel.clock import now
from crm.kernel.errors import Forbidden, InvalidInput, NotFound
from crm.kernel.models import OutboxJob

pytestmark = pytest.mark.usefixtures("db")


def later(**difference: float) -> datetime:
    return now() + timedelta(**difference)


async def snapshot() -> list[Any]:
    """Everything a refusal must leave alone."""
    tables = (ApiToken, HistoryEntry, OutboxJob)
    return [[dict(row) for row in await table.all().order_by("id")] for table in tables]


async def new_token(actor: Actor, **fields: Any) -> tokens.NewToken:
    return await tokens.create_token(
        **{"actor": actor, "name": "report", "expires_at": later(days=30)} | fields
    )


async def test_a_token_reads_for_its_user_unless_asked_otherwise() -> None:
    ann = await make_user(Role.MANAGER)

    made = await new_token(ann.actor)
    writer = await new_token(ann.actor, scope=Scope.WRITE)

    assert made.secret.startswith("kith_pat_")
    assert made.secret.startswith(made.token.hint)
    assert len(made.token.hint) < 20 < len(made.secret)
    assert made.secret not in repr(made)
    reader = await logins.actor_for_token(made.secret)
    assert reader is not None
    assert (reader.user_id, reader.role, reader.scope, reader.token_id, reader.login_id) == (
        *(ann.user.id, Role.MANAGER, Scope.READ),
        *(made.token.id, None),
    )
    also = await logins.actor_for_token(writer.secret)
    assert also is not None
    assert also.scope is Scope.WRITE


async def test_only_the_hash_of_a_token_is_kept_anywhere() -> None:
    ann = await make_user()

    made = await new_token(ann.actor)

    assert made.secret not in str(await snapshot())
    assert (await ApiToken.get()).token_hash == logins.digest(made.secret)
    entry = await HistoryEntry.get()
    assert (entry.action, entry.subject_kind) == ("create", "tok")
    assert {change["field"] for change in entry.changes} == {"name", "scope", "expires_at", "user_id"}


@pytest.mark.parametrize(
    "expires_at", [later(days=-1), later(days=367), (now() + timedelta(days=1)).replace(tzinfo=None)]
)
async def test_a_token_ends_within_a_year(expires_at: datetime) -> None:
    ann = await make_user()
    before = await snapshot()

    with pytest.raises(InvalidInput) as refusal:
        await new_token(ann.actor, name="\n", expires_at=expires_at)

    assert [p.path for p in refusal.value.problems] == [("name",), ("expiresAt",)]
    assert await snapshot() == before
    await new_token(ann.actor, expires_at=later(days=365))


async def test_a_token_makes_and_revokes_no_token() -> None:
    ann = await make_user(Role.ADMIN)
    made = await new_token(ann.actor, scope=Scope.WRITE)
    script = await logins.actor_for_token(made.secret)
    assert script is not None
    before = await snapshot()

    with pytest.raises(Forbidden):
        await new_token(script)
    with pytest.raises(Forbidden):
        await tokens.revoke_token(actor=script, token_id=made.token.id)

    assert await snapshot() == before


async def test_revoking_ends_a_token_at_once_and_once() -> None:
    ann = await make_user()
    made, other = await new_token(ann.actor), await new_token(ann.actor)
    script = await logins.actor_for_token(made.secret)
    assert script is not None

    revoked = await tokens.revoke_token(actor=ann.actor, token_id=made.token.id)

    assert revoked.revoked_at is not None
    assert await logins.actor_for_token(made.secret) is None
    assert await logins.renewed(script) is None
    assert await logins.actor_for_token(other.secret) is not None
    assert await HistoryEntry.filter(action="revoke").count() == 1
    before = await snapshot()
    again = await tokens.revoke_token(actor=ann.actor, token_id=made.token.id)
    assert again.revoked_at == revoked.revoked_at
    before[0][1] |= {"last_used_at": (await ApiToken.get(id=other.token.id)).last_used_at}
    assert await snapshot() == before


async def test_a_colleagues_token_does_not_exist_except_for_an_admin() -> None:
    ann, bob, admin = await make_user(), await make_user(), await make_user(Role.ADMIN)
    made = await new_token(ann.actor)
    before = await snapshot()

    with pytest.raises(NotFound):
        await tokens.revoke_token(actor=bob.actor, token_id=made.token.id)
    with pytest.raises(NotFound):
        await tokens.revoke_token(actor=ann.actor, token_id=uuid4())

    assert await snapshot() == before
    assert await queries.own_tokens(ann.actor) == [made.token]
    assert await queries.tokens_visible_to(bob.actor) == []
    assert await queries.own_tokens(admin.actor) == []
    assert await queries.tokens_visible_to(admin.actor) == [made.token]
    await tokens.revoke_token(actor=admin.actor, token_id=made.token.id)
    assert await logins.actor_for_token(made.secret) is None


async def test_an_expired_token_and_one_of_an_inactive_user_stand_for_nobody() -> None:
    ann, bob = await make_user(), await make_user()
    expired, idle = await new_token(ann.actor), await new_token(bob.actor)

    await ApiToken.filter(id=expired.token.id).update(expires_at=later(seconds=-1))
    await User.filter(id=bob.user.id).update(active=False)

    assert await logins.actor_for_token(expired.secret) is None
    assert await logins.actor_for_token(idle.secret) is None


async def test_last_use_is_noted_at_most_once_a_minute() -> None:
    made = await new_token((await make_user()).actor)
    assert made.token.last_used_at is None

    await logins.actor_for_token(made.secret)
    first = (await ApiToken.get()).last_used_at
    await logins.actor_for_token(made.secret)
    second = (await ApiToken.get()).last_used_at
    await get_connection("default").execute_query(
        "update api_token set last_used_at = last_used_at - interval '61 seconds'"
    )
    await logins.actor_for_token(made.secret)
    third = (await ApiToken.get()).last_used_at

    assert first is not None
    assert first == second
    assert third is not None
    assert third > first
