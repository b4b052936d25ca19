"""A small graphql-transport-ws client for tests."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from factories import Person
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

PATIENCE = 30.0
PROTOCOL = Subprotocol("graphql-transport-ws")


@dataclass
class Socket:
    """One client's socket: what it sends, and what it hears next."""

    connection: ClientConnection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        """The next message. Raises ConnectionClosed; a binary frame is no message."""
        frame = await asyncio.wait_for(self.connection.recv(), PATIENCE)
        assert isinstance(frame, str)
        message: dict[str, Any] = json.loads(frame)
        return message

    async def subscribe(self, name: str, query: str, **variables: Any) -> None:
        await self.send(id=name, type="subscribe", payload={"query": query, "variables": variables})

    async def answer(self, name: str, query: str, **variables: Any) -> list[dict[str, Any]]:
        """All messages of one short operation."""
        await self.subscribe(name, query, **variables)
        messages = [await self.hear()]
        while messages[-1]["type"] == "next":
            messages.append(await self.hear())
        return messages

    async def closed_with(self) -> tuple[int | None, str | None]:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.hear()
        return self.connection.close_code, self.connection.close_reason


def address(server: str) -> str:
    return server.replace("http://", "ws://") + "/graphql"


@contextlib.asynccontextmanager
async def raw(server: str, **options: Any) -> AsyncIterator[Socket]:
    """A socket before `connection_init`."""
    async with connect(address(server), subprotocols=[PROTOCOL], **options) as connection:
        yield Socket(connection)


@contextlib.asynccontextmanager
async def opened(server: str, person: Person) -> AsyncIterator[Socket]:
    """The socket of somebody who showed their token."""
    async with raw(server) as socket:
        await socket.send(type="connection_init", payload={"authorization": f"Bearer {person.token}"})
        assert (await socket.hear())["type"] == "connection_ack"
        yield socket


async def until_listened(redis_url: str, topic: str, count: int = 1) -> None:
    """Waits until that many connections to Redis listen to a topic."""
    channel = f"kith:{topic}"
    async with asyncio.timeout(PATIENCE), Redis.from_url(redis_url, decode_responses=True) as redis:
        while dict(await redis.pubsub_numsub(channel))[channel] != count:  # noqa: ASYNC110  Redis tells nobody
            await asyncio.sleep(0.02)


def code_of(message: dict[str, Any]) -> str:
    """The code of the only error a message carries."""
    payload = message["payload"]
    (error,) = payload if message["type"] == "error" else payload["errors"]
    return str(error["extensions"]["code"])
