"""API tokens: a user's keys for scripts and analysts, narrowed by scope, never without an end."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from crm.accounts.events import AccessChanged
from crm.accounts.logins import API_TOKEN, digest, new_token
from crm.accounts.models import ApiToken
from crm.accounts.queries import tokens_visible_to
from crm.accounts.rules import Permission, expiry_problems, parse_name, raise_any, require, text_problems
from crm.audit.service import diff, record
from crm.kernel.actor import Actor, Scope
from crm.kernel.clock import now
from crm.kernel.errors import NotFound
from crm.kernel.events import emit
from crm.kernel.ids import Kind
from crm.kernel.transaction import transaction

HINT_LENGTH = len(API_TOKEN) + 4


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token just made. `secret` is what scripts send; it is shown once and kept nowhere."""

    token: ApiToken
    secret: str = field(repr=False)


async def create_token(
    *, actor: Actor, name: str, expires_at: datetime, scope: Scope = Scope.READ
) -> NewToken:
    """Makes a token for the actor, at most a year long. Raises Forbidden (no token makes another) or InvalidInput."""
    require(actor, Permission.OWN_TOKENS)
    raise_any([*text_problems(parse_name, name, "name"), *expiry_problems(expires_at, now(), "expiresAt")])
    secret = new_token(API_TOKEN)
    async with transaction():
        token = await ApiToken.create(
            user_id=actor.user_id,
            name=parse_name(name),
            hint=secret[:HINT_LENGTH],
            token_hash=digest(secret),
            scope=scope,
            expires_at=expires_at,
        )
        facts = {"name": token.name, "scope": scope, "expires_at": expires_at, "user_id": token.user_id}
        changes = diff({}, facts, {"user_id": Kind.USER})
        await record(
            actor=actor, subject_kind=Kind.API_TOKEN, subject_id=token.id, action="create", changes=changes
        )
        await emit(AccessChanged(user_id=token.user_id))
    return NewToken(token=token, secret=secret)


async def revoke_token(*, actor: Actor, token_id: UUID) -> ApiToken:
    """Ends a token at once: one's own, or as an admin anybody's. Revoking it again changes nothing.

    Raises Forbidden for API tokens, NotFound.
    """
    require(actor, Permission.OWN_TOKENS)
    async with transaction():
        token = await tokens_visible_to(actor).select_for_update(no_key=True).get_or_none(id=token_id)
        if token is None:
            raise NotFound(Kind.API_TOKEN, "id")
        if token.revoked_at is not None:
            return token
        token.revoked_at = now()
        await token.save(update_fields=["revoked_at"])
        changes = diff({"revoked_at": None}, {"revoked_at": token.revoked_at})
        await record(
            actor=actor, subject_kind=Kind.API_TOKEN, subject_id=token.id, action="revoke", changes=changes
        )
        await emit(AccessChanged(user_id=token.user_id))
    return token
