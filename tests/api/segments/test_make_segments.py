"""Making segments through the API, and how each refusal reads."""

from typing import Any

import pytest
from database_contents import contents
from factories import (
    Person,
    make_customer,
    make_segment,
    make_unit,
    make_user,
)
from kith_client import Kith

from crm.accounts.models import BusinessUnit
from crm.audit.models import HistoryEntry
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode
from crm.kernel.models import OutboxJob
from crm.segments.models import Segment
from crm.segments.refresh import REFRESH
from tests.api.segments.segment_calls import FIELDS, RULE, id_of, unit_id_of

pytestmark = pytest.mark.usefixtures("db")


async def test_a_static_segment_is_made_in_the_callers_only_unit(server: str, manager: Person) -> None:
    given = {"name": " Friends ", "description": "Old\r\nones"}

    payload = await Kith(server, manager.token).mutate(
        "createStaticSegment", "CreateStaticSegmentInput", FIELDS, given
    )

    segment = await Segment.get()
    assert payload == {
        "segment": {
            "id": id_of(segment),
            "name": "Friends",
            "description": "Old\nones",
            "type": "STATIC",
            "rule": None,
            "refreshedAt": None,
            "staleSince": None,
            "version": 1,
            "memberCount": 0,
            "unit": {"name": "North"},
            "createdBy": {"name": manager.user.name},
        },
        "errors": [],
    }
    entry = await HistoryEntry.get()
    assert (entry.action, entry.subject_id, entry.customer_id) == ("create_segment", segment.id, None)
    assert not await OutboxJob.exists(kind=REFRESH)


async def test_a_dynamic_segment_keeps_its_rule_as_it_was_given_and_awaits_its_members(
    server: str, manager: Person
) -> None:
    payload = await Kith(server, manager.token).mutate(
        "createDynamicSegment", "CreateDynamicSegmentInput", FIELDS, {"name": "Big", "rule": RULE}
    )

    assert payload["errors"] == []
    assert payload["segment"]["rule"] == RULE
    assert payload["segment"]["type"] == "DYNAMIC"
    assert payload["segment"]["staleSince"] is not None
    job = await OutboxJob.get(kind=REFRESH)
    assert job.payload == {"segment_id": str((await Segment.get()).id)}


async def test_an_admin_makes_one_over_all_units_which_nobody_else_sees(server: str, manager: Person) -> None:
    admin = await make_user(Role.ADMIN)

    made = await Kith(server, admin.token).mutate(
        "createStaticSegment", "CreateStaticSegmentInput", FIELDS, {"name": "All"}
    )

    assert made["segment"]["unit"] is None
    read = "query ($id: ID!) { segment(id: $id) { name } node(id: $id) { id } segments { totalCount } }"
    seen = await Kith(server, manager.token).graphql(read, {"id": made["segment"]["id"]})
    assert seen == {"segment": None, "node": None, "segments": {"totalCount": 0}}


@pytest.mark.parametrize(
    ("given", "errors"),
    [
        ({"name": " ", "rule": {}}, [("InputError", "REQUIRED", ["name"])]),
        (
            {"name": "n" * 121, "description": "d" * 2001, "rule": {}},
            [("InputError", "TOO_LONG", ["name"]), ("InputError", "TOO_LONG", ["description"])],
        ),
        (
            {"name": "", "rule": {"industry": {"eq": "cus_1"}, "not": {"contractValue": {"between": ["1"]}}}},
            [
                ("InputError", "REQUIRED", ["name"]),
                ("InputError", "INVALID_FILTER", ["rule", "not", "contractValue", "between"]),
                ("InputError", "INVALID_FILTER", ["rule", "industry", "eq"]),
            ],
        ),
        (
            {"name": "Loose", "rule": {"segments": {"none": {}}}},
            [("InputError", "SEGMENT_NOT_NAMED", ["rule", "segments", "none"])],
        ),
        (
            {"name": "Lost", "rule": {"segments": {"some": {"segment": {"eq": f"seg_{'0' * 32}"}}}}},
            [("InputError", "UNKNOWN_SEGMENT", ["rule", "segments", "some"])],
        ),
        (
            {"name": "Far", "rule": {}, "unitId": f"unit_{'0' * 32}"},
            [("NotFoundError", "NOT_FOUND", ["unitId"])],
        ),
        ({"name": "Far", "rule": {}, "unitId": "cus_1"}, [("NotFoundError", "NOT_FOUND", ["unitId"])]),
    ],
)
async def test_a_segment_that_says_something_wrong_is_not_made(
    server: str, manager: Person, given: dict[str, Any], errors: list[tuple[str, str, list[str]]]
) -> None:
    before = await contents()

    payload = await Kith(server, manager.token).mutate(
        "createDynamicSegment", "CreateDynamicSegmentInput", FIELDS, given
    )

    assert payload["segment"] is None
    assert sorted((e["__typename"], e["code"], e["path"]) for e in payload["errors"]) == sorted(errors)
    assert await contents() == before


@pytest.mark.parametrize(
    ("given", "typename", "code", "path"),
    [
        ({}, "InputError", "REQUIRED", ["unitId"]),
        ({"unit": "foreign"}, "NotFoundError", "NOT_FOUND", ["unitId"]),
        ({"unit": "archived"}, "RuleError", "UNIT_ARCHIVED", ["unitId"]),
    ],
)
async def test_a_segment_needs_a_unit_in_use_that_its_maker_reaches(
    server: str, unit: BusinessUnit, given: dict[str, str], typename: str, code: str, path: list[str]
) -> None:
    units = {"foreign": await make_unit(), "archived": await make_unit(archived_at=now())}
    manager = await make_user(Role.MANAGER, [unit, units["archived"]])
    named = {"unitId": unit_id_of(units[given["unit"]])} if given else {}
    before = await contents()

    payload = await Kith(server, manager.token).mutate(
        "createStaticSegment", "CreateStaticSegmentInput", FIELDS, {"name": "Friends", **named}
    )

    (error,) = payload["errors"]
    assert (error["__typename"], error["code"], error["path"]) == (typename, code, path)
    assert await contents() == before


@pytest.mark.parametrize("role", [Role.AGENT, Role.ANALYST])
async def test_only_managers_and_admins_change_segments(server: str, unit: BusinessUnit, role: Role) -> None:
    person = await make_user(role, [unit])
    static, dynamic = await make_segment(unit=unit), await make_segment(unit=unit, rule={})
    customer = await make_customer(unit=unit)
    some = {"id": id_of(static), "customerIds": [encode(Kind.CUSTOMER, customer.id)]}
    attempts: list[tuple[str, str, dict[str, Any]]] = [
        ("createStaticSegment", "CreateStaticSegmentInput", {"name": "Mine"}),
        ("createDynamicSegment", "CreateDynamicSegmentInput", {"name": "Mine", "rule": {}}),
        ("updateSegment", "UpdateSegmentInput", {"id": id_of(static), "name": "Mine"}),
        ("archiveSegment", "SegmentInput", {"id": id_of(static)}),
        ("restoreSegment", "SegmentInput", {"id": id_of(static)}),
        ("deleteSegment", "SegmentInput", {"id": id_of(static)}),
        ("refreshSegment", "SegmentInput", {"id": id_of(dynamic)}),
        ("addCustomersToSegment", "SegmentCustomersInput", some),
        ("removeCustomersFromSegment", "SegmentCustomersInput", some),
    ]
    before = await contents()

    for name, input_type, given in attempts:
        payload = await Kith(server, person.token).mutate(name, input_type, "", given)
        assert [(e["__typename"], e["code"]) for e in payload["errors"]] == [
            ("ForbiddenError", "FORBIDDEN")
        ], name

    assert await contents() == before


async def test_a_name_is_taken_once_in_a_unit(server: str, unit: BusinessUnit, manager: Person) -> None:
    taken, other = await make_segment(unit=unit, name="Friends"), await make_segment(unit=unit, name="Others")
    await make_segment(name="Elsewhere")
    await make_segment(unit=unit, name="Former", archived_at=now())
    errors = "errors { code path ... on DuplicateRecord { existing { id } } }"
    create = f"mutation ($input: CreateStaticSegmentInput!) {{ done: createStaticSegment(input: $input) {{ {errors} }} }}"
    update = f"mutation ($input: UpdateSegmentInput!) {{ done: updateSegment(input: $input) {{ {errors} }} }}"
    kith = Kith(server, manager.token)
    before = await contents()

    refused = [
        await kith.graphql(create, {"input": {"name": "FRIENDS"}}),
        await kith.graphql(update, {"input": {"id": id_of(other), "name": "friends"}}),
    ]

    named = {"code": "DUPLICATE_RECORD", "path": ["name"], "existing": {"id": id_of(taken)}}
    assert [each["done"]["errors"] for each in refused] == [[named], [named]]
    assert await contents() == before
    for free in ("Elsewhere", "Former"):
        assert (await kith.graphql(create, {"input": {"name": free}}))["done"]["errors"] == []
