"""The table of who may do what, and how scopes and API tokens narrow it."""

from uuid import uuid4

import pytest

from crm.accounts.rules import ALLOWED, Permission, may, may_edit, require, require_edit
from crm.kernel.actor import Actor, Role, Scope, kith
from crm.kernel.errors import Forbidden
from crm.kernel.ids import uuid7

ADMINS_ONLY = {
    Permission.MANAGE_USERS,
    Permission.MANAGE_UNITS,
    Permission.MANAGE_SETTINGS,
    Permission.MANAGE_LEGAL_ENTITIES,
    Permission.MANAGE_WEBHOOKS,
    Permission.MANAGE_JOBS,
}
FOR_MANAGERS = {
    Permission.DELETE,
    Permission.MERGE,
    Permission.BLOCK,
    Permission.VOID,
    Permission.CREDIT,
    Permission.EDIT_ANY,
}


def person(role: Role, *, scope: Scope = Scope.WRITE, token: bool = False) -> Actor:
    return Actor(uuid7(), "Ann", role, scope=scope, token_id=uuid7() if token else None)


@pytest.mark.parametrize("permission", sorted(ADMINS_ONLY))
def test_only_an_admin_administers(permission: Permission) -> None:
    assert [role for role in Role if may(person(role), permission)] == [Role.ADMIN]


@pytest.mark.parametrize("permission", sorted(FOR_MANAGERS))
def test_delicate_actions_take_a_manager(permission: Permission) -> None:
    assert [role for role in Role if may(person(role), permission)] == [Role.ADMIN, Role.MANAGER]


def test_a_manager_may_everything_but_administer() -> None:
    assert ALLOWED[Role.MANAGER] == set(Permission) - ADMINS_ONLY


def test_an_analyst_reads_and_exports_and_changes_no_business_data() -> None:
    assert may(person(Role.ANALYST), Permission.READ)
    assert may(person(Role.ANALYST), Permission.EXPORT)
    assert not may(person(Role.ANALYST), Permission.CREATE)
    assert not may_edit(person(Role.ANALYST), [None])


def test_an_agent_edits_what_they_own_or_nobody_does() -> None:
    agent = person(Role.AGENT)

    assert may_edit(agent, [None, None])
    assert may_edit(agent, [agent.user_id, uuid4()])
    assert may_edit(agent, [None, agent.user_id])
    assert not may_edit(agent, [uuid4(), None])
    with pytest.raises(Forbidden, match="belongs to a colleague"):
        require_edit(agent, [uuid4()])


def test_a_manager_edits_what_others_own() -> None:
    require_edit(person(Role.MANAGER), [uuid4()])

    assert may_edit(person(Role.ADMIN), [uuid4()])


@pytest.mark.parametrize("permission", sorted(Permission))
def test_a_token_that_reads_may_read_and_export_only(permission: Permission) -> None:
    reader = person(Role.ADMIN, scope=Scope.READ, token=True)

    assert may(reader, permission) == (permission in {Permission.READ, Permission.EXPORT})


@pytest.mark.parametrize("permission", [Permission.MANAGE_USERS, Permission.OWN_TOKENS, Permission.OWN_LOGIN])
def test_no_token_manages_users_or_tokens_or_logins(permission: Permission) -> None:
    writer = person(Role.ADMIN, token=True)

    with pytest.raises(Forbidden, match="An API token may not"):
        require(writer, permission)
    require(person(Role.ADMIN), permission)


def test_a_refusal_says_what_would_be_needed() -> None:
    with pytest.raises(Forbidden) as role:
        require(person(Role.AGENT), Permission.READ, Permission.MANAGE_USERS)
    with pytest.raises(Forbidden) as scope:
        require(person(Role.AGENT, scope=Scope.READ, token=True), Permission.CREATE)

    assert role.value.message == "Your role, AGENT, may not manage users. Who may: ADMIN."
    assert (
        scope.value.message == "This token may only read, not create records. Use one with the scope WRITE."
    )


def test_kith_itself_may_everything() -> None:
    require(kith(), *Permission)
