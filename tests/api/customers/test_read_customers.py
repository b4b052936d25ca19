"""Reading customers: the whole record, lists, filters, search, orders; and nothing of another unit, anywhere."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from factories import (
    Person,
    make_activity,
    make_contact,
    make_customer,
    make_invoice,
    make_legal_entity,
    make_live_customer,
    make_pick,
    make_segment,
    make_unit,
    make_user,
)
from kith_client import GraphQLFailed, Kith

from api import filters
from api.customers.filters import CustomerFilter
from crm.customers import service
from crm.customers.filters import CUSTOMER_FILTERS
from crm.customers.models import Customer, PickList
from crm.invoices.rules import InvoiceState
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.filtering import FilterSet, Operand
from crm.kernel.ids import Kind, encode

pytestmark = pytest.mark.usefixtures("db")

EVERYTHING = """query ($id: ID!) { customer(id: $id) {
  id name email phone website description stage status version tags language currency probability taxRate
  unit { name } accountManager { name } serviceManager { name } industry { name list } statusLabel { name }
  address { building street city state postcode country } billingAddress { city country } billingSame
  registrationNumber vatId accountNumber externalId contractStart contractEnd contractReview
  contractValue { amount currency } discount { percent amount { amount } } paymentTermsDays
  legalEntity { name } invoiceTypes { name } consent { state at by { name } }
  blocked { at reason by { name } } churned { reason } liveSince archivedAt lastActivityAt
  createdAt updatedAt createdBy { name } updatedBy { name }
  contacts { totalCount nodes { name isPrimary customer { id } } } primaryContact { name }
  activities(search: "alpha") { nodes { title } } segments { nodes { name } }
  memberships { nodes { enteredAt leftAt segment { name } customer { id } } }
  invoices { nodes { number state customer { id } } } balances { currency outstanding { amount } }
  history { nodes { action actorName via subjectId user { name } changes { field before after } } }
} }"""


async def test_the_whole_record_is_read_in_one_query(server: str) -> None:
    unit = await make_unit(name="North")
    agent = await make_user(Role.AGENT, [unit], name="Ada")
    entity = await make_legal_entity(name="Kith GmbH")
    customer = await make_live_customer(
        unit=unit,
        manager=agent.user,
        name="Zeta",
        currency="KWD",
        contract_value="1200.5",
        discount_amount="5",
        legal_entity=entity,
        industry=await make_pick(PickList.INDUSTRY, name="Textiles"),
        blocked_at=now(),
        blocked_reason="Late",
        blocked_by=agent.user,
        tags=["VIP"],
    )
    await customer.invoice_types.add(await make_pick(PickList.INVOICE_TYPE, name="Goods"))
    await make_contact(customer, name="Aaron")
    await make_activity(customer, title="Alpha call")
    await make_activity(customer, title="Beta call")
    await make_segment(unit=unit, name="Gold", members=[customer])
    await make_invoice(customer, entity=entity, state=InvoiceState.SENT)
    await service.update_customer(customer.id, {"address_city": "Kiel"}, 1, actor=agent.actor)

    found = (await Kith(server, agent.token).graphql(EVERYTHING, {"id": encode(Kind.CUSTOMER, customer.id)}))[
        "customer"
    ]

    assert found["id"] == encode(Kind.CUSTOMER, customer.id)
    assert (found["stage"], found["status"], found["version"], found["tags"]) == (
        "LIVE",
        "ACTIVE",
        2,
        ["VIP"],
    )
    assert found["contractValue"] == {"amount": "1200.500", "currency": "KWD"}
    assert found["discount"] == {"percent": None, "amount": {"amount": "5.000"}}
    assert (found["address"]["city"], found["billingAddress"]["city"]) == ("Kiel", "Kiel")
    assert found["industry"] == {"name": "Textiles", "list": "INDUSTRY"}
    assert [found[key]["name"] for key in ("unit", "accountManager", "legalEntity")] == [
        "North",
        "Ada",
        "Kith GmbH",
    ]
    assert found["invoiceTypes"] == [{"name": "Goods"}]
    assert (found["blocked"]["reason"], found["blocked"]["by"]) == ("Late", {"name": "Ada"})
    assert found["consent"] == {"state": "UNKNOWN", "at": None, "by": None}
    people = found["contacts"]["nodes"]
    assert [person["isPrimary"] for person in people] == [True, False]
    assert found["primaryContact"]["name"] == people[0]["name"]
    assert found["contacts"]["totalCount"] == 2
    assert found["activities"]["nodes"] == [{"title": "Alpha call"}]
    assert found["segments"]["nodes"] == [{"name": "Gold"}]
    assert found["memberships"]["nodes"][0]["segment"] == {"name": "Gold"}
    assert found["invoices"]["nodes"][0]["state"] == "SENT"
    assert found["balances"] == [{"currency": "EUR", "outstanding": {"amount": "119.00"}}]
    entry = found["history"]["nodes"][0]
    assert (entry["action"], entry["actorName"], entry["via"]) == ("update_customer", "Ada", "API")
    assert entry["subjectId"] == found["id"]
    assert entry["changes"] == [{"field": "addressCity", "before": "Bremen", "after": "Kiel"}]


async def test_an_empty_record_is_read_as_well(server: str) -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    customer = await make_customer(unit=unit)

    found = (await Kith(server, agent.token).graphql(EVERYTHING, {"id": encode(Kind.CUSTOMER, customer.id)}))[
        "customer"
    ]

    nulls = (
        "contractValue",
        "discount",
        "blocked",
        "churned",
        "industry",
        "accountManager",
        "primaryContact",
    )
    assert [found[key] for key in (*nulls, "legalEntity", "createdBy")] == [None] * 9
    assert [found[key] for key in ("balances", "invoiceTypes", "tags")] == [[], [], []]


LIST = """query ($filter: CustomerFilter, $search: String, $orderBy: [CustomerOrder!], $first: Int, $after: String) {
  customers(filter: $filter, search: $search, orderBy: $orderBy, first: $first, after: $after) {
    totalCount nodes { name } pageInfo { hasNextPage endCursor } } }"""


async def _names(kith: Kith, **variables: Any) -> list[str]:
    found = (await kith.graphql(LIST, variables))["customers"]
    assert found["totalCount"] >= len(found["nodes"])
    return [node["name"] for node in found["nodes"]]


async def test_names_are_sorted_as_people_read_them(server: str) -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    kith = Kith(server, agent.token)
    names = ["aladin", "Äpfel & Co", "apollo", "Éclair", "edel", "zebra", "Zoo", "Ångström"]
    for name in names:
        await make_customer(unit=unit, name=name)

    read = ["aladin", "Ångström", "Äpfel & Co", "apollo", "Éclair", "edel", "zebra", "Zoo"]
    assert await _names(kith) == read
    assert await _names(kith, orderBy=[{"field": "NAME", "direction": "DESC"}]) == read[::-1]
    assert await _names(kith, filter={"name": {"startsWith": "AP"}}) == ["apollo"]
    assert await _names(kith, filter={"name": {"startsWith": "äp"}}) == ["Äpfel & Co"]
    walked, after = [], None
    while True:
        found = (await kith.graphql(LIST, {"first": 3, "after": after}))["customers"]
        walked += [node["name"] for node in found["nodes"]]
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            break
    assert walked == read
    made = await Customer.get(name="zebra")
    made.name = "Aachen"
    await made.save()
    assert (await _names(kith))[0] == "Aachen"


async def test_a_list_by_country_alone_is_by_name_within_one_and_is_paged_so(server: str) -> None:
    unit = await make_unit()
    kith = Kith(server, (await make_user(Role.AGENT, [unit])).token)
    for name, country in [
        ("Cleo", "DE"),
        ("Bob", "FR"),
        ("Eve", None),
        ("ada", "DE"),
        ("Dan", None),
        ("Al", "FR"),
    ]:
        await make_customer(unit=unit, name=name, address_country=country)
    ascending = ["ada", "Cleo", "Al", "Bob", "Dan", "Eve"]

    for direction, expected in (("ASC", ascending), ("DESC", ascending[::-1])):
        by_country = [{"field": "COUNTRY", "direction": direction}]
        walked: list[str] = []
        after = None
        while len(walked) < len(expected):
            page = (await kith.graphql(LIST, {"orderBy": by_country, "first": 1, "after": after}))[
                "customers"
            ]
            walked += [node["name"] for node in page["nodes"]]
            after = page["pageInfo"]["endCursor"]
        assert walked == expected
        assert not page["pageInfo"]["hasNextPage"]
    by_country = [{"field": "COUNTRY"}, {"field": "CREATED_AT"}]
    assert await _names(kith, orderBy=by_country) == ["Cleo", "ada", "Bob", "Al", "Eve", "Dan"]


async def test_lists_are_filtered_sorted_and_paged(server: str) -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    kith = Kith(server, agent.token)
    gold = await make_segment(unit=unit, name="Gold")
    for name, country, value in [
        ("Ada", "DE", "5"),
        ("Bob", "FR", None),
        ("Cleo", "DE", "7"),
        ("Dan", "IT", "6"),
    ]:
        customer = await make_customer(unit=unit, name=name, address_country=country, contract_value=value)
        if name in {"Ada", "Dan"}:
            await gold.memberships.all().count()
            await make_contact(customer, name=f"Person of {name}")
    await make_customer(unit=unit, name="Eve", archived_at=now())

    assert await _names(kith) == ["Ada", "Bob", "Cleo", "Dan"]
    assert await _names(kith, orderBy=[{"field": "CONTRACT_VALUE", "direction": "DESC"}]) == [
        "Bob",
        "Cleo",
        "Dan",
        "Ada",
    ]
    by_country = [{"field": "COUNTRY"}, {"field": "NAME", "direction": "DESC"}]
    assert await _names(kith, orderBy=by_country) == ["Cleo", "Ada", "Bob", "Dan"]
    germans = {"country": {"in": ["DE", "FR"]}, "not": {"contractValue": {"isNull": True}}}
    assert await _names(kith, filter=germans) == ["Ada", "Cleo"]
    assert await _names(kith, filter={"contacts": {"some": {"name": {"contains": "dan"}}}}) == ["Dan"]
    assert await _names(kith, filter={"contacts": {"none": {}}, "contractValue": {"gt": "6.5"}}) == ["Cleo"]
    assert await _names(kith, filter={"archived": {"eq": True}}) == ["Eve"]
    assert await _names(kith, search="persn of") == ["Ada", "Dan"]
    assert await _names(kith, search="person", orderBy=[{"field": "NAME", "direction": "DESC"}]) == [
        "Dan",
        "Ada",
    ]


async def test_a_ranked_search_is_paged_by_cursors(server: str) -> None:
    unit = await make_unit()
    kith = Kith(server, (await make_user(Role.AGENT, [unit])).token)
    for number in range(7):
        await make_customer(unit=unit, name=f"{'Orbit' if number % 2 else 'The orbit'} {number}")

    walked: list[str] = []
    after = None
    while True:
        page = (await kith.graphql(LIST, {"search": "orbit", "first": 2, "after": after}))["customers"]
        walked += [node["name"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert walked == [
        "Orbit 1",
        "Orbit 3",
        "Orbit 5",
        "The orbit 0",
        "The orbit 2",
        "The orbit 4",
        "The orbit 6",
    ]


async def test_what_is_alike_is_counted_and_paged_where_nothing_else_is_found(server: str) -> None:
    unit = await make_unit()
    kith = Kith(server, (await make_user(Role.AGENT, [unit])).token)
    foreign = await make_unit()
    for number in range(5):
        await make_customer(unit=unit, name=f"Moeller {number}")
        await make_customer(unit=foreign, name=f"Möller {number}")
    alike = [f"Moeller {number}" for number in range(5)]
    first = (await kith.graphql(LIST, {"search": "moller", "first": 3}))["customers"]
    after = first["pageInfo"]["endCursor"]
    rest = (await kith.graphql(LIST, {"search": "moller", "first": 3, "after": after}))["customers"]
    groups = '{ customersAggregate(search: "moller", groupBy: {field: STAGE}) { count } }'
    grouped = await kith.graphql(groups)

    assert (first["totalCount"], rest["totalCount"]) == (5, 5)
    assert [node["name"] for node in first["nodes"] + rest["nodes"]] == alike
    assert (first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)
    assert [group["count"] for group in grouped["customersAggregate"]] == [5]
    descending = [{"field": "NAME", "direction": "DESC"}]
    assert await _names(kith, search="moller", orderBy=descending) == alike[::-1]

    await make_customer(unit=unit, name="Möller Brot")

    found = (await kith.graphql(LIST, {"search": "moller", "first": 3}))["customers"]
    assert (found["totalCount"], [node["name"] for node in found["nodes"]]) == (1, ["Möller Brot"])
    assert (await kith.graphql(groups))["customersAggregate"] == [{"count": 1}]
    assert await _names(kith, search="moller", orderBy=descending) == ["Möller Brot"]
    rule = {"name": {"startsWith": "Moe"}}
    assert await _names(kith, search="moller", filter=rule) == alike


async def test_a_filter_that_makes_no_sense_says_where(server: str) -> None:
    kith = Kith(server, (await make_user(Role.ADMIN)).token)

    with pytest.raises(GraphQLFailed) as refusal:
        await kith.graphql(LIST, {"filter": {"or": [{"industry": {"eq": "cus_1"}}]}})

    assert refusal.value.codes == ["BAD_USER_INPUT"]
    problems = refusal.value.errors[0]["extensions"]["problems"]
    assert problems == [{"path": ["filter", "or", "0", "industry", "eq"], "code": "INVALID_FILTER"}]


INPUTS = {
    Operand.TEXT: filters.TextFilter,
    Operand.ID: filters.IdFilter,
    Operand.NUMBER: filters.DecimalFilter,
    Operand.WHOLE: filters.IntFilter,
    Operand.DATE: filters.DateFilter,
    Operand.INSTANT: filters.DateTimeFilter,
    Operand.FLAG: filters.BooleanFilter,
    Operand.TAGS: filters.TagsFilter,
}


def _inputs(cls: Any) -> dict[str, Any]:
    """GraphQL name → input type, of an input's fields."""
    definition = cls.__strawberry_definition__
    kinds: dict[str, Any] = {}
    for each in definition.fields:
        kind = each.type
        while hasattr(kind, "of_type"):
            kind = kind.of_type
        kinds[
            each.graphql_name
            or each.name.split("_")[0] + "".join(p.title() for p in each.name.split("_")[1:])
        ] = kind
    return kinds


def _mirrors(cls: Any, known: FilterSet) -> None:
    found = {name: kind for name, kind in _inputs(cls).items() if name not in {"and", "or", "not"}}
    assert set(found) == {*known.fields, *known.relations}
    for name, spec in known.fields.items():
        if spec.operand is Operand.ENUM:
            assert _inputs(found[name])["eq"].wrapped_cls is spec.choices, name
        else:
            assert found[name] is INPUTS[spec.operand], name
    for name, relation in known.relations.items():
        quantified = _inputs(found[name])
        assert set(quantified) == {"some", "none", "every"}
        _mirrors(quantified["some"], relation.filters())


async def test_the_input_mirrors_the_filter_field_by_field() -> None:
    _mirrors(CustomerFilter, CUSTOMER_FILTERS)
    assert len(fields(CustomerFilter)) == len(CUSTOMER_FILTERS.fields) + len(CUSTOMER_FILTERS.relations) + 3


Probe = Callable[[str, dict[str, str]], tuple[str, dict[str, Any]]]
PROBES: dict[str, tuple[str, Callable[[dict[str, str]], dict[str, Any]], Any]] = {
    "customer": (
        "query ($id: ID!) { found: customer(id: $id) { id } }",
        lambda ids: {"id": ids["customer"]},
        None,
    ),
    "node": ("query ($id: ID!) { found: node(id: $id) { id } }", lambda ids: {"id": ids["customer"]}, None),
    "node of its contact": (
        "query ($id: ID!) { found: node(id: $id) { id } }",
        lambda ids: {"id": ids["contact"]},
        None,
    ),
    "node of its activity": (
        "query ($id: ID!) { found: node(id: $id) { id } }",
        lambda ids: {"id": ids["activity"]},
        None,
    ),
    "nodes": (
        "query ($id: ID!) { found: nodes(ids: [$id]) { id } }",
        lambda ids: {"id": ids["customer"]},
        [None],
    ),
    "list": ("{ customers { totalCount } }", lambda _: {}, {"customers": {"totalCount": 0}}),
    "search": (
        '{ customers(search: "Secret") { totalCount } }',
        lambda _: {},
        {"customers": {"totalCount": 0}},
    ),
    "search of a contact": (
        '{ customers(search: "Hidden") { totalCount } }',
        lambda _: {},
        {"customers": {"totalCount": 0}},
    ),
    "filter by unit": (
        "query ($u: ID!) { customers(filter: {unit: {eq: $u}}) { totalCount } }",
        lambda ids: {"u": ids["unit"]},
        {"customers": {"totalCount": 0}},
    ),
    "filter by what hangs on it": (
        "{ customers(filter: {or: [{contacts: {some: {}}}, {activities: {some: {}}}]}) { totalCount nodes { name } } }",
        lambda _: {},
        {"customers": {"totalCount": 0, "nodes": []}},
    ),
    "sort": (
        "{ customers(orderBy: [{field: EMAIL}], last: 3) { nodes { id } pageInfo { startCursor hasPreviousPage } } }",
        lambda _: {},
        {"customers": {"nodes": [], "pageInfo": {"startCursor": None, "hasPreviousPage": False}}},
    ),
    "history": (
        "query ($id: ID!) { history(subjectId: $id) { totalCount } }",
        lambda ids: {"id": ids["customer"]},
        {"history": {"totalCount": 0}},
    ),
}


async def _secret() -> dict[str, str]:
    unit = await make_unit()
    owner = await make_user(Role.MANAGER, [unit])
    customer = await make_live_customer(unit=unit, manager=owner.user, name="Secret")
    contact = await make_contact(customer, name="Hidden")
    activity = await make_activity(customer)
    await service.tag_customer(customer.id, add=["x"], actor=owner.actor)
    return {
        "customer": encode(Kind.CUSTOMER, customer.id),
        "contact": encode(Kind.CONTACT, contact.id),
        "activity": encode(Kind.ACTIVITY, activity.id),
        "unit": encode(Kind.BUSINESS_UNIT, unit.id),
    }


async def _strangers() -> list[Person]:
    roles = (Role.MANAGER, Role.AGENT, Role.ANALYST)
    return [await make_user(role, [await make_unit()]) for role in roles] + [await make_user(Role.AGENT)]


async def test_a_customer_of_another_unit_is_nowhere(server: str) -> None:
    ids = await _secret()
    admin = Kith(server, (await make_user(Role.ADMIN)).token)

    for person in await _strangers():
        kith = Kith(server, person.token)
        for name, (document, variables, expected) in PROBES.items():
            found = await kith.graphql(document, variables(ids))
            assert found == (expected if isinstance(expected, dict) else {"found": expected}), name

    for name in ("customer", "node", "node of its contact", "node of its activity"):
        document, variables, _ = PROBES[name]
        assert (await admin.graphql(document, variables(ids)))["found"] is not None, name


async def test_nobody_reads_without_a_login(server: str) -> None:
    ids = await _secret()

    for document, variables, _ in PROBES.values():
        with pytest.raises(GraphQLFailed) as refusal:
            await Kith(server).graphql(document, variables(ids))
        assert refusal.value.codes == ["UNAUTHENTICATED"]


async def test_an_id_of_another_kind_names_no_customer(server: str) -> None:
    kith = Kith(server, (await make_user(Role.ADMIN)).token)

    for wrong in ("con_0198c0ffee0198c0ffee0198c0ffee01", "cus_1", "1", ""):
        with pytest.raises(GraphQLFailed) as refusal:
            await kith.graphql("query ($id: ID!) { customer(id: $id) { id } }", {"id": wrong})
        assert refusal.value.codes == ["NOT_FOUND"]


async def test_a_filter_cannot_probe_segments_one_may_not_see(server: str) -> None:
    unit = await make_unit()
    customer = await make_customer(unit=unit, name="Probed")
    over_all = await make_segment(members=[customer], name="Over every unit")
    own = await make_segment(unit=unit, members=[customer], name="Of the unit")
    people = {role: await make_user(role, [unit]) for role in (Role.MANAGER, Role.ADMIN)}

    async def found(role: Role, segment_id: str) -> list[str]:
        rule = {"segments": {"some": {"segment": {"eq": segment_id}}}}
        return await _names(Kith(server, people[role].token), filter=rule)

    hidden, shown = encode(Kind.SEGMENT, over_all.id), encode(Kind.SEGMENT, own.id)
    assert await found(Role.ADMIN, hidden) == ["Probed"]
    assert await found(Role.MANAGER, hidden) == []
    assert await found(Role.MANAGER, shown) == ["Probed"]
