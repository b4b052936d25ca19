"""Reading answers that come in pieces, as server-sent events or as parts of multipart/mixed."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx

PATIENCE = 30.0


@dataclass
class Event:
    """One server-sent event."""

    name: str
    id: str | None
    data: Any


@dataclass
class Stream:
    """An open response; `next_event` waits for the next event, comments left out."""

    response: httpx.Response
    lines: AsyncIterator[str]

    async def next_event(self) -> Event:
        fields: dict[str, str] = {}
        while True:
            line = await asyncio.wait_for(anext(self.lines), PATIENCE)
            if not line and fields:
                data = fields.get("data")
                return Event(fields["event"], fields.get("id"), json.loads(data) if data else None)
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value


@contextlib.asynccontextmanager
async def subscribed(
    server: str, token: str | None, query: str, variables: dict[str, Any] | None = None, **headers: str
) -> AsyncIterator[Stream]:
    """A subscription (or any operation) as server-sent events."""
    sent = {"accept": "text/event-stream"} | ({"authorization": f"Bearer {token}"} if token else {})
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"query": query, "variables": variables or {}}
    async with (
        httpx.AsyncClient(base_url=server, timeout=PATIENCE) as client,
        client.stream("POST", "/graphql", json=body, headers=sent) as response,
    ):
        yield Stream(response, response.aiter_lines())
