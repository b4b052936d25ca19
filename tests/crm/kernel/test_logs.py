"""The lines of requests are written by a shorter way; nobody who reads them can tell."""

import asyncio
import io
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from crm.kernel import logs


class _Stream(io.TextIOWrapper):
    def lines(self) -> list[dict[str, Any]]:
        self.flush()
        return [json.loads(line) for line in self.buffer.getvalue().splitlines()]  # type: ignore[attr-defined]


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch, setting: Callable[..., None]) -> Any:
    found = _Stream(io.BytesIO())
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", found)
        setting(log_level="info", log_format="json")
        logs.configure()
        yield found
    setting(log_level="error")
    logs.configure()


async def test_they_look_like_all_others(stream: _Stream) -> None:
    said: dict[str, Any] = {"path": "/x", "ms": 1.5, "errors": ["NOT_FOUND"], "actor": None}
    structlog.get_logger("any").info("request", **said)
    logs.tell("request", lambda: said)
    logs.flush()

    usual, ours = stream.lines()
    assert list(ours) == list(usual)
    stamps = [each.pop("timestamp") for each in (usual, ours)]
    assert ours == usual
    assert [(len(each), each[-1]) for each in stamps] == [(27, "Z")] * 2


async def test_they_are_written_soon_and_only_at_their_level(stream: _Stream) -> None:
    logs.tell("request", lambda: {"path": "/healthz"}, debug=True)
    logs.tell("request", lambda: {"path": "/graphql"})
    for _ in range(100):
        await asyncio.sleep(0.01)
        if stream.lines():
            break

    assert [each["path"] for each in stream.lines()] == ["/graphql"]


async def test_many_are_written_at_once_before_long(stream: _Stream) -> None:
    for number in range(1200):
        logs.tell("request", lambda told: {"number": told}, number)

    assert len(stream.lines()) >= 1000  # the rest in its time
    logs.flush()
    assert [each["number"] for each in stream.lines()] == list(range(1200))
