"""Plans are kept by structure and hold no values: those are bound, each in its place, on every request."""

import json
from typing import Any

import pytest
from tortoise.expressions import Q, Subquery

from api.executor import Executor
from api.fusion.plans import Plans, structure_of
from api.fusion.structure import Marker, Reader, varies
from api.schema import schema
from crm.activities.models import Activity
from crm.contacts.models import Contact
from crm.customers.models import Customer, Stage, Status
from crm.customers.search import search
from crm.invoices.models import Invoice
from crm.invoices.queries import listed
from crm.kernel.clock import now
from crm.kernel.ids import uuid7
from crm.kernel.search import contains, contains_words, starts_with
from tests.api.fusion.answers import Asker, Recording
from tests.api.fusion.world_rows import World

CUSTOMERS = """
query ($filter: CustomerFilter, $search: String, $order: [CustomerOrder!], $first: Int, $after: String) {
  customers(filter: $filter, search: $search, orderBy: $order, first: $first, after: $after) {
    totalCount nodes { id name } edges { cursor } pageInfo { hasNextPage hasPreviousPage endCursor }
  }
}
"""
LISTS = {
    "activities": 'activities(search: "ada x", filter: {title: {contains: "a"}}) { nodes { id } totalCount }',
    "invoices": 'invoices(search: "inv", filter: {isOverdue: {eq: false}}, orderBy: {field: DUE}) { nodes { id } }',
    "customers": 'customers(search: "ada 4930") { nodes { id } totalCount pageInfo { hasNextPage endCursor } }',
    "ordered": 'customers(search: "a bar", orderBy: [{field: CITY}]) { nodes { id } }',
    "related": 'customers(filter: {contacts: {every: {name: {contains: "a"}}}, tags: {hasAny: ["vip"]}}) { nodes { id } }',
    "owned": "customers(filter: {not: {owner: {isNull: true}}, blocked: {eq: false}}) { nodes { id } }",
    "segments": 'segments(search: "gold") { nodes { id memberCount } }',
    "items": 'pickListItems(list: SOURCE, search: "o_%") { nodes { id } }',
    "imports": "imports(state: COMPLETED) { nodes { id } }",
    "history": "history { nodes { id } }",
    "aggregate": 'customersAggregate(search: "a", groupBy: {field: STAGE}) { count }',
}


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> Plans:
    fresh = Plans()
    monkeypatch.setattr(Executor.reads, "plans", fresh)
    return fresh


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_or_search_has_a_plan_that_is_kept(
    world: World, asker: Asker, plans: Plans, name: str
) -> None:
    answer = await asker.fused(world.viewers["manager"], f"{{ {LISTS[name]} }}")

    assert not answer.errors
    assert len(plans) == 1


@pytest.mark.parametrize("texts", [("a", "%", "_", "\\", "'", ""), ("100 %", "Kaffee_R", "k\\sla", "ada%_")])
async def test_other_values_need_no_other_plan(
    world: World, asker: Asker, plans: Plans, texts: tuple[str, ...]
) -> None:
    for text in texts:
        rule = {"name": {"contains": text}}
        fused, plain = await asker.both(world.viewers["admin"], CUSTOMERS, {"filter": rule})
        assert fused.text() == plain.text()

    assert len(plans) == 1


@pytest.mark.parametrize("texts", [("unicorn", "Kaffee", "fluff"), ("drop", "back", "Bean")])
async def test_other_words_of_the_same_form_need_no_other_plan(
    world: World, asker: Asker, plans: Plans, texts: tuple[str, ...]
) -> None:
    for text in texts:
        fused, plain = await asker.both(world.viewers["admin"], CUSTOMERS, {"search": text})
        assert fused.text() == plain.text()

    assert len(plans) == 1


async def test_what_changes_the_sql_changes_the_plan(world: World, asker: Asker, plans: Plans) -> None:
    turns: list[dict[str, Any]] = [
        {},
        {"first": 2},
        {"first": 3},
        {"order": [{"field": "CITY"}]},
        {"order": [{"field": "CITY", "direction": "DESC"}]},
        {"filter": {"name": {"in": ["Ada"]}}},
        {"filter": {"name": {"in": ["Ada", "ada"]}}},
        {"filter": {"name": {"in": []}}},
        {"filter": {"stage": {"eq": "LIVE"}}},
        {"filter": {"stage": {"eq": "PROPOSAL"}}},
        {"filter": {"stage": {"ne": "LIVE"}}},
        {"search": "adam"},
        {"search": "4930"},
        {"search": "a"},
    ]

    for turn in turns:
        fused, plain = await asker.both(world.viewers["admin"], CUSTOMERS, turn)
        assert fused.text() == plain.text(), turn

    assert len(plans) == len(turns)


async def test_what_stands_in_several_queries_is_read_once(world: World) -> None:
    del world  # Tortoise knows its models then
    shared = Q(name="Ada")
    queries = [
        Customer.filter(shared),
        Customer.filter(shared).values("id"),
        Customer.filter(shared, email="a@x.example"),
        Contact.filter(shared),  # of another table
        Customer.filter(Q(name="Ada")),
    ]

    reader, marker = Reader(once=True), Marker(once=True)
    for query in queries:
        reader.query(query)
        marker.query(query)

    assert reader.values == ["Ada", "a@x.example", "Ada", "Ada"]
    assert marker.count == len(reader.values)


async def test_a_search_binds_a_filter_once_and_reads_no_column_that_is_not_shown(
    world: World, asker: Asker, recording: Recording
) -> None:
    """Its filter stands in each look and walk, its rank in the list that is ordered by it."""
    listed = 'customers(first: 2, search: "ada", filter: {country: {ne: "AQ"}}) { nodes { id email } }'
    fused, plain = await asker.both(world.viewers["admin"], f"{{ {listed} }}")
    sql, values = recording.asked[-1]

    assert fused.text() == plain.text()
    assert fused.data["customers"]["nodes"]
    assert sql.count('"address_country"') > 3
    assert values.count("AQ") == 1
    assert '"website"' not in sql
    assert sql.count("word_similarity") == 1


async def test_a_condition_of_a_list_is_not_one_of_its_page(world: World) -> None:
    del world
    one, two = Q(name="Ada"), Q(email="a@x.example")
    keys = []
    for of_list, of_page in (([one, two], []), ([one], [two]), ([], [one, two])):
        reader = Reader()
        reader.query(Customer.filter(*of_list))
        reader.conditions(of_page, Customer)
        keys.append(reader.key)

    assert len(set(keys)) == 3


async def test_the_plans_are_bounded(world: World, asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    plans = Plans(limit=5)
    monkeypatch.setattr(Executor.reads, "plans", plans)

    for size in range(1, 12):
        document = f"{{ users(first: {size}) {{ nodes {{ id }} }} }}"
        fused, plain = await asker.both(world.viewers["admin"], document)
        assert fused.text() == plain.text()

    assert len(plans) == 5


async def test_slots_are_bound_in_their_order(world: World, asker: Asker, plans: Plans) -> None:
    rules = [
        {
            "name": {"startsWith": first, "contains": second},
            "or": [
                {"contractValue": {"between": [low, high]}},
                {"contacts": {"some": {"email": {"ne": first}}}},
            ],
            "probability": {"notIn": [1, 2]},
        }
        for first, second in (("A", "d"), ("1", "_"), ("b", "\\"))
        for low, high in (("0", "2000"), ("2000", "0"))
    ]

    for rule in rules:
        for viewer in ("admin", "manager", "agent"):
            variables = {"filter": rule, "search": "a", "order": [{"field": "NAME"}], "first": 2}
            fused, plain = await asker.both(world.viewers[viewer], CUSTOMERS, variables)
            assert fused.text() == plain.text(), (viewer, rule)


def test_the_structure_holds_no_value_and_the_values_nothing_else() -> None:
    pairs = [
        (search(Customer.all(), "ada bar"), search(Customer.all(), "foo bat")),
        (search(Customer.all(), "ada", ["-name"]), search(Customer.all(), "foo", ["-name"])),
        (Activity.filter(contains_words("one two")), Activity.filter(contains_words("six ten"))),
        (listed(Invoice.all(), search="inv"), listed(Invoice.all(), search="x%_")),
        (Customer.filter(name__icontains="a%"), Customer.filter(name__icontains="_")),
        (Customer.filter(name__in=["a", "b"]), Customer.filter(name__in=["c", "d"])),
    ]

    for one, other in pairs:
        assert structure_of(one)[0] == structure_of(other)[0]
        assert structure_of(one)[1] != structure_of(other)[1]


def test_the_words_of_a_search_are_values_wherever_they_stand() -> None:
    structure, values = structure_of(search(Customer.all(), "Üñï {table} %s"))

    assert "Üñï" not in repr(structure)
    assert any("Üñï" in value for value in values)
    assert schema.core.query_type


def test_what_a_range_or_a_pattern_lets_through_depends_on_its_value() -> None:
    since = {"created_at__gte": now()}
    contacts = Subquery(Contact.filter(email="a").values("customer_id"))
    varying = [
        Customer.filter(**since),
        Customer.filter(name__icontains="a"),
        Customer.filter(Q(Q(stage=Stage.LIVE), ~Q(contract_value__lt=5), join_type=Q.OR)),
        Customer.filter(id__in=contacts),
        Customer.filter(contains("a", "website")),
        Customer.filter(starts_with("a", "address_city")),
        search(Customer.filter(**since), "ada 4930"),
    ]
    steady = [
        Customer.filter(
            status=Status.ACTIVE, address_country="DE", id__in=[uuid7()], archived_at__isnull=True
        ),
        search(Customer.filter(address_country="DE"), "ada 4930"),
        Activity.filter(contains_words("ada")),
    ]

    assert [varies(query) for query in varying] == [True] * len(varying)
    assert [varies(query) for query in steady] == [False] * len(steady)


async def test_only_what_varies_is_planned_for_its_values(
    world: World, asker: Asker, recording: Recording
) -> None:
    """A cursor is a range, too, but one along the order in which the page is walked."""
    page = "customers(first: 2, after: %s, filter: {%s}) { nodes { id } pageInfo { endCursor } }"
    first = await asker.fused(world.viewers["admin"], f"{{ {page % ('null', 'archived: {eq: false}')} }}")
    cursor = json.dumps(first.data["customers"]["pageInfo"]["endCursor"])
    rules = {
        "archived: {eq: false}": [False],
        'country: {eq: "DE"}, status: {in: [PROSPECT]}': [False],
        'name: {startsWith: "a"}': [False],
        'language: {eq: "de"}': [True],
        "owner: {isNull: false}": [True],
        'website: {contains: "a"}': [True],
        'createdAt: {lt: "2026-01-01T00:00:00Z"}': [True],
    }

    told = {}
    for rule in rules:
        recording.varied.clear()
        await asker.fused(world.viewers["admin"], f"{{ {page % (cursor, rule)} }}")
        told[rule] = list(recording.varied)

    assert told == rules


async def test_fields_of_both_sorts_are_two_statements(
    world: World, asker: Asker, recording: Recording
) -> None:
    document = """{
      steady: customers(first: 2) { nodes { id } }
      varying: customers(first: 2, filter: {website: {contains: "a"}}) { nodes { id } }
      another: invoices(first: 2) { nodes { id } }
    }"""
    fused, plain = await asker.both(world.viewers["admin"], document)
    recording.varied.clear()
    await asker.fused(world.viewers["admin"], document)

    assert fused.text() == plain.text()
    assert sorted(recording.varied) == [False, True]
