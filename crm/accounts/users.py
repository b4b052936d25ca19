"""Users: who they are, what role they have, which units they work in."""

from collections.abc import Collection
from uuid import UUID

from tortoise.connection import get_connection

from crm.accounts import passwords
from crm.accounts.errors import LastAdmin, UnitArchived, UserManagesCustomers
from crm.accounts.events import UserChanged
from crm.accounts.logins import end_logins, locked_user
from crm.accounts.models import ApiToken, BusinessUnit, UnitMembership, User
from crm.accounts.rules import Permission, parse_name, password_problems, raise_any, require, text_problems
from crm.audit.service import diff, record
from crm.kernel.actor import Actor, Role, Via, kith
from crm.kernel.clock import now
from crm.kernel.errors import (
    DomainError,
    DuplicateRecord,
    InvalidInput,
    InvalidTransition,
    NotFound,
    Problem,
    RuleViolation,
    VersionConflict,
)
from crm.kernel.events import emit
from crm.kernel.ids import Kind
from crm.kernel.integrity import Refusal, refusing
from crm.kernel.transaction import transaction
from crm.kernel.values import parse_email


async def create_user(
    *, actor: Actor, email: str, name: str, role: Role, password: str, unit_ids: Collection[UUID] = ()
) -> User:
    """Adds a user, who can log in at once. Raises Forbidden, InvalidInput, DuplicateRecord or UnitArchived."""
    require(actor, Permission.MANAGE_USERS)
    raise_any(
        [
            *text_problems(parse_email, email, "email"),
            *text_problems(parse_name, name, "name"),
            *password_problems(password, "password", email=email, name=name),
        ]
    )
    email, name = parse_email(email), parse_name(name)
    password_hash = await passwords.pool().hash(password)
    async with transaction():
        async with refusing(_email_taken(email)):
            user = await User.create(email=email, name=name, role=role, password_hash=password_hash)
        await _join(user, unit_ids)
        facts = {**_facts(user), "unit_ids": sorted(set(unit_ids))}
        await _tell(actor, user, "create", {}, facts)
    return user


async def update_user(
    *,
    actor: Actor,
    user_id: UUID,
    expected_version: int,
    email: str | None = None,
    name: str | None = None,
    role: Role | None = None,
) -> User:
    """Changes what is given; None leaves a field as it is. A new role counts from the user's next request on.

    Raises Forbidden, InvalidInput, NotFound, VersionConflict, DuplicateRecord or LastAdmin.
    """
    require(actor, Permission.MANAGE_USERS)
    raise_any(
        [
            *(text_problems(parse_email, email, "email") if email is not None else ()),
            *(text_problems(parse_name, name, "name") if name is not None else ()),
        ]
    )
    async with transaction():
        demoted = role not in (None, Role.ADMIN)
        admins = await _locked_admins() if demoted else set()
        user = await _locked(user_id)
        if user.version != expected_version:
            raise VersionConflict(Kind.USER, user.id, user.version)
        if admins == {user.id}:
            raise LastAdmin
        before = _facts(user)
        user.email = parse_email(email) if email is not None else user.email
        user.name = parse_name(name) if name is not None else user.name
        user.role = role or user.role
        await _save(actor, user, "update", before)
    return user


async def deactivate_user(*, actor: Actor, user_id: UUID) -> User:
    """Shuts a user out at once: logins end, API tokens are revoked for good. Their records stay theirs.

    Raises Forbidden, NotFound, InvalidTransition or LastAdmin.
    """
    require(actor, Permission.MANAGE_USERS)
    async with transaction():
        admins = await _locked_admins()
        user = await _locked(user_id)
        if not user.active:
            raise InvalidTransition("deactivate", "INACTIVE", ["reactivate"])
        if admins == {user.id}:
            raise LastAdmin
        before = _facts(user)
        user.active = False
        await ApiToken.filter(user_id=user.id, revoked_at=None).update(revoked_at=now())
        await end_logins(user.id)
        await _save(actor, user, "deactivate", before)
    return user


async def reactivate_user(*, actor: Actor, user_id: UUID) -> User:
    """Lets a user log in again, with the password they had. Raises Forbidden, NotFound or InvalidTransition."""
    require(actor, Permission.MANAGE_USERS)
    async with transaction():
        user = await _locked(user_id)
        if user.active:
            raise InvalidTransition("reactivate", "ACTIVE", ["deactivate"])
        before = _facts(user)
        user.active = True
        await _save(actor, user, "reactivate", before)
    return user


async def set_user_units(*, actor: Actor, user_id: UUID, unit_ids: Collection[UUID]) -> User:
    """Makes the user a member of exactly these units. Memberships of archived units may stay, not begin.

    Raises Forbidden, NotFound, InvalidInput, UnitArchived, or UserManagesCustomers when they are the account
    manager of customers in a unit they would leave.
    """
    require(actor, Permission.MANAGE_USERS)
    async with transaction():
        user = await _locked(user_id)
        wanted = set(unit_ids)
        present = {m.unit_id for m in await UnitMembership.filter(user_id=user.id)}
        if wanted == present:
            return user
        await _join(user, wanted - present)
        await _leave(user, present - wanted)
        user.version += 1
        user.updated_at = now()
        await user.save(update_fields=["version", "updated_at"])
        await _tell(actor, user, "set_units", {"unit_ids": sorted(present)}, {"unit_ids": sorted(wanted)})
    return user


async def create_admin(*, email: str, name: str, password: str) -> tuple[User, bool]:
    """The first admin, for the command line: the user, and whether they are new.

    Run again it changes nothing: an active admin with this e-mail stays as they are, password included. Raises
    InvalidInput, or DuplicateRecord when the e-mail belongs to somebody who is no active admin.
    """
    try:
        user = await create_user(
            actor=kith(Via.SYSTEM), email=email, name=name, role=Role.ADMIN, password=password
        )
    except DuplicateRecord as taken:
        user = await User.get(id=taken.existing_id)
        if user.active and user.role is Role.ADMIN:
            return user, False
        raise
    return user, True


async def _locked(user_id: UUID) -> User:
    user = await locked_user(user_id)
    if user is None:
        raise NotFound(Kind.USER, "id")
    return user


async def _locked_admins() -> set[UUID]:
    """All active admins, locked before anybody else: of two admins who demote each other, one waits and is refused."""
    admins = User.filter(role=Role.ADMIN, active=True).order_by("id").select_for_update(no_key=True)
    return {admin.id for admin in await admins}


async def _join(user: User, unit_ids: Collection[UUID]) -> None:
    units = await BusinessUnit.filter(id__in=list(unit_ids)).order_by("id").select_for_update(no_key=True)
    if len(units) < len(set(unit_ids)):
        raise InvalidInput(
            [Problem(("unitIds",), "NOT_FOUND", "One of these business units does not exist.")]
        )
    for unit in units:
        if unit.archived_at is not None:
            raise UnitArchived(unit.name, "unitIds")
    await UnitMembership.bulk_create([UnitMembership(user_id=user.id, unit_id=unit.id) for unit in units])


async def _leave(user: User, unit_ids: Collection[UUID]) -> None:
    """PostgreSQL knows best whether a customer rests on the membership: `customer_manager_in_unit` refers to it."""

    async def managing() -> DomainError:
        units = BusinessUnit.filter(id__in=list(unit_ids), customers__account_manager_id=user.id)
        names = await units.distinct().order_by("name").values_list("name", flat=True)
        return UserManagesCustomers(str(name) for name in names)

    async with refusing({"customer_manager_in_unit": managing}):
        await UnitMembership.filter(user_id=user.id, unit_id__in=list(unit_ids)).delete()


async def _save(actor: Actor, user: User, action: str, before: dict[str, object]) -> None:
    if _facts(user) == before:
        return
    user.version += 1
    user.updated_at = now()
    async with refusing(_email_taken(user.email)):
        await user.save(update_fields=["email", "name", "role", "active", "version", "updated_at"])
    await _tell(actor, user, action, before, _facts(user))


async def _tell(
    actor: Actor, user: User, action: str, before: dict[str, object], after: dict[str, object]
) -> None:
    await record(
        actor=actor,
        subject_kind=Kind.USER,
        subject_id=user.id,
        action=action,
        changes=diff(before, after, {"unit_ids": Kind.BUSINESS_UNIT}),
    )
    await emit(UserChanged(user_id=user.id))


def _facts(user: User) -> dict[str, object]:
    return {"email": user.email, "name": user.name, "role": user.role, "active": user.active}


def _email_taken(email: str) -> dict[str, Refusal]:
    async def refusal() -> DomainError:
        rows = await get_connection("default").execute_query_dict(
            "select id from staff_user where lower(email) = lower($1)", [email]
        )
        if not rows:
            return RuleViolation("This e-mail address was in use until a moment ago. Try again.")
        message = f"There is already a user with the e-mail address '{email}'."
        return DuplicateRecord(message, "email", kind=Kind.USER, existing_id=rows[0]["id"])

    return {"staff_user_email": refusal}
