"""Finished answers leave in one piece where nothing speaks against it, and say the same where something does."""

import asyncio
import contextlib
import itertools
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pytest
from factories import make_customer, make_unit, make_user
from locks import customers_locked
from tortoise.connection import get_connection

from crm.kernel.actor import Role
from stack.answers import Protocol

LONG = 5.0
"""Seconds within which everything here is answered."""
MANY = 300
"""Answers of 50 kB: more than the sockets between a server and a caller who does not read take."""

_numbers = itertools.count()


@dataclass
class Caller:
    """A connection that asks one thing over and over; `at_once` notes of each answer whether it left in one piece."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    token: str
    at_once: list[bool]
    names: str = field(
        default_factory=lambda: f"query Names{next(_numbers)} {{ customers {{ nodes {{ name }} }} }}"
    )
    """A query nobody has asked before."""

    def request(self, document: str, *headers: str, version: str = "1.1") -> bytes:
        body = json.dumps({"query": document}).encode()
        lines = [
            f"POST /graphql HTTP/{version}",
            "host: kith",
            "content-type: application/json",
            f"authorization: Bearer {self.token}",
            f"content-length: {len(body)}",
            *headers,
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body

    async def answer(self) -> tuple[dict[str, str], Any]:
        """Head and data of the next answer."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), LONG)
        status, *lines = head.decode().split("\r\n")
        assert status == "HTTP/1.1 200 OK"
        pairs = [line.split(": ", 1) for line in lines if line]
        headers = dict(pairs)
        assert len(headers) == len(pairs)  # none is told twice
        body = await asyncio.wait_for(self.reader.readexactly(int(headers["content-length"])), LONG)
        return headers, json.loads(body)["data"]

    async def asked(self, document: str, *headers: str, version: str = "1.1") -> tuple[dict[str, str], Any]:
        self.writer.write(self.request(document, *headers, version=version))
        return await self.answer()

    async def told(self, count: int) -> None:
        """Waits until so many answers have left. Raises TimeoutError."""
        async with asyncio.timeout(LONG):
            while len(self.at_once) < count:  # noqa: ASYNC110  nobody tells
                await asyncio.sleep(0.005)

    async def is_closed(self) -> bool:
        """Whether nothing comes any more. Raises TimeoutError if the connection stays."""
        return await asyncio.wait_for(self.reader.read(), LONG) == b""


@contextlib.asynccontextmanager
async def _calling(server: str, token: str, at_once: list[bool]) -> AsyncIterator[Caller]:
    host, _, port = server.removeprefix("http://").partition(":")
    link = socket.create_connection((host, int(port)))
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64_000)
    reader, writer = await asyncio.open_connection(sock=link)
    try:
        yield Caller(reader, writer, token, at_once)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


Call: TypeAlias = Callable[[], contextlib.AbstractAsyncContextManager[Caller]]
FOUND = {"customers": {"nodes": [{"name": "Only"}]}}


@pytest.fixture
async def call(server: str, db: None, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Opens connections of a person who sees one customer."""
    at_once: list[bool] = []
    answer = Protocol.answer

    def noting(self: Protocol, scope: Any, headers: Any, body: bytes) -> bool:
        at_once.append(answer(self, scope, headers, body))
        return at_once[-1]

    monkeypatch.setattr(Protocol, "answer", noting)
    unit = await make_unit()
    person = await make_user(Role.AGENT, [unit])
    await make_customer(unit=unit, name="Only")
    assert person.token
    token = person.token
    return lambda: _calling(server, token, at_once)


async def test_a_remembered_read_leaves_in_one_piece_again_and_again(call: Call) -> None:
    async with call() as caller:
        answers = [await caller.asked(caller.names) for _ in range(4)]

    assert [data for _, data in answers] == [FOUND] * 4
    assert caller.at_once == [True] * 3  # the first one is not remembered yet


async def test_both_ways_say_the_same(call: Call) -> None:
    async with call() as caller:
        await caller.asked(caller.names)
        at_once, _ = await caller.asked(caller.names, "x-request-id: mine")
        usual, _ = await caller.asked(caller.names, "x-request-id: mine", "connection: close")

    assert caller.at_once == [True, False]
    assert usual.pop("connection") == "close"
    assert {**at_once, "date": ""} == {**usual, "date": ""}
    assert list(at_once) == list(usual)


@pytest.mark.parametrize(
    ("headers", "version"), [(("connection: close",), "1.1"), ((), "1.0")], ids=["close", "HTTP/1.0"]
)
async def test_a_connection_that_is_not_to_stay_is_closed(
    call: Call, headers: tuple[str, ...], version: str
) -> None:
    async with call() as caller:
        await caller.asked(caller.names)
        said, data = await caller.asked(caller.names, *headers, version=version)

        assert data == FOUND
        assert said["connection"] == "close"
        assert await caller.is_closed()
    assert caller.at_once == [False]


async def test_a_connection_that_rests_is_closed(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    resting = property(lambda _: 0.2, lambda _, __: None)
    monkeypatch.setattr(Protocol, "timeout_keep_alive", resting, raising=False)
    async with call() as caller:
        await caller.asked(caller.names)
        await caller.asked(caller.names)

        assert caller.at_once == [True]
        assert await caller.is_closed()


async def test_requests_sent_together_are_answered_in_their_order(call: Call) -> None:
    aliased = [f"{{ a{n}: customers {{ nodes {{ name }} }} }}" for n in range(3)]
    async with call() as caller:
        for document in aliased:
            await caller.asked(document)
        caller.writer.write(b"".join(map(caller.request, aliased)))
        together = [(await caller.answer())[1] for _ in aliased]

        assert [list(data) for data in together] == [["a0"], ["a1"], ["a2"]]
        assert caller.at_once == [False, False, True]
        assert (await caller.asked(caller.names))[1] == FOUND  # and the connection goes on


async def test_a_caller_who_does_not_read_loses_nothing(call: Call) -> None:
    large = f"{{ {'a' * 50_000}: customers {{ nodes {{ name }} }} }}"
    async with call() as caller:
        first, _ = await caller.asked(large)
        while len(caller.at_once) < MANY and all(caller.at_once):
            caller.writer.write(caller.request(large))
            await caller.told(len(caller.at_once) + 1)
        answers = [await caller.answer() for _ in caller.at_once]

        assert caller.at_once == [True] * (len(answers) - 1) + [False]
        assert [headers["content-length"] for headers, _ in answers] == [first["content-length"]] * len(
            answers
        )
        assert (await caller.asked(caller.names))[1] == FOUND


async def test_a_caller_who_has_gone_disturbs_nobody(
    call: Call, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    uvicorns = logging.getLogger("uvicorn.error")
    uvicorns.addHandler(caplog.handler)
    try:
        async with call() as caller:
            await caller.asked(caller.names)
            async with customers_locked(database):
                caller.writer.write(caller.request(caller.names))
                await _somebody_waits()
                caller.writer.transport.abort()
                await asyncio.sleep(0.2)  # until the server has noticed
            await caller.told(1)
        async with call() as other:
            assert (await other.asked(other.names))[1] == FOUND
    finally:
        uvicorns.removeHandler(caplog.handler)

    assert caller.at_once == [False]
    assert not caplog.records


async def _somebody_waits() -> None:
    """Waits until a statement is held up by a lock. Raises TimeoutError."""
    held_up = "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    async with asyncio.timeout(LONG):
        while not (await get_connection("default").execute_query(held_up))[1]:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)


async def test_a_body_that_waits_to_be_asked_for_is_asked_for_once(call: Call) -> None:
    async with call() as caller:
        await caller.asked(caller.names)
        head, _, body = caller.request(caller.names, "expect: 100-continue").partition(b"\r\n\r\n")
        caller.writer.write(head + b"\r\n\r\n")
        assert (
            await asyncio.wait_for(caller.reader.readuntil(b"\r\n\r\n"), LONG)
            == b"HTTP/1.1 100 Continue\r\n\r\n"
        )
        caller.writer.write(body)

        assert (await caller.answer())[1] == FOUND
        assert (await caller.asked(caller.names))[1] == FOUND
