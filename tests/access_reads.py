"""Ways in by reading: by id, list, search, order, filter and aggregate. Each notes what it looked at."""

from collections.abc import Iterator
from typing import Any

from access_cells import KINDS, Selection, absent, conditions, object_of
from access_matrix import Matrix
from access_world import Side
from graphql import GraphQLEnumType, GraphQLInputObjectType, get_named_type

from api.access import Rule, rule_of
from crm.kernel.ids import Kind

SINGULAR = ("customer", "contact", "activity", "segment", "invoice", "import")


def _visible(viewer: str, type_name: str, own: bool) -> bool:
    if viewer == "admin":
        return True
    if type_name == "ApiToken":
        return own and viewer == "analyst token of unit 1"
    return own


async def by_id(matrix: Matrix) -> None:
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


async def by_list(matrix: Matrix) -> None:
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


async def by_filter(matrix: Matrix) -> None:
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


async def by_aggregate(matrix: Matrix) -> None:
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
