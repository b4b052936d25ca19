"""Who is in a segment: by hand, over time, and as callers see it."""

import asyncio
from typing import Any

import pytest
from database_contents import contents
from factories import Person, make_customer, make_segment, make_unit, make_user
from kith_client import Kith

from crm.accounts.models import BusinessUnit
from crm.audit.models import HistoryEntry
from crm.customers.models import Customer
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode, uuid7
from crm.kernel.models import OutboxJob
from crm.segments.evaluation import evaluate
from crm.segments.models import Segment, SegmentMembership
from tests.api.segments.segment_calls import id_of

pytestmark = pytest.mark.usefixtures("db")

COUNT = "segment { memberCount } changed"
STAYS = """
query ($id: ID!, $current: Boolean!) { segment(id: $id) { memberships(current: $current) {
  totalCount nodes { id enteredAt leftAt customer { name } addedBy { name } segment { name } } } } }
"""


def _ids(*customers: Customer) -> list[str]:
    return [encode(Kind.CUSTOMER, customer.id) for customer in customers]


async def _add(server: str, person: Person, segment: Segment, ids: list[str]) -> dict[str, Any]:
    given = {"id": id_of(segment), "customerIds": ids}
    return await Kith(server, person.token).mutate(
        "addCustomersToSegment", "SegmentCustomersInput", COUNT, given
    )


async def _remove(server: str, person: Person, segment: Segment, ids: list[str]) -> dict[str, Any]:
    given = {"id": id_of(segment), "customerIds": ids}
    return await Kith(server, person.token).mutate(
        "removeCustomersFromSegment", "SegmentCustomersInput", COUNT, given
    )


async def _stays(server: str, person: Person, segment: Segment, *, current: bool) -> list[dict[str, Any]]:
    found = await Kith(server, person.token).graphql(STAYS, {"id": id_of(segment), "current": current})
    nodes: list[dict[str, Any]] = found["segment"]["memberships"]["nodes"]
    assert found["segment"]["memberships"]["totalCount"] == len(nodes)
    return nodes


async def test_customers_are_added_once_each_with_who_and_when(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    segment = await make_segment(unit=unit, name="Friends")
    ann, ben = await make_customer(unit=unit, name="Ann"), await make_customer(unit=unit, name="Ben")

    first = await _add(server, manager, segment, _ids(ann, ben, ann))
    again = await _add(server, manager, segment, _ids(ben))

    assert first == {"segment": {"memberCount": 2}, "changed": 2, "errors": []}
    assert again == {"segment": {"memberCount": 2}, "changed": 0, "errors": []}
    stays = await _stays(server, manager, segment, current=True)
    assert {stay["customer"]["name"] for stay in stays} == {"Ann", "Ben"}
    assert {(stay["addedBy"]["name"], stay["segment"]["name"], stay["leftAt"]) for stay in stays} == {
        (manager.user.name, "Friends", None)
    }
    entries = await HistoryEntry.filter(action="add_to_segment")
    assert {entry.customer_id for entry in entries} == {ann.id, ben.id}
    assert entries[0].changes == [
        {"field": "segment", "before": None, "after": {"id": id_of(segment), "name": "Friends"}}
    ]
    (event,) = [
        job.payload for job in await OutboxJob.all() if job.payload["type"] == "SegmentMembershipChanged"
    ]
    assert (event["data"]["entered"], event["data"]["left"]) == (2, 0)


async def test_a_stay_that_ended_is_kept_and_another_may_follow(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    segment, ann = await make_segment(unit=unit), await make_customer(unit=unit, name="Ann")

    await _add(server, manager, segment, _ids(ann))
    removed = await _remove(server, manager, segment, _ids(ann))
    gone = await _stays(server, manager, segment, current=True)
    again = await _remove(server, manager, segment, _ids(ann))
    await _add(server, manager, segment, _ids(ann))
    stays = await _stays(server, manager, segment, current=False)

    assert (removed["changed"], again["changed"]) == (1, 0)
    assert again["errors"] == []
    assert gone == []
    assert [stay["leftAt"] is None for stay in stays] == [True, False]
    assert stays[1]["enteredAt"] <= stays[1]["leftAt"] <= stays[0]["enteredAt"]
    entries = await HistoryEntry.filter(customer_id=ann.id).order_by("id")
    assert [entry.action for entry in entries] == ["add_to_segment", "remove_from_segment", "add_to_segment"]


async def test_one_wrong_customer_among_many_changes_nothing_and_is_named_by_its_place(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    segment, good = await make_segment(unit=unit), await make_customer(unit=unit)
    foreign, archived = await make_customer(), await make_customer(unit=unit, archived_at=now())
    wrong: list[tuple[str, str, str]] = [
        (_ids(foreign)[0], "NotFoundError", "NOT_FOUND"),
        (encode(Kind.CUSTOMER, uuid7()), "NotFoundError", "NOT_FOUND"),
        (encode(Kind.CONTACT, good.id), "NotFoundError", "NOT_FOUND"),
        ("nonsense", "NotFoundError", "NOT_FOUND"),
        (_ids(archived)[0], "InputError", "CUSTOMER_ARCHIVED"),
    ]
    before = await contents()

    for bad, typename, code in wrong:
        payload = await _add(server, manager, segment, [*_ids(good), bad])
        (error,) = payload["errors"]
        assert (error["__typename"], error["code"], error["path"]) == (typename, code, ["customerIds", "1"])

    assert await contents() == before


async def test_an_admin_adds_customers_of_the_segments_unit_only(server: str, unit: BusinessUnit) -> None:
    admin, segment, everywhere = (
        await make_user(Role.ADMIN),
        await make_segment(unit=unit),
        await make_segment(),
    )
    here, there = await make_customer(unit=unit), await make_customer()
    before = await contents()

    refused = await _add(server, admin, segment, _ids(here, there))
    unchanged = await contents() == before
    added = await _add(server, admin, everywhere, _ids(here, there))

    assert [(error["code"], error["path"]) for error in refused["errors"]] == [
        ("OTHER_UNIT", ["customerIds", "1"])
    ]
    assert unchanged
    assert added["changed"] == 2


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_thousand_customers_may_be_added_at_once(
    server: str, unit: BusinessUnit, manager: Person, count: int
) -> None:
    segment = await make_segment(unit=unit)
    before = await contents()

    payload = await _add(server, manager, segment, [encode(Kind.CUSTOMER, uuid7()) for _ in range(count)])

    assert [(error["code"], error["path"]) for error in payload["errors"]] == [
        ("OUT_OF_RANGE", ["customerIds"])
    ]
    assert await contents() == before


@pytest.mark.parametrize(
    ("kind", "code"),
    [("dynamic", "SEGMENT_IS_DYNAMIC"), ("archived", "SEGMENT_ARCHIVED"), ("foreign", "NOT_FOUND")],
)
async def test_only_static_segments_in_use_are_filled_by_hand(
    server: str, unit: BusinessUnit, manager: Person, kind: str, code: str
) -> None:
    customer = await make_customer(unit=unit)
    segments = {
        "dynamic": await make_segment(unit=unit, rule={}, members=[customer]),
        "archived": await make_segment(unit=unit, members=[customer], archived_at=now()),
        "foreign": await make_segment(unit=await make_unit()),
    }
    before = await contents()

    added = await _add(server, manager, segments[kind], _ids(customer))
    removed = await _remove(server, manager, segments[kind], _ids(customer))

    assert [error["code"] for error in (*added["errors"], *removed["errors"])] == [code, code]
    assert await contents() == before


async def test_two_callers_at_once_add_a_customer_once(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    segment = await make_segment(unit=unit)
    customers = [await make_customer(unit=unit) for _ in range(5)]

    answers = await asyncio.gather(*(_add(server, manager, segment, _ids(*customers)) for _ in range(4)))

    assert sorted(answer["changed"] for answer in answers) == [0, 0, 0, 5]
    assert await SegmentMembership.all().count() == 5
    assert await HistoryEntry.filter(action="add_to_segment").count() == 5


async def test_members_are_filtered_and_ordered_as_any_list_of_customers(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    customers = [
        await make_customer(unit=unit, name=name, contract_value=value, address_country=country)
        for name, value, country in (("Ann", 5, "DE"), ("Ben", 7, "DE"), ("Cem", 9, "FR"), ("Old", 9, "DE"))
    ]
    await make_customer(unit=unit, name="Outside", address_country="DE")
    segment = await make_segment(unit=unit, members=customers)
    await Customer.filter(id=customers[3].id).update(archived_at=now())
    document = """
    query ($id: ID!, $filter: CustomerFilter, $order: [CustomerOrder!]) { segment(id: $id) { memberCount
      customers(filter: $filter, orderBy: $order) { totalCount nodes { name } } } }
    """
    kith, named = Kith(server, manager.token), {"id": id_of(segment)}

    everyone = (await kith.graphql(document, named))["segment"]
    order = {"order": [{"field": "CONTRACT_VALUE", "direction": "DESC"}], "filter": {"country": {"eq": "DE"}}}
    some = (await kith.graphql(document, named | order))["segment"]

    assert [node["name"] for node in everyone["customers"]["nodes"]] == ["Ann", "Ben", "Cem"]
    assert everyone["customers"]["totalCount"] == everyone["memberCount"] == 3
    assert [node["name"] for node in some["customers"]["nodes"]] == ["Ben", "Ann"]


async def test_members_are_walked_by_pages(server: str, unit: BusinessUnit, manager: Person) -> None:
    segment = await make_segment(unit=unit, members=[await make_customer(unit=unit) for _ in range(5)])
    document = """
    query ($id: ID!, $after: String) { segment(id: $id) {
      memberships(first: 2, after: $after) { nodes { id } pageInfo { endCursor hasNextPage } } } }
    """
    kith = Kith(server, manager.token)
    seen: list[str] = []
    after, more = None, True

    while more:
        page = (await kith.graphql(document, {"id": id_of(segment), "after": after}))["segment"][
            "memberships"
        ]
        seen += [node["id"] for node in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]

    assert len(seen) == len(set(seen)) == 5


async def test_a_customer_that_moved_away_is_not_shown_where_it_was(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    """Even before a worker has ended its memberships, and in those that have ended."""
    ann, ben = await make_customer(unit=unit), await make_customer(unit=unit)
    segment = await make_segment(unit=unit, members=[ann, ben])
    await _remove(server, manager, segment, _ids(ben))
    stays = {
        stay.customer_id: encode(Kind.SEGMENT_MEMBERSHIP, stay.id) for stay in await SegmentMembership.all()
    }
    elsewhere = await make_unit()
    stranger = await make_user(Role.MANAGER, [elsewhere])
    await Customer.filter(id__in=[ann.id, ben.id]).update(unit_id=elsewhere.id)
    document = (
        "query ($id: ID!, $nodes: [ID!]!) { nodes(ids: $nodes) { id } segment(id: $id) { memberCount } }"
    )

    assert await _stays(server, manager, segment, current=False) == []
    for person, found in ((manager, {"memberCount": 0}), (stranger, None)):
        seen = await Kith(server, person.token).graphql(
            document, {"id": id_of(segment), "nodes": [stays[ann.id], stays[ben.id]]}
        )
        assert seen == {"nodes": [None, None], "segment": found}


async def test_a_stay_is_a_node_of_its_own(server: str, unit: BusinessUnit, manager: Person) -> None:
    ann = await make_customer(unit=unit, name="Ann")
    await make_segment(unit=unit, rule={})
    await evaluate([ann.id])
    stay = await SegmentMembership.get()
    document = "query ($id: ID!) { node(id: $id) { ... on SegmentMembership { customer { name } addedBy { id } leftAt } } }"

    seen = await Kith(server, manager.token).graphql(
        document, {"id": encode(Kind.SEGMENT_MEMBERSHIP, stay.id)}
    )

    assert seen["node"] == {"customer": {"name": "Ann"}, "addedBy": None, "leftAt": None}
