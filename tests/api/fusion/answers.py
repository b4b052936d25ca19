"""Asking both applications the same, and comparing what they say."""

import asyncio
import re
import ssl
from dataclasses import dataclass
from typing import Any, Self

import httpx
import orjson

from tests.api.fusion.operation_strategy import KIND_OF
from tests.api.fusion.world_rows import World

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_LINK = re.compile(r"^http://[^/]+/files/[\w.~=-]+$")  # it is signed, and holds the moment it ends


@dataclass(frozen=True)
class Answer:
    status: int
    data: Any
    errors: list[Any]

    @property
    def codes(self) -> set[str]:
        return {code for code, _, _ in self.errors}

    def text(self) -> str:
        """The same text for the same answer, the order of its keys included."""
        shown = {"status": self.status, "data": self.data, "errors": self.errors}
        return orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode()


class Asker:
    """One keep-alive client for both applications."""

    def __init__(self, fused: str, plain: str) -> None:
        self._fused, self._plain = f"{fused}/graphql", f"{plain}/graphql"
        self._client = httpx.AsyncClient(timeout=120, verify=_NO_TLS, headers={"accept-encoding": "identity"})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def fused(
        self, token: str | None, document: str, variables: dict[str, Any] | None = None
    ) -> Answer:
        return await self._asked(self._fused, token, document, variables)

    async def plain(
        self, token: str | None, document: str, variables: dict[str, Any] | None = None
    ) -> Answer:
        return await self._asked(self._plain, token, document, variables)

    async def both(
        self, token: str | None, document: str, variables: dict[str, Any] | None = None
    ) -> tuple[Answer, Answer]:
        """The fused answer and the plain one."""
        return await asyncio.gather(
            self.fused(token, document, variables), self.plain(token, document, variables)
        )

    async def _asked(
        self, url: str, token: str | None, document: str, variables: dict[str, Any] | None
    ) -> Answer:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        body = {"query": document, "variables": variables or {}}
        response = await self._client.post(url, json=body, headers=headers)
        told = orjson.loads(response.content)
        errors = [
            [each["extensions"]["code"], each.get("path"), each["message"]] for each in told.get("errors", ())
        ]
        return Answer(
            response.status_code, _without_links(told.get("data")), sorted(errors, key=orjson.dumps)
        )


def _without_links(value: Any) -> Any:
    match value:
        case dict():
            return {name: _without_links(each) for name, each in value.items()}
        case list():
            return [_without_links(each) for each in value]
        case str() if _LINK.match(value):
            return "a link"
    return value


_ENDS = "edges { cursor }"
_OF_RECORDS = {
    "BusinessUnit": ("members",),
    "Customer": ("contacts", "activities", "segments", "memberships(current: false)", "invoices", "history"),
    "Segment": ("memberships(current: false)",),
    "Import": ("problems",),
    "Invoice": ("history",),
}
_OF_QUERY = {
    "users": "users",
    "businessUnits": "businessUnits",
    "apiTokens": "apiTokens",
    "pickListItems": "pickListItems(list: SOURCE, archived: true)",
    "activities": "activities",
    "segments": "segments",
    "history": "history",
    "legalEntities": "legalEntities(includeArchived: true)",
    "imports": "imports",
    "deadJobs": "deadJobs",
    "customers": 'customers(search: "ada")',
    "invoices": 'invoices(search: "INV")',
}


async def harvested(asker: Asker, world: World) -> dict[str, list[str]]:
    """Cursors of each connection's own rows, as an admin is told them."""
    token = world.viewers["admin"]
    found: dict[str, list[str]] = {}
    for name, call in _OF_QUERY.items():
        answer = await asker.plain(token, f"{{ all: {call} {{ {_ENDS} }} }}")
        found[f"Query.{name}"] = [edge["cursor"] for edge in answer.data["all"]["edges"]]
    for kind, calls in _OF_RECORDS.items():
        for call in calls:
            name = call.partition("(")[0]
            document = f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {kind} {{ all: {call} {{ {_ENDS} }} }} }} }}"
            answer = await asker.plain(token, document, {"ids": world.ids[KIND_OF[kind]]})
            found[f"{kind}.{name}"] = [
                edge["cursor"] for node in answer.data["nodes"] for edge in node["all"]["edges"]
            ][:60]
    return found
