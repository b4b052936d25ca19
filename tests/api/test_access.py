"""Every field, asked by everybody, by every way in: what is out of reach does not exist. And the rules are declared.

Each test adds the cells it looked at (field × viewer × way in); the last one counts them.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from access_cells import (
    KINDS,
    TYPES,
    Cell,
    Inputs,
    Selection,
    absent,
    conditions,
    is_record,
    object_of,
    of_named,
    uploads,
)
from access_world import ADMINS, AUTHOR, Side, World, make_world
from factories import make_contact, make_customer
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType, get_named_type
from kith_client import Kith
from kith_stream import subscribed

from api.access import CARRIERS, Rule, Viewer, rule_of
from api.access import TYPES as DECLARED
from crm.accounts.models import Login
from crm.contacts.models import Contact
from crm.invoices.models import Invoice
from crm.kernel import jobs
from crm.kernel.actor import Role
from crm.kernel.ids import Kind, decode
from crm.kernel.models import JobState, OutboxJob
from workers import handlers
from workers.runner import perform

LEAST_CELLS = 5_000
Answer = dict[str, Any]


@dataclass
class Matrix:
    """The world, who asks, and what has been looked at."""

    server: str
    world: World
    cells: set[Cell] = field(default_factory=set)
    leaks: list[str] = field(default_factory=list)

    @property
    def viewers(self) -> list[str]:
        return list(self.world.tokens)

    def sides(self, viewer: str) -> tuple[list[Side], list[Side]]:
        """The units the viewer reaches, and the others."""
        one, two = self.world.one, self.world.two
        if viewer == "admin":
            return [one, two], []
        if viewer == "anonymous":
            return [], [one, two]
        return ([two], [one]) if viewer == "agent of unit 2" else ([one], [two])

    def far(self, viewer: str) -> Side:
        """A unit the viewer does not reach. Not for admins, who reach all."""
        return self.sides(viewer)[1][-1]

    def strangers(self) -> list[str]:
        return [each for each in self.viewers if each != "admin"]

    async def ask(self, viewer: str, query: str, variables: dict[str, Any] | None = None) -> Answer:
        response = await Kith(self.server, self.world.tokens[viewer]).post(
            {"query": query, "variables": variables or {}}
        )
        answer: Answer = response.json()
        self.judge(viewer, query, answer)
        return answer

    def judge(self, viewer: str, query: str, answer: Any) -> None:
        """Notes a leak: a mark or an id of a unit that the viewer does not reach, anywhere in the answer."""
        rest, named = of_named(answer)
        # A unit's own history goes on naming the customer that left it.
        found = json.dumps(rest).replace(f'"subjectId": "{self.world.moved}"', "")
        if viewer != "admin" and ADMINS in json.dumps(answer):
            self.leaks.append(f"{viewer}: what is for admins by {query[:300]}")
        for side in self.sides(viewer)[1]:
            secrets = [side.mark, side.mark.lower(), *(each for ids in side.ids.values() for each in ids)]
            secrets += [AUTHOR] if side is self.world.two else []
            sent = query + json.dumps(answer.get("sent", "")) if isinstance(answer, dict) else query
            self.leaks += [f"{viewer}: {s} by {query[:300]}" for s in secrets if s in found and s not in sent]
            own = [side.mark, *(each for name, ids in side.ids.items() if name != "User" for each in ids)]
            self.leaks += [f"{viewer}: {s} named by {query[:300]}" for s in own if s in json.dumps(named)]

    def count(self, fields: set[str], viewer: str, way: str) -> None:
        self.cells |= {(each, viewer, way) for each in fields}


@pytest.fixture
async def matrix(server: str, db: None, setting: Any) -> Matrix:
    setting(max_fields=20_000, max_depth=100, max_aliases=1000, max_root_fields=100, max_cost=10_000_000)
    setting(max_tokens=100_000, max_document_kb=1024, cost_per_minute=0, public_cost_per_minute=0)
    return Matrix(server, await make_world())


# The rules


def _fields() -> Iterator[tuple[str, str, Any]]:
    for name, kind in TYPES.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            for field_name, found in kind.fields.items():
                yield name, field_name, get_named_type(found.type)


def test_every_field_declares_who_may_see_it() -> None:
    assert [f"{kind}.{name}" for kind, name, _ in _fields() if rule_of(kind, name) is None] == []


def test_every_field_that_leads_to_a_record_has_a_rule_of_its_own() -> None:
    silent = [
        f"{kind}.{name}"
        for kind, name, of in _fields()
        if (is_record(of) or of.name.endswith("Connection"))
        and not kind.endswith(CARRIERS)
        and kind not in {"Query", "Mutation", "Subscription", "Viewer"}
        and name not in DECLARED[kind].fields
    ]
    assert silent == []


def test_no_rule_is_for_what_is_not_there() -> None:
    known = {(kind, name) for kind, name, _ in _fields()}
    assert [kind for kind in DECLARED if kind not in TYPES] == []
    assert [(k, n) for k, each in DECLARED.items() for n in each.fields if (k, n) not in known] == []


async def test_portal_contacts_have_a_place_and_no_way_in(server: str, db: None) -> None:
    assert set(Viewer) - {Viewer.ANONYMOUS, Viewer.CONTACT} == {Viewer(role.value) for role in Role}
    assert not [name for name in Contact._meta.fields_map if "password" in name or "login" in name]  # noqa: SLF001
    related = Login._meta.fetch_fields  # noqa: SLF001  Tortoise's own description of a model
    assert set(related) == {"user"}
    customer = await make_customer()
    contact = await make_contact(customer, email="portal@customer.example")

    payload = await Kith(server).mutate(
        "logIn",
        "LogInInput",
        "accessToken",
        {"email": contact.email, "password": "correct horse battery staple"},
    )

    assert payload["accessToken"] is None
    assert [each["code"] for each in payload["errors"]] == ["WRONG_CREDENTIALS"]


def test_exports_are_a_gap_until_they_are_there() -> None:
    """When exports come, this fails: they are a way in, to be asked in the matrix below."""
    ways = [
        n for kind in ("Query", "Mutation", "Subscription") for n in object_of(kind).fields if "xport" in n
    ]
    assert ways == []


# The ways in

SINGULAR = ("customer", "contact", "activity", "segment", "invoice", "import")


def _visible(viewer: str, type_name: str, own: bool) -> bool:
    if viewer == "admin":
        return True
    if type_name == "ApiToken":
        return own and viewer == "analyst token of unit 1"
    return own


async def _by_id(matrix: Matrix) -> None:
    """node(id), customer(id) and so on, with everything one edge away: a record out of reach is as one that is not there."""
    for type_name in matrix.world.one.ids:
        chosen = Selection(type_name)
        node = f"query ($id: ID!) {{ it: node(id: $id) {{ ... on {type_name} {chosen.text} }} }}"
        root = type_name[0].lower() + type_name[1:]
        queries = [(node, "node")]
        if root in SINGULAR:
            queries.append((f"query ($id: ID!) {{ it: {root}(id: $id) {chosen.text} }}", "root"))
        for viewer in matrix.viewers:
            for query, way in queries:
                matrix.count(chosen.fields, viewer, f"{way}: edges")
                for side in (matrix.world.one, matrix.world.two):
                    await _looked_at(matrix, viewer, query, type_name, side)


async def _looked_at(matrix: Matrix, viewer: str, query: str, type_name: str, side: Side) -> None:
    nothing = await matrix.ask(
        viewer, query, {"id": absent(KINDS.get(type_name, _kind(side.ids[type_name][0])))}
    )
    for record in side.ids[type_name]:
        answer = await matrix.ask(viewer, query, {"id": record})
        if _visible(viewer, type_name, side in matrix.sides(viewer)[0]):
            assert "errors" not in answer, (viewer, type_name, answer["errors"])
            assert answer["data"]["it"], (viewer, type_name, record)
        else:
            assert answer == nothing, (viewer, type_name, answer)
            assert viewer == "anonymous" or "errors" not in answer, answer


def _kind(id: str) -> Kind:
    return Kind(id.partition("_")[0])


async def _by_list(matrix: Matrix) -> None:
    """Every root list, by search and by every order: nothing of others is in it or counted in it."""
    for name, found in object_of("Query").fields.items():
        page = get_named_type(found.type)
        if not page.name.endswith("Connection"):
            continue
        kind = get_named_type(page.fields["nodes"].type).name
        whole, plain = Selection(kind), Selection(kind, edges=0)
        for viewer in matrix.viewers:
            for way, arguments in _arguments(matrix, viewer, found):
                chosen = whole if way == "list" else plain
                answer = await matrix.ask(
                    viewer, f"{{ it: {name}(first: 100{arguments}) {{ totalCount nodes {chosen.text} }} }}"
                )
                matrix.count(chosen.fields | {f"Query.{name}"}, viewer, way)
                if viewer == "anonymous" or (rule_of("Query", name) is Rule.ADMINS and viewer != "admin"):
                    assert answer["data"] is None
                    continue
                assert "errors" not in answer, answer
                assert answer["data"]["it"]["totalCount"] == len(answer["data"]["it"]["nodes"])


def _arguments(matrix: Matrix, viewer: str, found: Any) -> Iterator[tuple[str, str]]:
    required = ", list: INDUSTRY" if "list" in found.args else ""
    yield "list", required
    if "search" in found.args:
        for side in (matrix.world.one, matrix.world.two):
            yield "search", f'{required}, search: "{side.mark}"'
    if "orderBy" in found.args:
        order = get_named_type(found.args["orderBy"].type)
        fields = get_named_type(order.fields["field"].type)
        assert isinstance(fields, GraphQLEnumType)
        for each in fields.values:
            yield "sort", f"{required}, orderBy: [{{ field: {each}, direction: DESC }}]"


DOORS = {
    "customers": ("CustomerFilter", "customers(filter: %s) { totalCount }"),
    "customersAggregate": ("CustomerFilter", "customersAggregate(filter: %s) { count }"),
    "previewSegment": ("CustomerFilter", "previewSegment(rule: %s) { count }"),
    "segment.customers": (
        "CustomerFilter",
        'segment(id: "$segment") { customers(filter: %s) { totalCount } }',
    ),
    "invoices": ("InvoiceFilter", "invoices(filter: %s) { totalCount }"),
    "invoicesAggregate": ("InvoiceFilter", "invoicesAggregate(filter: %s) { count }"),
    "activities": ("ActivityFilter", "activities(filter: %s) { totalCount }"),
    "activitiesAggregate": ("ActivityFilter", "activitiesAggregate(filter: %s) { count }"),
    "customer.activities": (
        "ActivityFilter",
        'customer(id: "$customer") { activities(filter: %s) { totalCount } }',
    ),
}


async def _by_filter(matrix: Matrix) -> None:
    """A filter that names what is out of reach finds as much as one that names what is not there."""
    for viewer in matrix.strangers():
        far, near = matrix.far(viewer), (matrix.sides(viewer)[0] or [matrix.world.one])[0]
        # The segment over all units, which is for admins, is a record out of reach as well.
        for segment in (far.ids["Segment"][0], matrix.world.everywhere):
            ids = {name: each[0] for name, each in far.ids.items()} | {
                name: each[0] for name, each in matrix.world.shared.items()
            }
            ids["Segment"] = segment
            ids["User"] = far.ids["User"][0]
            nowhere = {name: absent(_kind(each)) for name, each in ids.items()}
            for door, (kind, text) in DOORS.items():
                place = text.replace("$segment", near.ids["Segment"][0]).replace(
                    "$customer", near.ids["Customer"][0]
                )
                of_far, of_none = (
                    list(conditions(kind, far.mark, ids)),
                    list(conditions(kind, "NoSuchThing", nowhere)),
                )
                answers = [
                    (
                        await matrix.ask(
                            viewer,
                            "{ "
                            + " ".join(f"a{n}: {place % each}" for n, (_, each) in enumerate(some))
                            + " }",
                        )
                    )
                    for some in (of_far, of_none)
                ]
                matrix.cells |= {(name, viewer, f"filter: {door}") for name, _ in of_far}
                if viewer == "anonymous":
                    assert answers[0]["data"] is None or set(answers[0]["data"].values()) == {None}
                    continue
                assert "errors" not in answers[1], (door, answers[1]["errors"][:2])
                told, untold = answers[0]["data"], answers[1]["data"]
                shared = (
                    "statusLabel",
                    "customerGroup",
                    "industry",
                    "source",
                    "serviceProvision",
                    "legalEntity",
                    "invoiceType",
                )
                for n, (name, _) in enumerate(of_far):
                    if told[f"a{n}"] != untold[f"a{n}"] and not name.endswith(shared):
                        matrix.leaks.append(f"{viewer}: {door} tells of {name}")


async def _by_aggregate(matrix: Matrix) -> None:
    """Every dimension: groups and counts are of what the lists hold."""
    for name, listed in (("customers", "customers"), ("invoices", "invoices"), ("activities", "activities")):
        found = object_of("Query").fields[f"{name}Aggregate"]
        kind = get_named_type(found.type).name
        grouping = get_named_type(found.args["groupBy"].type)
        assert isinstance(grouping, GraphQLInputObjectType)
        dimensions = get_named_type(grouping.fields["field"].type)
        assert isinstance(dimensions, GraphQLEnumType)
        chosen = Selection(kind)
        for viewer in matrix.viewers:
            total = (await matrix.ask(viewer, f"{{ it: {listed} {{ totalCount }} }}"))["data"]
            for each in dimensions.values:
                for bucket in ("", ", bucket: MONTH"):
                    query = f"{{ it: {name}Aggregate(groupBy: [{{ field: {each}{bucket} }}]) {chosen.text} }}"
                    answer = await matrix.ask(viewer, query)
                    matrix.count(chosen.fields, viewer, "aggregate")
                    if "errors" not in answer:
                        assert (
                            sum(group["count"] for group in answer["data"]["it"]) == total["it"]["totalCount"]
                        )


async def _by_error(matrix: Matrix) -> int:
    """A change that names a record out of reach is refused in the words for one that is not there."""
    told = 0
    for name in object_of("Mutation").fields:
        for viewer in matrix.strangers():
            far, near = matrix.far(viewer), (matrix.sides(viewer)[0] or [matrix.world.one])[0]
            inputs = Inputs(name, {n: each[0] for n, each in (matrix.world.shared | near.ids).items()})
            if inputs.kind is None or uploads(inputs.kind):
                continue
            asked = "{ errors { __typename code message path } }"
            query = f"mutation ($input: {inputs.kind.name}!) {{ it: {name}(input: $input) {asked} }}"
            for place, meant in inputs.places:
                if meant not in far.ids:
                    continue
                answers = []
                for given in (far.ids[meant][0], absent(KINDS[meant])):
                    answer = await matrix.ask(viewer, query, {"input": inputs.value(place, given)})
                    answers.append(json.dumps(answer).replace(given, "it"))
                matrix.cells.add((f"{inputs.kind.name}.{'.'.join(place)}", viewer, f"error: {name}"))
                if answers[0] != answers[1]:
                    matrix.leaks.append(f"{viewer}: {name} at {place}: {answers}")
                told += "NOT_FOUND" in answers[0]
    return told


async def _by_subscription(matrix: Matrix) -> None:
    """What is out of reach cannot be followed, and is not told of to those who follow all they reach."""
    followed = {
        "customerChanged": "Customer",
        "segmentChanged": "Segment",
        "invoiceChanged": "Invoice",
        "importProgress": "Import",
    }
    for name, type_name in followed.items():
        chosen = Selection(get_named_type(object_of("Subscription").fields[name].type).name)
        query = f"subscription ($id: ID!) {{ it: {name}(id: $id) {chosen.text} }}"
        for viewer in matrix.strangers():
            answers = []
            for given in (matrix.far(viewer).ids[type_name][0], absent(KINDS[type_name])):
                async with subscribed(
                    matrix.server, matrix.world.tokens[viewer], query, {"id": given}
                ) as stream:
                    answers.append((await stream.next_event()).data)
            matrix.count(chosen.fields | {f"Subscription.{name}"}, viewer, "subscription")
            code = "UNAUTHENTICATED" if viewer == "anonymous" else "NOT_FOUND"
            assert [each["errors"][0]["extensions"]["code"] for each in answers if each] == [code, code]
            assert answers[0] == answers[1]


async def _by_event(matrix: Matrix) -> None:
    """Both units change; each listener hears of its own first and of nothing else."""
    for name in ("customersChanged", "invoiceChanged"):
        chosen = Selection(get_named_type(object_of("Subscription").fields[name].type).name)
        for viewer in matrix.viewers:
            if viewer == "anonymous":
                continue
            mine = matrix.sides(viewer)[0][-1]
            others = [each for each in (matrix.world.one, matrix.world.two) if each is not mine]
            query = f"subscription {{ it: {name} {chosen.text} }}"
            token = matrix.world.tokens[viewer]
            async with asyncio.timeout(60), subscribed(matrix.server, token, query) as stream:
                await _heard_by(matrix)
                for side in (*others, mine):
                    await _change(matrix, side)
                heard = (await stream.next_event()).data
                while heard and viewer == "admin" and mine.mark not in json.dumps(heard):
                    heard = (await stream.next_event()).data
            matrix.count(chosen.fields | {f"Subscription.{name}"}, viewer, "event")
            matrix.judge(viewer, query, heard)
            assert mine.mark in json.dumps(heard)


async def _heard_by(matrix: Matrix) -> None:
    """Until the subscription has reached Redis."""
    await asyncio.sleep(0.3)


async def _change(matrix: Matrix, side: Side) -> None:
    kith = Kith(matrix.server, side.manager.token)
    customer, invoice = side.ids["Customer"][0], side.ids["Invoice"][1]
    version = (await Invoice.get(id=decode(Kind.INVOICE, invoice))).version
    await kith.mutate(
        "tagCustomer", "TagCustomerInput", "", {"id": customer, "add": [f"{side.mark}tag{version}"]}
    )
    payload = await kith.mutate(
        "updateInvoice",
        "UpdateInvoiceInput",
        "",
        {"id": invoice, "notes": f"{side.mark} again {version}", "expectedVersion": version},
    )
    assert payload["errors"] == [], payload
    handlers.load()
    while job := await OutboxJob.filter(state=JobState.PENDING, kind="event").first():
        claim = await jobs.claim(job.id)
        assert claim is not None
        await perform(claim)


async def _by_file(matrix: Matrix) -> None:
    """A link is made for who may see the file; one that was altered opens nothing."""
    link = "query ($id: ID!) { it: node(id: $id) { ... on Invoice { pdf { url } } } }"
    for side in (matrix.world.one, matrix.world.two):
        invoice = side.ids["Invoice"][0]
        for viewer in matrix.viewers:
            answer = await matrix.ask(viewer, link, {"id": invoice})
            seen = ((answer.get("data") or {}).get("it") or {}).get("pdf")
            assert bool(seen) is (side in matrix.sides(viewer)[0])
            matrix.cells.add(("InvoicePdf.url", viewer, f"file: {side.mark}"))
            if seen:
                async with httpx.AsyncClient(base_url=matrix.server) as client:
                    path = "/files/" + seen["url"].partition("/files/")[2]
                    altered = path[:-2] + ("aa" if path[-2:] != "aa" else "bb")
                    assert (await client.get(altered)).status_code == 404


@pytest.mark.timeout(600)
async def test_nothing_out_of_reach_is_to_be_found_by_any_way_in(
    matrix: Matrix, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    await _by_id(matrix)
    await _by_list(matrix)
    await _by_filter(matrix)
    await _by_aggregate(matrix)
    refused = await _by_error(matrix)
    await _by_file(matrix)
    await _by_subscription(matrix)
    await _by_event(matrix)

    summary = f"access matrix: {len(matrix.cells)} cells, {len(matrix.leaks)} leaks, {refused} changes refused as NOT_FOUND"
    record_property("access", summary)
    with capsys.disabled():
        print(f"\n{summary}")  # noqa: T201  the count is what one runs it for
    assert not matrix.leaks, "\n".join(sorted(set(matrix.leaks))[:40])  # a diff of thousands takes for ever
    assert len(matrix.cells) >= LEAST_CELLS, summary
    assert refused >= 100, summary
