"""The access matrix: who asks, what they reach, and what has been looked at so far.

`matrix` is a fixture, to import.
"""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from access_cells import Cell, of_named
from access_world import ADMINS, AUTHOR, Side, World, make_world
from kith_client import Kith

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

    async def upload(self, viewer: str, query: str, variables: dict[str, Any]) -> Answer:
        """As `ask`, with a file in the input, by the multipart request specification."""
        variables = {"input": variables["input"] | {"file": None}}
        parts = {
            "operations": json.dumps({"query": query, "variables": variables}),
            "map": json.dumps({"0": ["variables.input.file"]}),
        }
        token = self.world.tokens[viewer]
        headers = {"x-kith-client": "tests"} | ({"authorization": f"Bearer {token}"} if token else {})
        async with httpx.AsyncClient(base_url=self.server, timeout=60) as client:
            files = {"0": ("sample.csv", b"Name;Email\nSample;sample@customer.example\n")}
            response = await client.post("/graphql", data=parts, files=files, headers=headers)
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
