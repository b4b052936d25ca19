"""Business units through HTTP."""

from typing import Any

import pytest
from database_contents import contents
from factories import make_customer, make_unit, make_user
from kith_client import Kith

from crm.accounts.models import BusinessUnit
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode, uuid7

UNIT = "businessUnit { id name timeZone archivedAt version }"
UNITS = "{ businessUnits { totalCount nodes { name } } }"


def codes(payload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(error["code"], error["path"]) for error in payload["errors"]]


async def create(kith: Kith, unit: BusinessUnit | None = None, **fields: Any) -> dict[str, Any]:
    del unit
    given = {"name": "North", "timeZone": "Europe/Berlin"} | fields
    return await kith.mutate("createBusinessUnit", "CreateBusinessUnitInput", UNIT, given)


async def update(kith: Kith, unit: BusinessUnit, version: int = 1, **fields: Any) -> dict[str, Any]:
    given = {"id": encode(Kind.BUSINESS_UNIT, unit.id), "expectedVersion": version, "name": "Renamed"}
    return await kith.mutate("updateBusinessUnit", "UpdateBusinessUnitInput", UNIT, given | fields)


async def archive(kith: Kith, unit: BusinessUnit) -> dict[str, Any]:
    given = {"id": encode(Kind.BUSINESS_UNIT, unit.id)}
    return await kith.mutate("archiveBusinessUnit", "BusinessUnitInput", UNIT, given)


async def restore(kith: Kith, unit: BusinessUnit) -> dict[str, Any]:
    given = {"id": encode(Kind.BUSINESS_UNIT, unit.id)}
    return await kith.mutate("restoreBusinessUnit", "BusinessUnitInput", UNIT, given)


@pytest.fixture
async def admin(db: None, server: str) -> Kith:
    return Kith(server, (await make_user(Role.ADMIN)).token)


async def test_members_see_their_units_and_admins_all_archived_ones_included(
    server: str, admin: Kith
) -> None:
    north = await make_unit(name="North")
    await make_unit(name="Closed", archived_at=now())
    member = await make_user(Role.MANAGER, [north])

    assert (await Kith(server, member.token).graphql(UNITS))["businessUnits"] == {
        "totalCount": 1,
        "nodes": [{"name": "North"}],
    }
    assert [unit["name"] for unit in (await admin.graphql(UNITS))["businessUnits"]["nodes"]] == [
        "Closed",
        "North",
    ]


async def test_a_unit_of_others_does_not_exist_by_id(server: str, db: None) -> None:
    other, kith = await make_unit(), Kith(server, (await make_user(Role.MANAGER, [await make_unit()])).token)

    found = await kith.graphql(
        "query ($id: ID!) { node(id: $id) { id } }", {"id": encode(Kind.BUSINESS_UNIT, other.id)}
    )

    assert found == {"node": None}


async def test_a_unit_is_opened_renamed_closed_and_opened_again(admin: Kith) -> None:
    made = await create(admin)
    assert made["errors"] == []
    assert (made["businessUnit"]["name"], made["businessUnit"]["timeZone"]) == ("North", "Europe/Berlin")
    unit = await BusinessUnit.get(name="North")

    renamed = await update(admin, unit, name="Far North", timeZone="Asia/Tokyo")
    archived = await archive(admin, unit)
    restored = await restore(admin, unit)

    assert (renamed["businessUnit"]["name"], renamed["businessUnit"]["timeZone"]) == (
        "Far North",
        "Asia/Tokyo",
    )
    assert archived["businessUnit"]["archivedAt"] is not None
    assert (restored["businessUnit"]["archivedAt"], restored["businessUnit"]["version"]) == (None, 4)


async def test_a_units_name_is_free_again_once_it_is_archived_but_not_for_both(admin: Kith) -> None:
    first = await make_unit(name="North")
    before = await contents()

    refused = await create(admin, name="NORTH")

    assert codes(refused) == [("DUPLICATE_RECORD", ["name"])]
    assert await contents() == before
    await archive(admin, first)
    assert (await create(admin, name="North"))["errors"] == []
    before = await contents()
    assert codes(await restore(admin, first)) == [("DUPLICATE_RECORD", ["name"])]
    assert await contents() == before


async def test_a_unit_with_customers_stays_open(admin: Kith) -> None:
    unit = await make_unit()
    await make_customer(unit=unit)
    before = await contents()

    assert [code for code, _ in codes(await archive(admin, unit))] == ["UNIT_HAS_CUSTOMERS"]

    assert await contents() == before


@pytest.mark.parametrize(("closed", "action"), [(True, archive), (False, restore)])
async def test_a_unit_is_not_put_into_the_state_it_is_in(admin: Kith, closed: bool, action: Any) -> None:
    unit = await make_unit(archived_at=now() if closed else None)
    before = await contents()

    assert codes(await action(admin, unit)) == [("INVALID_TRANSITION", [])]

    assert await contents() == before


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": " "}, ("REQUIRED", ["name"])),
        ({"name": "x" * 121}, ("TOO_LONG", ["name"])),
        ({"name": "a\nb"}, ("CONTROL_CHARACTERS", ["name"])),
        ({"timeZone": "Mars/Olympus"}, ("INVALID_TIME_ZONE", ["timeZone"])),
    ],
)
@pytest.mark.parametrize("action", [create, update])
async def test_a_bad_name_or_time_zone_is_refused(
    admin: Kith, action: Any, fields: dict[str, str], expected: tuple[str, list[str]]
) -> None:
    unit = await make_unit()
    before = await contents()

    assert codes(await action(admin, unit, **fields)) == [expected]

    assert await contents() == before


async def test_a_change_of_an_older_version_is_refused(admin: Kith) -> None:
    unit = await make_unit()
    await update(admin, unit, name="Newer")
    before = await contents()

    refused = await update(admin, unit, name="Older")

    assert codes(refused) == [("VERSION_CONFLICT", ["expectedVersion"])]
    assert await contents() == before


@pytest.mark.parametrize("action", [update, archive, restore])
async def test_a_unit_that_is_not_there_is_not_found(admin: Kith, action: Any) -> None:
    before = await contents()

    assert codes(await action(admin, BusinessUnit(id=uuid7()))) == [("NOT_FOUND", ["id"])]

    assert await contents() == before


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AGENT, Role.ANALYST])
@pytest.mark.parametrize("action", [create, update, archive, restore])
async def test_only_admins_change_units(server: str, db: None, role: Role, action: Any) -> None:
    unit = await make_unit()
    kith = Kith(server, (await make_user(role, [unit])).token)
    before = await contents()

    refused = await action(kith, unit)

    assert [code for code, _ in codes(refused)] == ["FORBIDDEN"]
    assert refused["businessUnit"] is None
    assert await contents() == before
