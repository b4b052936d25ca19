"""Logging in and out, and who is behind a token.

Tokens are opaque: 256 random bits behind a prefix that says what they are, kept only as SHA-256. The user's row is
the lock of all their logins, so that ending them cannot miss one that is just being made.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tortoise.connection import get_connection

from crm.accounts import passwords, throttle
from crm.accounts.errors import LoginEnded, WrongCredentials
from crm.accounts.events import AccessChanged
from crm.accounts.models import Login, Transport, User
from crm.accounts.rules import Permission, require
from crm.kernel.actor import Actor, Role, Scope
from crm.kernel.clock import now
from crm.kernel.events import emit
from crm.kernel.ids import uuid7
from crm.kernel.settings import settings
from crm.kernel.transaction import in_progress, transaction
from crm.kernel.values import InvalidValue, parse_email

ACCESS = "kith_at_"
REFRESH = "kith_rt_"
API_TOKEN = "kith_pat_"  # noqa: S105  a prefix, not a secret
MAX_USER_AGENT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A fresh login. The tokens exist here and at the caller only; never log or store them.

    `refresh_token` is None for a COOKIE login, whose access token is the session's cookie and lives until
    `access_expires_at` = `refresh_expires_at`.
    """

    user: User
    login_id: UUID
    transport: Transport
    access_token: str = field(repr=False)
    access_expires_at: datetime
    refresh_token: str | None = field(repr=False)
    refresh_expires_at: datetime


def new_token(prefix: str) -> str:
    return prefix + secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is kept of a token. Plain SHA-256 suffices for 256 random bits."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


async def log_in(
    *, email: str, password: str, transport: Transport = Transport.BEARER, user_agent: str = ""
) -> Issued:
    """Begins a login. Raises WrongCredentials, or TooManyAttempts after too many of them.

    Neither says whether the address is a user's, and both take the same work. Not inside `transaction()`.
    """
    await throttle.begin_attempt(email)
    user = await _by_email(email)
    fits = await passwords.pool().verify(user.password_hash if user else None, password)
    if user is None or not fits or not user.active:
        raise WrongCredentials
    fresh_hash = await _rehashed(user, password)
    async with transaction():
        current = await locked_user(user.id)
        if current is None or not current.active or current.password_hash != user.password_hash:
            raise WrongCredentials
        if fresh_hash:
            await User.filter(id=user.id).update(password_hash=fresh_hash)
        issued = await _issue(current, transport, uuid7(), user_agent)
        await throttle.clear(user.email)
    return issued


async def refresh(*, refresh_token: str, user_agent: str = "") -> Issued:
    """Spends a refresh token and begins the next link of its family. Raises LoginEnded.

    A token spent before was stolen, or its client refreshes twice: the whole family ends, since nobody can tell
    the two apart (RFC 9700 §4.14.2). Not inside `transaction()`: that end must survive the refusal.
    """
    if in_progress():
        raise RuntimeError(
            "A reused token ends its family for good, so this cannot be part of a transaction."
        )
    async with transaction():
        issued = await _rotate(digest(refresh_token), user_agent)
    if issued is None:
        raise LoginEnded
    return issued


async def log_out(*, actor: Actor) -> None:
    """Ends the login the actor came with, and its family. Raises Forbidden for an API token: revoke that instead."""
    require(actor, Permission.OWN_LOGIN)
    async with transaction():
        login = await Login.get_or_none(id=actor.login_id)
        if login is not None:
            await end_logins(login.user_id, family=login.family)


async def log_out_everywhere(*, actor: Actor) -> None:
    """Ends all logins of the actor, this one included; API tokens stay. Raises Forbidden for an API token."""
    require(actor, Permission.OWN_LOGIN)
    async with transaction():
        if actor.user_id is not None:
            await end_logins(actor.user_id)


async def log_out_with(*, refresh_token: str) -> None:
    """Ends the family of a refresh token, for an app whose access token has expired. An unknown one is no error."""
    async with transaction():
        login = await Login.get_or_none(refresh_hash=digest(refresh_token))
        if login is not None:
            await end_logins(login.user_id, family=login.family)


async def actor_for_token(token: str) -> Actor | None:
    """Who a token stands for at this moment: one statement, so that whatever ends a login ends it at once.

    None for unknown, expired and revoked tokens and for inactive users. A refresh token stands for nobody.
    """
    database = get_connection("default")
    if token.startswith(ACCESS):
        rows = await database.execute_query_dict(_BY_ACCESS_TOKEN, [digest(token)])
        return _actor(rows[0]) if rows else None
    if not token.startswith(API_TOKEN):
        return None
    rows = await database.execute_query_dict(_BY_API_TOKEN, [digest(token)])
    if not rows:
        return None
    if rows[0]["untouched"]:
        await database.execute_query(_TOUCH, [rows[0]["token_id"]])
    return _actor(rows[0])


async def renewed(actor: Actor) -> Actor | None:
    """The same actor with the role and units of now; None when the login or token they came with has ended.

    For connections that outlive a request. A login lasts here as long as it could be refreshed, not just as long
    as the access token the connection began with.
    """
    return (await renewed_all([actor])).get(actor)


async def renewed_all(actors: Iterable[Actor]) -> dict[Actor, Actor]:
    """As `renewed`, for many at once: each actor whose login or token still holds, as they are now."""
    known = list(actors)
    logins = [actor.login_id for actor in known if actor.login_id]
    tokens = [actor.token_id for actor in known if actor.token_id]
    database = get_connection("default")
    found: dict[UUID, Actor] = {}
    for sql, ids in ((_BY_LOGINS, logins), (_BY_API_TOKENS, tokens)):
        rows = await database.execute_query_dict(sql, [ids]) if ids else []
        found |= {row["login_id"] or row["token_id"]: _actor(row) for row in rows}
    return {
        actor: replace(found[came_by], via=actor.via)
        for actor in known
        if (came_by := actor.login_id or actor.token_id) in found
    }


async def end_logins(user_id: UUID, *, family: UUID | None = None, spare: UUID | None = None) -> None:
    """Ends a user's logins: one family, or all but the family `spare`. Inside `transaction()`, the user's row free
    or already ours.
    """
    await locked_user(user_id)
    logins = Login.filter(user_id=user_id, revoked_at=None)
    if family is not None:
        logins = logins.filter(family=family)
    if spare is not None:
        logins = logins.exclude(family=spare)
    if await logins.update(revoked_at=now()):
        await emit(AccessChanged(user_id=user_id))


async def locked_user(user_id: UUID) -> User | None:
    """The user, theirs and their logins' changes ours until the transaction ends."""
    return await User.select_for_update(no_key=True).get_or_none(id=user_id)


async def _by_email(email: str) -> User | None:
    try:
        address = parse_email(email)
    except InvalidValue:
        return None
    rows = await get_connection("default").execute_query_dict(_USER_ID_BY_EMAIL, [address])
    return await User.get_or_none(id=rows[0]["id"]) if rows else None


async def _rehashed(user: User, password: str) -> str | None:
    """A hash with today's parameters when the stored one has others."""
    pool = passwords.pool()
    return await pool.hash(password) if pool.outdated(user.password_hash) else None


async def _rotate(refresh_hash: str, user_agent: str) -> Issued | None:
    known = await Login.get_or_none(refresh_hash=refresh_hash)
    user = await locked_user(known.user_id) if known else None
    if known is None or user is None:
        return None
    login = await Login.get(id=known.id)  # again: it may have been spent while we waited for the lock
    if login.refreshed_at is not None:
        await end_logins(user.id, family=login.family)
        return None
    if login.revoked_at is not None or login.refresh_expires_at <= now() or not user.active:
        return None
    await Login.filter(id=login.id).update(refreshed_at=now())
    return await _issue(user, login.transport, login.family, user_agent)


async def _issue(user: User, transport: Transport, family: UUID, user_agent: str) -> Issued:
    await Login.filter(user_id=user.id, refresh_expires_at__lt=now()).delete()
    refresh_until = now() + timedelta(days=settings().refresh_token_days)
    in_cookie = transport is Transport.COOKIE
    access_until = refresh_until if in_cookie else now() + timedelta(minutes=settings().access_token_minutes)
    access, refresh_token = new_token(ACCESS), None if in_cookie else new_token(REFRESH)
    login = await Login.create(
        user_id=user.id,
        family=family,
        transport=transport,
        access_hash=digest(access),
        access_expires_at=access_until,
        refresh_hash=digest(refresh_token) if refresh_token else None,
        refresh_expires_at=refresh_until,
        user_agent="".join(filter(str.isprintable, user_agent))[:MAX_USER_AGENT],
    )
    return Issued(
        user=user,
        login_id=login.id,
        transport=transport,
        access_token=access,
        access_expires_at=access_until,
        refresh_token=refresh_token,
        refresh_expires_at=refresh_until,
    )


def _actor(row: dict[str, Any]) -> Actor:
    return Actor(
        user_id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        unit_ids=frozenset(row["unit_ids"]),
        scope=Scope(row["scope"]),
        login_id=row["login_id"],
        token_id=row["token_id"],
    )


_USER_ID_BY_EMAIL = "select id from staff_user where lower(email) = lower($1)"
_OF_LOGIN = """
select u.id, u.name, u.role, 'WRITE' as scope, l.id as login_id, null as token_id,
       array(select m.unit_id from unit_membership m where m.user_id = u.id) as unit_ids
  from login l join staff_user u on u.id = l.user_id and u.active
 where l.revoked_at is null
"""
_BY_ACCESS_TOKEN = _OF_LOGIN + "and l.access_hash = $1 and l.access_expires_at > now()"
_BY_LOGINS = _OF_LOGIN + "and l.id = any($1) and l.refresh_expires_at > now()"
_OF_SCRIPT = """
select u.id, u.name, u.role, t.scope, null as login_id, t.id as token_id,
       array(select m.unit_id from unit_membership m where m.user_id = u.id) as unit_ids,
       (t.last_used_at is null or t.last_used_at < now() - interval '1 minute') as untouched
  from api_token t join staff_user u on u.id = t.user_id and u.active
 where t.revoked_at is null and t.expires_at > now()
"""
_BY_API_TOKEN = _OF_SCRIPT + "and t.token_hash = $1"
_BY_API_TOKENS = _OF_SCRIPT + "and t.id = any($1)"
_TOUCH = """
update api_token set last_used_at = now()
 where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')
"""
