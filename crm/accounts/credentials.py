"""Changing a password: one's own, or as an admin somebody's who forgot theirs."""

from uuid import UUID

from crm.accounts import passwords, throttle
from crm.accounts.events import UserChanged
from crm.accounts.logins import end_logins, locked_user
from crm.accounts.models import Login, User
from crm.accounts.rules import Permission, password_problems, raise_any, require
from crm.audit.service import record
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.errors import InvalidInput, NotFound
from crm.kernel.events import emit
from crm.kernel.ids import Kind
from crm.kernel.transaction import transaction


async def change_password(*, actor: Actor, current_password: str, new_password: str) -> User:
    """Changes the actor's own password and ends their other logins; API tokens stay.

    Raises Forbidden for API tokens, InvalidInput, or TooManyAttempts: a borrowed session is no place to guess from
    either. Not inside `transaction()`.
    """
    require(actor, Permission.OWN_LOGIN)
    user = await User.get(id=actor.user_id)
    raise_any(password_problems(new_password, "newPassword", email=user.email, name=user.name))
    await throttle.begin_attempt(user.email)
    if not await passwords.pool().verify(user.password_hash, current_password):
        raise _wrong()
    new_hash = await passwords.pool().hash(new_password)
    async with transaction():
        current = await locked_user(user.id)
        if current is None or current.password_hash != user.password_hash:
            raise _wrong()
        await throttle.clear(user.email)
        login = await Login.get_or_none(id=actor.login_id)
        await end_logins(user.id, spare=login.family if login else None)
        await _set(actor, current, new_hash, "change_password")
    return current


async def reset_password(*, actor: Actor, user_id: UUID, new_password: str) -> User:
    """Gives a user a new password and ends all their logins; a pause for wrong guesses is lifted.

    Raises Forbidden, NotFound or InvalidInput.
    """
    require(actor, Permission.MANAGE_USERS)
    known = await User.get_or_none(id=user_id)
    if known is None:
        raise NotFound(Kind.USER, "id")
    raise_any(password_problems(new_password, "newPassword", email=known.email, name=known.name))
    new_hash = await passwords.pool().hash(new_password)
    async with transaction():
        user = await locked_user(user_id)
        if user is None:
            raise NotFound(Kind.USER, "id")
        await throttle.clear(user.email)
        await end_logins(user.id)
        await _set(actor, user, new_hash, "reset_password")
    return user


async def _set(actor: Actor, user: User, password_hash: str, action: str) -> None:
    """History says that it happened, never what the password was or is."""
    user.password_hash = password_hash
    user.version += 1
    user.updated_at = now()
    await user.save(update_fields=["password_hash", "version", "updated_at"])
    await record(actor=actor, subject_kind=Kind.USER, subject_id=user.id, action=action)
    await emit(UserChanged(user_id=user.id))


def _wrong() -> InvalidInput:
    return InvalidInput.one("This is not your current password.", "currentPassword", code="WRONG_PASSWORD")
