"""What one caller asked never shows in what another is answered, though they share documents, plans and connections."""

import asyncio
from typing import Any

import pytest

from tests.api.fusion.answers import Asker
from tests.api.fusion.world_rows import World

EVERYTHING = """
query ($id: ID!, $ids: [ID!]!, $search: String) {
  node(id: $id) { id __typename ... on Customer { name unit { name } } ... on Invoice { number } }
  nodes(ids: $ids) { id }
  viewer { id units { id } user { name } }
  users { nodes { id } totalCount }
  businessUnits { nodes { id members { totalCount } } }
  apiTokens { nodes { id user { id } } totalCount }
  customers(search: $search) { nodes { id unit { id } segments { nodes { id } } } totalCount }
  activities { nodes { id customer { id } } totalCount }
  segments { nodes { id memberCount customers { nodes { id } } } totalCount }
  history { nodes { id } totalCount }
  invoices { nodes { id customer { unit { id } } } totalCount }
  imports { nodes { id } totalCount }
  customersAggregate(groupBy: {field: UNIT}) { count key { unit { id } } }
  invoicesAggregate { count }
  activitiesAggregate { count }
}
"""
ROOTS = ("users", "apiTokens", "customers", "activities", "segments", "history", "invoices", "imports")


@pytest.mark.parametrize("search", [None, "a", "ada"])
async def test_viewers_of_different_units_who_take_turns_see_their_own_only(
    world: World, asker: Asker, search: str | None
) -> None:
    for key in ("cus", "inv", "seg"):
        ids = world.ids[key][:10]
        variables = {"id": ids[0], "ids": ids, "search": search}
        names = ("manager", "agent", "admin", "analyst")
        expected = {name: await asker.plain(world.viewers[name], EVERYTHING, variables) for name in names}

        for name in names * 2:
            fused = await asker.fused(world.viewers[name], EVERYTHING, variables)
            assert fused.text() == expected[name].text(), name


@pytest.mark.parametrize("root", ROOTS)
async def test_viewers_who_ask_at_the_same_moment_see_their_own_only(
    world: World, asker: Asker, root: str
) -> None:
    document = f"{{ {root} {{ totalCount nodes {{ id }} }} }}"
    names = [name for name in ("manager", "agent", "admin", "analyst") for _ in range(6)]
    expected = {name: await asker.plain(world.viewers[name], document) for name in set(names)}

    for _ in range(2):
        answers = await asyncio.gather(*(asker.fused(world.viewers[name], document) for name in names))
        for name, answer in zip(names, answers, strict=True):
            assert answer.text() == expected[name].text(), name

    shown = {name: {each["id"] for each in expected[name].data[root]["nodes"]} for name in expected}
    assert shown["manager"] != shown["agent"]


async def test_nobody_is_answered_from_what_somebody_asked(world: World, asker: Asker) -> None:
    document = "{ customers { nodes { id } } }"
    for viewer in ("admin", "nobody", "admin", "nobody"):
        fused, plain = await asker.both(world.viewers[viewer], document)

        assert fused.text() == plain.text()
        assert fused.codes == ({"UNAUTHENTICATED"} if viewer == "nobody" else set())


async def test_the_same_document_with_other_variables_is_not_answered_with_the_first_ones(
    world: World, asker: Asker
) -> None:
    document = """
      query ($id: ID!, $with: Boolean!, $n: Int = 2, $current: Boolean, $filter: ActivityFilter) {
        customer(id: $id) {
          id
          name @include(if: $with)
          contacts(first: $n) { nodes { name } totalCount }
          memberships(current: $current) { nodes { id } }
          activities(filter: $filter, first: $n) { nodes { ...A } }
        }
      }
      fragment A on Activity { id title @skip(if: $with) }
    """
    turns: list[dict[str, Any]] = [
        {"id": each, "with": shown, **more}
        for each in world.ids["cus"][:6]
        for shown in (True, False)
        for more in (
            {},
            {"n": 1},
            {"n": None},
            {"current": False},
            {"filter": {"type": {"eq": "CALL"}}},
            {"filter": None},
        )
    ]

    for turn in turns:
        fused, plain = await asker.both(world.viewers["admin"], document, turn)
        assert (fused.shown, fused.faults) == (plain.shown, plain.faults), turn
