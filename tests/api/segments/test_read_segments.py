"""Listing, finding and previewing segments through the API."""

from datetime import timedelta

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
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode
from crm.segments.models import Segment, SegmentMembership
from crm.segments.refresh import refresh
from tests.api.segments.segment_calls import FIELDS, RULE, id_of, unit_id_of

pytestmark = pytest.mark.usefixtures("db")


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
    named = (await kith.graphql(document, {"rule": RULE, "unit": unit_id_of(unit)}))["previewSegment"]
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

    assert await Kith(server, manager.token).graphql(document, {"unit": unit_id_of(foreign)}) == {
        "previewSegment": {"count": 0, "sample": []}
    }
    admin = await make_user(Role.ADMIN)
    assert (await Kith(server, admin.token).graphql(document))["previewSegment"]["count"] == 1


async def test_a_preview_tells_nothing_of_segments_its_caller_may_not_see(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    customer = await make_customer(unit=unit)
    own = await make_segment(unit=unit, members=[customer])
    everywhere = await make_segment(members=[customer])
    admin = await make_user(Role.ADMIN)
    document = "query ($rule: CustomerFilter!) { previewSegment(rule: $rule) { count } }"

    async def count(person: Person, segment: Segment) -> int:
        rule = {"segments": {"some": {"segment": {"eq": id_of(segment)}}}}
        found = await Kith(server, person.token).graphql(document, {"rule": rule})
        counted: int = found["previewSegment"]["count"]
        return counted

    assert [await count(manager, own), await count(manager, everywhere)] == [1, 0]
    assert [await count(admin, own), await count(admin, everywhere)] == [1, 1]


async def test_a_customer_shows_its_segments_and_its_stays(
    server: str, unit: BusinessUnit, manager: Person
) -> None:
    customer = await make_customer(unit=unit)
    await make_segment(unit=unit, name="Friends", members=[customer])
    await make_segment(name="Everywhere", members=[customer])
    former = await make_segment(unit=unit, name="Former", members=[customer])
    await SegmentMembership.filter(segment=former).update(left_at=now())
    document = """
    query ($id: ID!) { customer(id: $id) { segments { nodes { name } }
      now: memberships { nodes { segment { name } leftAt } } ever: memberships(current: false) { totalCount } } }
    """

    seen = await Kith(server, manager.token).graphql(document, {"id": encode(Kind.CUSTOMER, customer.id)})

    assert seen["customer"] == {
        "segments": {"nodes": [{"name": "Friends"}]},
        "now": {"nodes": [{"segment": {"name": "Friends"}, "leftAt": None}]},
        "ever": {"totalCount": 2},
    }


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
    payload = await kith.mutate("refreshSegment", "SegmentInput", "", {"id": id_of(segment)})

    assert read == {"segments": {"totalCount": 1}}
    assert [error["code"] for error in payload["errors"]] == ["FORBIDDEN"]
    assert await contents(without=("api_token",)) == before
