"""Asking both applications the same, and comparing what they say."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from api.fusion.pool import ReadPool, Row
from tests.api.fusion.operation_strategy import KIND_OF
from tests.api.fusion.world_rows import World

_LINK = re.compile(r"^http://[^/]+/files/[\w.~=-]+$")  # it is signed, and holds the moment it ends


@dataclass(frozen=True)
class Answer:
    status: int
    data: Any
    errors: list[Any]

    @property
    def codes(self) -> set[str]:
        return {code for code, _, _ in self.errors}

    @property
    def faults(self) -> set[str]:
        """The errors, whichever row of a list they are told of: which of several comes first is nobody's promise."""
        return {
            orjson.dumps([code, _without_places(path), words]).decode() for code, path, words in self.errors
        }

    @property
    def shown(self) -> bytes:
        """The same for the same answer, the order of its keys included, apart from errors."""
        return orjson.dumps([self.status, self.data])

    def text(self) -> str:
        """The same text for the same answer, the order of its keys included."""
        shown = {"status": self.status, "data": self.data, "errors": self.errors}
        return orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode()


class _Caller:
    """Keep-alive connections to one application. A request goes out in one piece: sent in two, as clients do, its
    second half would wait 40 ms for the first one's delayed ACK.
    """

    def __init__(self, url: str) -> None:
        self._at = urlsplit(url)
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, body: bytes, token: str | None) -> tuple[int, bytes]:
        head = f"POST /graphql HTTP/1.1\r\nHost: {self._at.netloc}\r\nContent-Type: application/json\r\n"
        head += f"Authorization: Bearer {token}\r\n" if token else ""
        message = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        while self._free:
            reader, writer = self._free.pop()
            try:
                return await self._exchanged(message, reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()  # it was ended while nobody asked
        return await self._exchanged(message, *await self._opened())

    async def _exchanged(
        self, message: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[int, bytes]:
        writer.write(message)
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if line)
        content = await reader.readexactly(int(headers["content-length"]))
        self._free.append((reader, writer))
        return int(status.split()[1]), content

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._at.hostname, self._at.port)

    async def close(self) -> None:
        for _, writer in self._free:
            writer.close()
            await writer.wait_closed()


class Asker:
    """Asks the application that answers by statements, the one that answers the plain way, or both at once."""

    def __init__(self, fused: str, plain: str) -> None:
        self._fused, self._plain = _Caller(fused), _Caller(plain)

    async def close(self) -> None:
        await self._fused.close()
        await self._plain.close()

    async def fused(
        self, token: str | None, document: str, variables: dict[str, Any] | None = None
    ) -> Answer:
        return await _asked(self._fused, token, document, variables)

    async def plain(
        self, token: str | None, document: str, variables: dict[str, Any] | None = None
    ) -> Answer:
        return await _asked(self._plain, token, document, variables)

    async def both(
        self, token: str | None, document: str, variables: dict[str, Any] | None = None
    ) -> tuple[Answer, Answer]:
        """The fused answer and the plain one."""
        return await asyncio.gather(
            self.fused(token, document, variables), self.plain(token, document, variables)
        )


class Recording:
    """The application's own pool, with a note of what is asked of it."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool
        self.asked: list[tuple[str, Sequence[Any]]] = []
        self.varied: list[bool] = []

    async def fetch(self, sql: str, values: Sequence[Any], *, varies: bool = False) -> Row:
        self.asked.append((sql, values))
        self.varied.append(varies)
        return await self._pool.fetch(sql, values, varies=varies)


async def _asked(
    caller: _Caller, token: str | None, document: str, variables: dict[str, Any] | None
) -> Answer:
    status, content = await caller.post(
        orjson.dumps({"query": document, "variables": variables or {}}), token
    )
    told = orjson.loads(content)
    errors = [
        [each["extensions"]["code"], each.get("path"), each["message"]] for each in told.get("errors", ())
    ]
    return Answer(status, _without_links(told.get("data")), sorted(errors, key=orjson.dumps))


def _without_places(path: list[Any] | None) -> list[Any] | None:
    return None if path is None else ["*" if isinstance(each, int) else each for each in path]


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
