"""A statement holds nothing but what its caller may see: scoped at the root, and nobody read below it."""

from uuid import UUID

import orjson
import pytest
import strawberry
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from tortoise.queryset import QuerySet

from api.executor import Executor
from api.fusion import Fused, Reads, shows
from api.fusion.plans import Plans
from crm.accounts import models
from tests.api.fusion.answers import Asker, Recording
from tests.api.fusion.world_rows import World

LISTS = ("customers", "activities", "segments", "history", "invoices", "imports", "users", "businessUnits")
NESTED = "{ %s { totalCount nodes { id } pageInfo { hasPreviousPage endCursor } } }"


@pytest.mark.parametrize("name", LISTS)
async def test_every_statement_is_narrowed_to_the_units_of_its_caller(
    world: World, asker: Asker, recording: Recording, name: str
) -> None:
    for viewer in ("manager", "agent", "manager"):
        told = await asker.plain(world.viewers[viewer], "{ viewer { units { id } } }")
        units = [UUID(each["id"].removeprefix("unit_")) for each in told.data["viewer"]["units"]]
        recording.asked.clear()

        await asker.fused(world.viewers[viewer], NESTED % name)

        ((_, values),) = recording.asked
        bound = {value for value in values if isinstance(value, UUID)}
        every = {UUID(each.removeprefix("unit_")) for each in world.ids["unit"]}
        assert bound & every == set(units)


async def test_nobody_has_no_statement(world: World, asker: Asker, recording: Recording) -> None:
    for name in LISTS:
        await asker.fused(None, NESTED % name)

    assert recording.asked == []


@strawberry.type
class Person:
    name: str

    @strawberry.field
    def asker(self, info: strawberry.Info) -> list["Person"]:
        return models.User.filter(name=info.context["name"])  # type: ignore[return-value]


shows(models.User, Person)


@strawberry.type
class People:
    @strawberry.field
    def everybody(self) -> list[Person]:
        found: QuerySet[models.User] = models.User.all().order_by("name").limit(2)
        return found  # type: ignore[return-value]


class Small(Fused, StrawberryGraphQLCoreExecutionContext):
    reads = Reads()


class Caller(dict[str, str]):
    explained = None


async def test_a_nested_resolver_that_reads_who_asks_is_refused(world: World, recording: Recording) -> None:
    small = strawberry.Schema(People, execution_context_class=Small)
    Small.reads.pool = recording  # type: ignore[assignment]

    for name in ("Älva Admin", "agnes \\ agent"):
        told = await small.execute("{ everybody { name asker { name } } }", context_value=Caller(name=name))

        assert told.errors is None
        data = orjson.loads(orjson.dumps(told.data))
        assert [each["asker"] for each in data["everybody"]] == [[{"name": name}]] * 2
    assert Small.reads.plans.refused == {"Person.asker": "a nested resolver reads info.context"}


NODES = """
query ($ids: [ID!]!) {
  nodes(ids: $ids) {
    id __typename
    ... on Customer { LONG: name contacts(first: 2) { nodes { name } } }
    ... on Contact { name customer { name } }
    ... on Invoice { state lines { description } }
  }
}
""".replace("LONG", "n" * 64)  # longer than a column's name may be


@pytest.mark.parametrize("viewer", ["admin", "manager", "agent"])
async def test_nodes_of_several_kinds_are_one_statement(
    world: World, asker: Asker, recording: Recording, monkeypatch: pytest.MonkeyPatch, viewer: str
) -> None:
    plans = Plans()
    monkeypatch.setattr(Executor.reads, "plans", plans)
    customers, contacts, invoices = (world.ids[kind] for kind in ("cus", "con", "inv"))
    nobody = f"cus_{'0' * 32}"
    exchanged = f"inv_{customers[0].removeprefix('cus_')}"  # a customer's key under another kind
    turns = [
        [customers[0], contacts[0], invoices[0]],
        [*customers[:30], *contacts[:30], nobody, *invoices[:30], customers[1], customers[1]],
        [contacts[0], exchanged, customers[0], invoices[-1]],
    ]

    for ids in turns:
        plain = await asker.plain(world.viewers[viewer], NODES, {"ids": ids})
        recording.asked.clear()

        fused = await asker.fused(world.viewers[viewer], NODES, {"ids": ids})

        assert fused.text() == plain.text()
        assert len(recording.asked) == 1
        shown = [node and node["id"] for node in fused.data["nodes"]]
        assert all(found in {None, wanted} for found, wanted in zip(shown, ids, strict=True))
        assert shown[1] is None or exchanged not in ids
    assert len(plans) == 1


async def test_nodes_that_cannot_be_one_statement_are_answered_each(
    world: World, asker: Asker, recording: Recording
) -> None:
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Invoice { pdf { url } number } } }"
    ids = [*world.ids["cus"][:2], *world.ids["inv"][:3]]

    fused, plain = await asker.both(world.viewers["admin"], document, {"ids": ids})

    assert fused.text() == plain.text()
    assert not fused.errors
    assert len(recording.asked) == 2  # customers have no such field
