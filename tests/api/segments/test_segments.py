"""Making, changing and reading segments through the API, and how each refusal reads."""

from datetime import timedelta
from typing import Any

import pytest
from database_contents import contents
from factories import (
    Person,
    make_contact,
    make_customer,
    make_segment,
    make_unit,
    make_user,
)
from kith_client import GraphQLFailed, Kith

from crm.accounts.models import BusinessUnit
from crm.accounts.tokens import create_token
from crm.audit.models import HistoryEntry
from crm.customers.models import Customer
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode
from crm.kernel.models import OutboxJob
from crm.segments.models import Segment, SegmentMembership
from crm.segments.refresh import REFRESH, refresh

pytestmark = pytest.mark.usefixtures("db")

FIELDS = "segment { id name description type rule refreshedAt staleSince version memberCount unit { name } createdBy { name } }"
RULE = {
    "or": [{"country": {"in": ["DE", "FR"]}}, {"contractValue": {"gt": "100000"}}],
    "status": {"eq": "PROSPECT"},
    "contacts": {"some": {"consent": {"eq": "GIVEN"}, "primary": {"eq": True}}},
}


@pytest.fixture
async def unit() -> BusinessUnit:
    return await make_unit(name="North")


@pytest.fixture
async def manager(unit: BusinessUnit) -> Person:
    return await make_user(Role.MANAGER, [unit])


def _id(segment: Segment) -> str:
    return encode(Kind.SEGMENT, segment.id)


def _unit_id(unit: BusinessUnit) -> str:
    return encode(Kind.BUSINESS_UNIT, unit.id)


# Making them


async def test_a_static_segment_is_made_in_the_callers_only_unit(server: str, manager: Person) -> None:
    given = {"name": " Friends ", "description": "Old\r\nones"}

    payload = await Kith(server, manager.token).mutate(
        "createStaticSegment", "CreateStaticSegmentInput", FIELDS, given
    )

    segment = await Segment.get()
    assert payload == {
        "segment": {
            "id": _id(segment),
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
    named = {"unitId": _unit_id(units[given["unit"]])} if given else {}
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
    some = {"id": _id(static), "customerIds": [encode(Kind.CUSTOMER, customer.id)]}
    attempts: list[tuple[str, str, dict[str, Any]]] = [
        ("createStaticSegment", "CreateStaticSegmentInput", {"name": "Mine"}),
        ("createDynamicSegment", "CreateDynamicSegmentInput", {"name": "Mine", "rule": {}}),
        ("updateSegment", "UpdateSegmentInput", {"id": _id(static), "name": "Mine"}),
        ("archiveSegment", "SegmentInput", {"id": _id(static)}),
        ("restoreSegment", "SegmentInput", {"id": _id(static)}),
        ("deleteSegment", "SegmentInput", {"id": _id(static)}),
        ("refreshSegment", "SegmentInput", {"id": _id(dynamic)}),
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
        await kith.graphql(update, {"input": {"id": _id(other), "name": "friends"}}),
    ]

    named = {"code": "DUPLICATE_RECORD", "path": ["name"], "existing": {"id": _id(taken)}}
    assert [each["done"]["errors"] for each in refused] == [[named], [named]]
    assert await contents() == before
    for free in ("Elsewhere", "Former"):
        assert (await kith.graphql(create, {"input": {"name": free}}))["done"]["errors"] == []


# Changing them


async def test_changes_are_kept_with_their_history(server: str, unit: BusinessUnit, manager: Person) -> None:
    segment = await make_segment(unit=unit, name="Friends", rule={}, description="Old")
    given = {
        "id": _id(segment),
        "expectedVersion": 1,
        "name": "Big friends",
        "description": None,
        "rule": RULE,
    }

    payload = await Kith(server, manager.token).mutate("updateSegment", "UpdateSegmentInput", FIELDS, given)

    changed = payload["segment"]
    assert (changed["name"], changed["description"], changed["rule"]) == ("Big friends", None, RULE)
    assert changed["version"] == 2
    assert changed["staleSince"] is not None
    assert await OutboxJob.filter(kind=REFRESH).count() == 1
    entry = await HistoryEntry.get()
    assert entry.action == "update_segment"
    assert {change["field"]: (change["before"], change["after"]) for change in entry.changes} == {
        "name": ("Friends", "Big friends"),
        "description": ("Old", None),
        "rule": ({}, RULE),
    }


async def test_what_is_so_already_is_no_change(server: str, unit: BusinessUnit, manager: Person) -> None:
    segment = await make_segment(unit=unit, name="Friends", rule=RULE)
    before = await contents()

    payload = await Kith(server, manager.token).mutate(
        "updateSegment", "UpdateSegmentInput", FIELDS, {"id": _id(segment), "name": "Friends", "rule": RULE}
    )

    assert (payload["segment"]["version"], payload["segment"]["staleSince"]) == (1, None)
    assert await contents() == before


async def test_a_new_name_alone_awaits_no_refresh(server: str, unit: BusinessUnit, manager: Person) -> None:
    segment = await make_segment(unit=unit, rule={})

    payload = await Kith(server, manager.token).mutate(
        "updateSegment", "UpdateSegmentInput", FIELDS, {"id": _id(segment), "name": "New"}
    )

    assert payload["segment"]["staleSince"] is None
    assert not await OutboxJob.exists(kind=REFRESH)


async def test_an_older_version_is_answered_with_the_segment_as_it_is(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    segment = await make_segment(unit=unit, name="Friends", version=7)
    document = (
        "mutation ($input: UpdateSegmentInput!) { updateSegment(input: $input) { segment { id } errors { code path "
        "... on VersionConflict { currentVersion current { ... on Segment { name } } } } } }"
    )
    before = await contents()

    answer = await Kith(server, manager.token).graphql(
        document, {"input": {"id": _id(segment), "expectedVersion": 6, "name": "Other"}}
    )

    conflict = {
        "code": "VERSION_CONFLICT",
        "path": ["expectedVersion"],
        "currentVersion": 7,
        "current": {"name": "Friends"},
    }
    assert answer["updateSegment"] == {"segment": None, "errors": [conflict]}
    assert await contents() == before


@pytest.mark.parametrize(
    ("kind", "given", "typename", "code", "path"),
    [
        ("static", {"rule": {}}, "RuleError", "SEGMENT_IS_STATIC", ["rule"]),
        ("dynamic", {"rule": None}, "InputError", "REQUIRED", ["rule"]),
        ("dynamic", {"name": None}, "InputError", "REQUIRED", ["name"]),
        ("dynamic", {"rule": {"unit": {"eq": "x"}}}, "InputError", "INVALID_FILTER", ["rule", "unit", "eq"]),
        ("archived", {"name": "New"}, "RuleError", "SEGMENT_ARCHIVED", ["id"]),
        ("foreign", {"name": "New"}, "NotFoundError", "NOT_FOUND", ["id"]),
        ("everywhere", {"name": "New"}, "NotFoundError", "NOT_FOUND", ["id"]),
    ],
)
async def test_a_wrong_change_is_refused(
    server: str,
    unit: BusinessUnit,
    manager: Person,
    kind: str,
    given: dict[str, Any],
    typename: str,
    code: str,
    path: list[str],
) -> None:
    segments = {
        "static": await make_segment(unit=unit),
        "dynamic": await make_segment(unit=unit, rule={}),
        "archived": await make_segment(unit=unit, archived_at=now()),
        "foreign": await make_segment(unit=await make_unit()),
        "everywhere": await make_segment(),
    }
    before = await contents()

    payload = await Kith(server, manager.token).mutate(
        "updateSegment", "UpdateSegmentInput", FIELDS, {"id": _id(segments[kind]), **given}
    )

    assert [(e["__typename"], e["code"], e["path"]) for e in payload["errors"]] == [(typename, code, path)]
    assert await contents() == before


async def test_a_segment_is_archived_and_restored_with_its_members(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    customer = await make_customer(unit=unit)
    segment = await make_segment(unit=unit, rule={}, members=[customer], stale_since=now())
    kith, named = Kith(server, manager.token), {"id": _id(segment)}
    state = "segment { archivedAt staleSince memberCount version }"

    archived = (await kith.mutate("archiveSegment", "SegmentInput", state, named))["segment"]
    unused = await kith.graphql(
        "{ segments { nodes { id } } archived: segments(archived: true) { nodes { id } } }"
    )
    moved = await refresh(segment.id)
    restored = (await kith.mutate("restoreSegment", "SegmentInput", state, named))["segment"]

    assert archived["archivedAt"] is not None
    assert (archived["staleSince"], archived["memberCount"], archived["version"]) == (None, 1, 2)
    assert unused == {"segments": {"nodes": []}, "archived": {"nodes": [named]}}
    assert moved is None
    assert (restored["archivedAt"], restored["version"]) == (None, 3)
    assert restored["staleSince"] is not None
    assert await HistoryEntry.all().order_by("id").values_list("action", flat=True) == [
        "archive_segment",
        "restore_segment",
    ]


@pytest.mark.parametrize(
    ("mutation", "archived", "code"),
    [
        ("archiveSegment", True, "INVALID_TRANSITION"),
        ("restoreSegment", False, "INVALID_TRANSITION"),
        ("refreshSegment", True, "SEGMENT_ARCHIVED"),
    ],
)
async def test_what_the_state_of_a_segment_does_not_allow_is_refused(
    server: str, unit: BusinessUnit, manager: Person, mutation: str, archived: bool, code: str
) -> None:
    segment = await make_segment(unit=unit, rule={}, archived_at=now() if archived else None)
    before = await contents()

    payload = await Kith(server, manager.token).mutate(mutation, "SegmentInput", "", {"id": _id(segment)})

    assert [error["code"] for error in payload["errors"]] == [code]
    assert await contents() == before


async def test_a_segment_is_not_restored_onto_a_name_given_away(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    old = await make_segment(unit=unit, name="Friends", archived_at=now())
    await make_segment(unit=unit, name="friends")
    before = await contents()

    payload = await Kith(server, manager.token).mutate("restoreSegment", "SegmentInput", "", {"id": _id(old)})

    assert [error["code"] for error in payload["errors"]] == ["DUPLICATE_RECORD"]
    assert await contents() == before


async def test_a_deleted_segment_is_gone_and_its_customers_stay(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    customer = await make_customer(unit=unit)
    segment = await make_segment(unit=unit, members=[customer])

    payload = await Kith(server, manager.token).mutate(
        "deleteSegment", "SegmentInput", "deletedId", {"id": _id(segment)}
    )

    assert payload == {"deletedId": _id(segment), "errors": []}
    assert not await SegmentMembership.exists()
    assert await Customer.exists(id=customer.id)
    entry = await HistoryEntry.get()
    assert (entry.action, entry.subject_id) == ("delete_segment", segment.id)


@pytest.mark.parametrize("mutation", ["archiveSegment", "deleteSegment"])
async def test_a_segment_another_rule_speaks_of_stays(
    server: str, unit: BusinessUnit, manager: Person, mutation: str
) -> None:
    used = await make_segment(unit=unit)
    await make_segment(
        unit=unit, name="User", rule={"not": {"segments": {"some": {"segment": {"eq": _id(used)}}}}}
    )
    before = await contents()

    payload = await Kith(server, manager.token).mutate(mutation, "SegmentInput", "", {"id": _id(used)})

    (error,) = payload["errors"]
    assert (error["__typename"], error["code"]) == ("RuleError", "SEGMENT_IN_USE")
    assert "'User'" in error["message"]
    assert await contents() == before


async def test_a_rule_that_leads_back_to_its_own_segment_is_refused(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    first = await make_segment(unit=unit, rule={})
    second = await make_segment(unit=unit, rule={"segments": {"some": {"segment": {"in": [_id(first)]}}}})
    kith = Kith(server, manager.token)
    before = await contents()

    for target in (first, second):
        rule = {"and": [{"segments": {"none": {"segment": {"eq": _id(target)}}}}]}
        payload = await kith.mutate(
            "updateSegment", "UpdateSegmentInput", "", {"id": _id(first), "rule": rule}
        )
        assert [(e["code"], e["path"]) for e in payload["errors"]] == [
            ("SEGMENT_CYCLE", ["rule", "and", "0", "segments", "none"])
        ]

    assert await contents() == before


async def test_a_refresh_that_is_asked_for_awaits_a_worker(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    segment, static = await make_segment(unit=unit, rule={}), await make_segment(unit=unit)
    kith = Kith(server, manager.token)

    asked = await kith.mutate("refreshSegment", "SegmentInput", FIELDS, {"id": _id(segment)})
    refused = await kith.mutate("refreshSegment", "SegmentInput", FIELDS, {"id": _id(static)})
    await refresh(segment.id)
    after = await kith.graphql(
        "query ($id: ID!) { segment(id: $id) { staleSince refreshedAt } }", {"id": _id(segment)}
    )

    assert asked["segment"]["staleSince"] is not None
    assert [error["code"] for error in refused["errors"]] == ["SEGMENT_IS_STATIC"]
    assert await OutboxJob.filter(kind=REFRESH).count() == 1
    assert after["segment"]["staleSince"] is None
    assert after["segment"]["refreshedAt"] is not None


async def test_the_same_key_makes_a_segment_once(server: str, manager: Person) -> None:
    kith = Kith(server, manager.token)
    given = {"name": "Friends", "rule": RULE}

    answers = [
        await kith.mutate(
            "createDynamicSegment", "CreateDynamicSegmentInput", FIELDS, given, **{"idempotency-key": "k"}
        )
        for _ in range(2)
    ]

    assert answers[0] == answers[1]
    assert await Segment.all().count() == 1


# Reading them


async def test_segments_are_listed_by_name_and_found_by_type_and_words(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    await make_segment(unit=unit, name="Zürich friends", description="Met at the fair")
    await make_segment(unit=unit, name="Big ones", rule={})
    await make_segment(unit=await make_unit(), name="Foreign")
    kith = Kith(server, manager.token)

    async def names(arguments: str = "") -> list[str]:
        found = await kith.graphql(f"{{ segments{arguments} {{ nodes {{ name }} }} }}")
        return [node["name"] for node in found["segments"]["nodes"]]

    assert await names() == ["Big ones", "Zürich friends"]
    assert await names("(type: DYNAMIC)") == ["Big ones"]
    assert await names('(search: "zurich FAIR")') == ["Zürich friends"]
    assert await names('(search: "100%")') == []


async def test_a_list_of_segments_is_walked_by_pages(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    for number in range(3):
        await make_segment(unit=unit, name=f"Segment {number}")
    document = (
        "query ($after: String) { segments(first: 2, after: $after) "
        "{ totalCount nodes { name } pageInfo { hasNextPage endCursor } } }"
    )
    kith = Kith(server, manager.token)

    first = (await kith.graphql(document))["segments"]
    second = (await kith.graphql(document, {"after": first["pageInfo"]["endCursor"]}))["segments"]

    assert first["totalCount"] == 3
    assert first["pageInfo"]["hasNextPage"] is True
    assert [node["name"] for node in (*first["nodes"], *second["nodes"])] == [
        "Segment 0",
        "Segment 1",
        "Segment 2",
    ]


async def test_a_preview_tells_whom_the_segment_then_has(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    for number in range(7):
        await make_contact(
            await make_customer(unit=unit, name=f"Customer {number}", address_country="DE"), consent="GIVEN"
        )
    await make_customer(unit=unit, name="Another", address_country="DE")
    await make_contact(await make_customer(address_country="DE"), consent="GIVEN")
    await make_contact(
        await make_customer(unit=unit, address_country="DE", archived_at=now()), consent="GIVEN"
    )
    kith = Kith(server, manager.token)
    before = await contents()

    document = (
        "query ($rule: CustomerFilter!, $unit: ID) "
        "{ previewSegment(rule: $rule, unitId: $unit) { count sample { name } } }"
    )
    preview = (await kith.graphql(document, {"rule": RULE}))["previewSegment"]
    named = (await kith.graphql(document, {"rule": RULE, "unit": _unit_id(unit)}))["previewSegment"]
    unchanged = await contents() == before
    made = await kith.mutate(
        "createDynamicSegment", "CreateDynamicSegmentInput", FIELDS, {"name": "Big", "rule": RULE}
    )
    await refresh((await Segment.get()).id)
    after = await kith.graphql(
        "query ($id: ID!) { segment(id: $id) { memberCount customers(first: 5) { nodes { name } } } }",
        {"id": made["segment"]["id"]},
    )

    assert preview == named == {"count": 7, "sample": [{"name": f"Customer {number}"} for number in range(5)]}
    assert unchanged
    assert after["segment"] == {"memberCount": 7, "customers": {"nodes": preview["sample"]}}


async def test_a_preview_sees_no_unit_its_caller_does_not_reach(server: str, manager: Person) -> None:
    foreign = await make_unit()
    await make_customer(unit=foreign)
    document = "query ($unit: ID) { previewSegment(rule: {}, unitId: $unit) { count sample { id } } }"

    assert await Kith(server, manager.token).graphql(document, {"unit": _unit_id(foreign)}) == {
        "previewSegment": {"count": 0, "sample": []}
    }
    admin = await make_user(Role.ADMIN)
    assert (await Kith(server, admin.token).graphql(document))["previewSegment"]["count"] == 1


async def test_a_preview_of_a_wrong_rule_names_what_is_wrong(server: str, manager: Person) -> None:
    with pytest.raises(GraphQLFailed) as refusal:
        await Kith(server, manager.token).graphql('{ previewSegment(rule: {unit: {eq: "x"}}) { count } }')

    (error,) = refusal.value.errors
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["extensions"]["problems"] == [{"path": ["rule", "unit", "eq"], "code": "INVALID_FILTER"}]


async def test_nobody_reads_segments_without_logging_in(server: str) -> None:
    for query in ("{ segments { totalCount } }", "{ previewSegment(rule: {}) { count } }"):
        with pytest.raises(GraphQLFailed) as refusal:
            await Kith(server).graphql(query)
        assert refusal.value.codes == ["UNAUTHENTICATED"]


async def test_a_token_that_may_only_read_changes_nothing(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    segment = await make_segment(unit=unit, rule={})
    token = await create_token(actor=manager.actor, name="Script", expires_at=now() + timedelta(days=1))
    kith = Kith(server, token.secret)
    before = await contents(without=("api_token",))

    read = await kith.graphql("{ segments { totalCount } }")
    payload = await kith.mutate("refreshSegment", "SegmentInput", "", {"id": _id(segment)})

    assert read == {"segments": {"totalCount": 1}}
    assert [error["code"] for error in payload["errors"]] == ["FORBIDDEN"]
    assert await contents(without=("api_token",)) == before
