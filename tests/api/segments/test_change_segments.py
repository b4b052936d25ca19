"""Changing, archiving, deleting and refreshing segments through the API, and how each refusal reads."""

from typing import Any

import pytest
from database_contents import contents
from factories import (
    Person,
    make_customer,
    make_segment,
    make_unit,
)
from kith_client import Kith

from crm.accounts.models import BusinessUnit
from crm.audit.models import HistoryEntry
from crm.customers.models import Customer
from crm.kernel.clock import now
from crm.kernel.models import OutboxJob
from crm.segments.models import Segment, SegmentMembership
from crm.segments.refresh import REFRESH, refresh
from tests.api.segments.segment_calls import FIELDS, RULE, id_of

pytestmark = pytest.mark.usefixtures("db")


async def test_changes_are_kept_with_their_history(server: str, unit: BusinessUnit, manager: Person) -> None:
    segment = await make_segment(unit=unit, name="Friends", rule={}, description="Old")
    given = {
        "id": id_of(segment),
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
        "updateSegment", "UpdateSegmentInput", FIELDS, {"id": id_of(segment), "name": "Friends", "rule": RULE}
    )

    assert (payload["segment"]["version"], payload["segment"]["staleSince"]) == (1, None)
    assert await contents() == before


async def test_a_new_name_alone_awaits_no_refresh(server: str, unit: BusinessUnit, manager: Person) -> None:
    segment = await make_segment(unit=unit, rule={})

    payload = await Kith(server, manager.token).mutate(
        "updateSegment", "UpdateSegmentInput", FIELDS, {"id": id_of(segment), "name": "New"}
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
        document, {"input": {"id": id_of(segment), "expectedVersion": 6, "name": "Other"}}
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
        "updateSegment", "UpdateSegmentInput", FIELDS, {"id": id_of(segments[kind]), **given}
    )

    assert [(e["__typename"], e["code"], e["path"]) for e in payload["errors"]] == [(typename, code, path)]
    assert await contents() == before


async def test_a_segment_is_archived_and_restored_with_its_members(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    customer = await make_customer(unit=unit)
    segment = await make_segment(unit=unit, rule={}, members=[customer], stale_since=now())
    kith, named = Kith(server, manager.token), {"id": id_of(segment)}
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

    payload = await Kith(server, manager.token).mutate(mutation, "SegmentInput", "", {"id": id_of(segment)})

    assert [error["code"] for error in payload["errors"]] == [code]
    assert await contents() == before


async def test_a_segment_is_not_restored_onto_a_name_given_away(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    old = await make_segment(unit=unit, name="Friends", archived_at=now())
    await make_segment(unit=unit, name="friends")
    before = await contents()

    payload = await Kith(server, manager.token).mutate(
        "restoreSegment", "SegmentInput", "", {"id": id_of(old)}
    )

    assert [error["code"] for error in payload["errors"]] == ["DUPLICATE_RECORD"]
    assert await contents() == before


async def test_a_deleted_segment_is_gone_and_its_customers_stay(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    customer = await make_customer(unit=unit)
    segment = await make_segment(unit=unit, members=[customer])

    payload = await Kith(server, manager.token).mutate(
        "deleteSegment", "SegmentInput", "deletedId", {"id": id_of(segment)}
    )

    assert payload == {"deletedId": id_of(segment), "errors": []}
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
        unit=unit, name="User", rule={"not": {"segments": {"some": {"segment": {"eq": id_of(used)}}}}}
    )
    before = await contents()

    payload = await Kith(server, manager.token).mutate(mutation, "SegmentInput", "", {"id": id_of(used)})

    (error,) = payload["errors"]
    assert (error["__typename"], error["code"]) == ("RuleError", "SEGMENT_IN_USE")
    assert "'User'" in error["message"]
    assert await contents() == before


async def test_a_rule_that_leads_back_to_its_own_segment_is_refused(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    first = await make_segment(unit=unit, rule={})
    second = await make_segment(unit=unit, rule={"segments": {"some": {"segment": {"in": [id_of(first)]}}}})
    kith = Kith(server, manager.token)
    before = await contents()

    for target in (first, second):
        rule = {"and": [{"segments": {"none": {"segment": {"eq": id_of(target)}}}}]}
        payload = await kith.mutate(
            "updateSegment", "UpdateSegmentInput", "", {"id": id_of(first), "rule": rule}
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

    asked = await kith.mutate("refreshSegment", "SegmentInput", FIELDS, {"id": id_of(segment)})
    refused = await kith.mutate("refreshSegment", "SegmentInput", FIELDS, {"id": id_of(static)})
    await refresh(segment.id)
    after = await kith.graphql(
        "query ($id: ID!) { segment(id: $id) { staleSince refreshedAt } }", {"id": id_of(segment)}
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
