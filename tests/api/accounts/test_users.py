"""Users through HTTP: who sees whom, what admins may do, and that nobody else may."""

from typing import Any

import pytest
from database_contents import contents
from factories import Person, make_live_customer, make_unit, make_user
from kith_client import GraphQLFailed, Kith

from crm.accounts.models import BusinessUnit, User
from crm.audit.models import HistoryEntry
from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode, uuid7

USER = "user { id name email role active version }"
PEOPLE = "{ users { totalCount nodes { name } } }"
NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"
FIRST_PASSWORD = "a first password 77"


def user_id(person: Person) -> str:
    return encode(Kind.USER, person.user.id)


def unit_id(unit: BusinessUnit) -> str:
    return encode(Kind.BUSINESS_UNIT, unit.id)


def codes(payload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(error["code"], error["path"]) for error in payload["errors"]]


async def create(kith: Kith, **fields: Any) -> dict[str, Any]:
    given = {"email": "bob@kith.example", "name": "Bob", "role": "AGENT", "password": FIRST_PASSWORD}
    return await kith.mutate("createUser", "CreateUserInput", USER, given | fields)


async def update(kith: Kith, person: Person, version: int = 1, **fields: Any) -> dict[str, Any]:
    given = {"id": user_id(person), "expectedVersion": version}
    return await kith.mutate("updateUser", "UpdateUserInput", USER, given | fields)


async def deactivate(kith: Kith, person: Person) -> dict[str, Any]:
    return await kith.mutate("deactivateUser", "UserInput", USER, {"id": user_id(person)})


async def reactivate(kith: Kith, person: Person) -> dict[str, Any]:
    return await kith.mutate("reactivateUser", "UserInput", USER, {"id": user_id(person)})


async def set_units(kith: Kith, person: Person, *units: BusinessUnit) -> dict[str, Any]:
    given = {"id": user_id(person), "unitIds": [unit_id(unit) for unit in units]}
    return await kith.mutate("setUserUnits", "SetUserUnitsInput", USER, given)


async def reset(kith: Kith, person: Person) -> dict[str, Any]:
    given = {"id": user_id(person), "newPassword": FIRST_PASSWORD}
    return await kith.mutate("resetPassword", "ResetPasswordInput", USER, given)


@pytest.fixture
async def admin(db: None, server: str) -> Kith:
    return Kith(server, (await make_user(Role.ADMIN, name="Ada Admin")).token)


# Who sees whom


async def test_people_see_those_they_share_a_unit_with_and_admins_everybody(server: str, admin: Kith) -> None:
    north, south = await make_unit(), await make_unit()
    ann = await make_user(Role.AGENT, [north], name="Ann")
    await make_user(Role.MANAGER, [north, south], name="Bea")
    cid = await make_user(Role.ANALYST, [south], name="Cid")
    await make_user(Role.AGENT, name="Dan")

    assert (await Kith(server, ann.token).graphql(PEOPLE))["users"] == {
        "totalCount": 2,
        "nodes": [{"name": "Ann"}, {"name": "Bea"}],
    }
    assert [u["name"] for u in (await Kith(server, cid.token).graphql(PEOPLE))["users"]["nodes"]] == [
        "Bea",
        "Cid",
    ]
    everybody = (await admin.graphql(PEOPLE))["users"]
    assert [user["name"] for user in everybody["nodes"]] == ["Ada Admin", "Ann", "Bea", "Cid", "Dan"]


async def test_a_stranger_does_not_exist_by_id_either(server: str, admin: Kith) -> None:
    ann, stranger = await make_user(Role.MANAGER, [await make_unit()]), await make_user()

    hidden = await Kith(server, ann.token).graphql(NODE, {"id": user_id(stranger)})
    known = await admin.graphql(NODE, {"id": user_id(stranger)})

    assert hidden == {"node": None}
    assert known == {"node": {"__typename": "User", "id": user_id(stranger)}}


async def test_a_unit_names_its_members(admin: Kith) -> None:
    north = await make_unit(name="North")
    for name in ("Bea", "Ann"):
        await make_user(Role.AGENT, [north], name=name)

    found = await admin.graphql("{ businessUnits { nodes { name members { totalCount nodes { name } } } } }")

    members = {"totalCount": 2, "nodes": [{"name": "Ann"}, {"name": "Bea"}]}
    assert found["businessUnits"]["nodes"] == [{"name": "North", "members": members}]


async def test_users_are_paged_in_both_directions(admin: Kith) -> None:
    for name in ("Bea", "Cid", "Dan"):
        await make_user(name=name)
    page = "{ nodes { name } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }"

    first = (await admin.graphql(f"{{ users(first: 2) {page} }}"))["users"]
    cursor = first["pageInfo"]["endCursor"]
    rest = (await admin.graphql(f'{{ users(first: 2, after: "{cursor}") {page} }}'))["users"]
    back = (await admin.graphql(f'{{ users(last: 1, before: "{rest["pageInfo"]["startCursor"]}") {page} }}'))[
        "users"
    ]

    assert [user["name"] for user in first["nodes"] + rest["nodes"]] == ["Ada Admin", "Bea", "Cid", "Dan"]
    assert (first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)
    assert [user["name"] for user in back["nodes"]] == ["Bea"]


# What admins may do


async def test_an_admin_adds_a_user_who_can_log_in_at_once(server: str, admin: Kith) -> None:
    north = await make_unit(name="North")

    made = await create(admin, role="MANAGER", unitIds=[unit_id(north)])

    assert made["errors"] == []
    assert made["user"] | {"id": ""} == {
        "id": "",
        "name": "Bob",
        "email": "bob@kith.example",
        "role": "MANAGER",
        "active": True,
        "version": 1,
    }
    given = {"email": "bob@kith.example", "password": FIRST_PASSWORD}
    login = await Kith(server).mutate("logIn", "LogInInput", "viewer { units { name } }", given)
    assert login["viewer"] == {"units": [{"name": "North"}]}


async def test_everything_wrong_with_a_new_user_comes_at_once(admin: Kith) -> None:
    before = await contents()

    refused = await create(admin, email="nowhere", name=" ", password="short")

    assert codes(refused) == [
        ("INVALID_EMAIL", ["email"]),
        ("REQUIRED", ["name"]),
        ("PASSWORD_TOO_SHORT", ["password"]),
    ]
    assert refused["user"] is None
    assert await contents() == before


async def test_a_user_is_not_added_twice_or_to_a_unit_that_is_not_there(admin: Kith) -> None:
    await create(admin)
    closed = await make_unit(archived_at="2026-01-01T00:00:00Z")
    before = await contents()

    twice = await create(admin, email="BOB@kith.example")
    nowhere = await create(admin, email="new@kith.example", unitIds=[encode(Kind.BUSINESS_UNIT, uuid7())])
    no_unit = await create(admin, email="new@kith.example", unitIds=["cus_0"])
    archived = await create(admin, email="new@kith.example", unitIds=[unit_id(closed)])

    assert codes(twice) == [("DUPLICATE_RECORD", ["email"])]
    assert [codes(each)[0] for each in (nowhere, no_unit, archived)] == [
        ("NOT_FOUND", ["unitIds"]),
        ("NOT_FOUND", ["unitIds"]),
        ("UNIT_ARCHIVED", ["unitIds"]),
    ]
    assert await contents() == before


async def test_a_duplicate_names_the_user_in_the_way(admin: Kith) -> None:
    bob = (await create(admin))["user"]
    document = """
    mutation ($input: CreateUserInput!) {
      createUser(input: $input) { errors { ... on DuplicateRecord { existing { id ... on User { name } } } } }
    }
    """
    given = {"email": "bob@kith.example", "name": "Robert", "role": "AGENT", "password": FIRST_PASSWORD}

    answer = await admin.graphql(document, {"input": given})

    assert answer["createUser"]["errors"] == [{"existing": {"id": bob["id"], "name": "Bob"}}]


async def test_a_user_is_changed_and_history_says_by_whom(admin: Kith) -> None:
    bob = await make_user(Role.AGENT, name="Bob")

    changed = await update(admin, bob, name="Robert", role="MANAGER")

    assert changed["errors"] == []
    assert (changed["user"]["name"], changed["user"]["role"], changed["user"]["version"]) == (
        *("Robert", "MANAGER"),
        2,
    )
    entry = await HistoryEntry.get(subject_id=bob.user.id)
    assert (entry.actor_name, entry.action) == ("Ada Admin", "update")
    assert {change["field"] for change in entry.changes} == {"name", "role"}


async def test_a_change_of_an_older_version_is_answered_with_the_user_as_they_are(admin: Kith) -> None:
    bob = await make_user(Role.AGENT, name="Bob")
    await update(admin, bob, name="Robert")
    before = await contents()
    document = """
    mutation ($input: UpdateUserInput!) {
      updateUser(input: $input) {
        user { id }
        errors { code path ... on VersionConflict { currentVersion current { ... on User { name } } } }
      }
    }
    """

    answer = await admin.graphql(
        document, {"input": {"id": user_id(bob), "expectedVersion": 1, "name": "Rob"}}
    )

    told = {"code": "VERSION_CONFLICT", "path": ["expectedVersion"]}
    current = {"currentVersion": 2, "current": {"name": "Robert"}}
    assert answer["updateUser"] == {"user": None, "errors": [told | current]}
    assert await contents() == before


async def test_a_deactivated_user_is_shut_out_at_once_and_may_come_back(server: str, admin: Kith) -> None:
    bob = await make_user(Role.AGENT)

    gone = await deactivate(admin, bob)

    assert (gone["errors"], gone["user"]["active"]) == ([], False)
    assert await Kith(server, bob.token).graphql("{ viewer { name } }") == {"viewer": None}
    again = await reactivate(admin, bob)
    assert (again["errors"], again["user"]["active"]) == ([], True)


@pytest.mark.parametrize(("active", "action"), [(False, deactivate), (True, reactivate)])
async def test_a_user_is_not_put_into_the_state_they_are_in(admin: Kith, active: bool, action: Any) -> None:
    bob = await make_user(active=active)
    before = await contents()

    refused = await action(admin, bob)

    assert codes(refused) == [("INVALID_TRANSITION", [])]
    assert refused["errors"][0]["__typename"] == "InvalidTransition"
    assert await contents() == before


async def test_the_last_admin_stays_an_admin(server: str, db: None) -> None:
    last = await make_user(Role.ADMIN)
    kith = Kith(server, last.token)
    before = await contents()

    demoted = await update(kith, last, role="AGENT")
    deactivated = await deactivate(kith, last)

    assert [codes(each)[0][0] for each in (demoted, deactivated)] == ["LAST_ADMIN", "LAST_ADMIN"]
    assert await contents() == before


async def test_new_units_change_what_a_user_reaches_from_the_next_request_on(
    server: str, admin: Kith
) -> None:
    north, south = await make_unit(name="North"), await make_unit(name="South")
    bob = await make_user(Role.AGENT, [north])

    assert (await set_units(admin, bob, south))["errors"] == []

    units = await Kith(server, bob.token).graphql("{ businessUnits { nodes { name } } }")
    assert units == {"businessUnits": {"nodes": [{"name": "South"}]}}


async def test_a_manager_of_customers_does_not_leave_their_unit(admin: Kith) -> None:
    unit = await make_unit(name="North")
    bob = await make_user(Role.AGENT, [unit])
    await make_live_customer(unit=unit, manager=bob.user)
    before = await contents()

    refused = await set_units(admin, bob)

    assert codes(refused) == [("USER_MANAGES_CUSTOMERS", ["unitIds"])]
    assert "'North'" in refused["errors"][0]["message"]
    assert await contents() == before


@pytest.mark.parametrize("action", [update, deactivate, reactivate, set_units, reset])
async def test_a_user_who_is_not_there_is_not_found(admin: Kith, action: Any) -> None:
    nobody = await make_user()
    await User.filter(id=nobody.user.id).delete()
    before = await contents()

    refused = await action(admin, nobody)

    assert codes(refused) == [("NOT_FOUND", ["id"])]
    assert await contents() == before


# That nobody else may


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AGENT, Role.ANALYST])
@pytest.mark.parametrize("action", [update, deactivate, reactivate, set_units, reset])
async def test_only_admins_change_users(server: str, db: None, role: Role, action: Any) -> None:
    unit = await make_unit()
    kith, bob = Kith(server, (await make_user(role, [unit])).token), await make_user(Role.AGENT, [unit])
    before = await contents()

    refused = await action(kith, bob)

    assert [code for code, _ in codes(refused)] == ["FORBIDDEN"]
    assert refused["errors"][0]["__typename"] == "ForbiddenError"
    assert refused["user"] is None
    assert await contents() == before


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AGENT, Role.ANALYST])
async def test_only_admins_add_users(server: str, db: None, role: Role) -> None:
    kith = Kith(server, (await make_user(role)).token)
    before = await contents()

    refused = await create(kith, role="ADMIN")

    assert [code for code, _ in codes(refused)] == ["FORBIDDEN"]
    assert await contents() == before


async def test_nobody_adds_or_reads_users(server: str, db: None) -> None:
    before = await contents()

    for attempt in (create(Kith(server)), Kith(server).graphql(PEOPLE)):
        with pytest.raises(GraphQLFailed) as refusal:
            await attempt
        assert refusal.value.codes == ["UNAUTHENTICATED"]

    assert await contents() == before
