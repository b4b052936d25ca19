"""The lines of requests are written by a shorter way; nobody who reads them can tell."""

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


def test_they_look_like_all_others(stream: _Stream) -> None:
    said: dict[str, Any] = {"path": "/x", "errors": ["NOT_FOUND"], "actor": None}
    structlog.get_logger("any").info("request", **said, ms=1.5, request_id="mine")
    logs.tell("request", [_line(1_000_000_000.25, **said)])

    usual, ours = stream.lines()
    assert len(usual.pop("timestamp")) == len(ours["timestamp"])
    assert ours.pop("timestamp") == "2001-09-09T01:46:40.250000Z"
    assert ours == usual


def test_they_are_written_only_at_their_level(stream: _Stream) -> None:
    logs.tell("request", [_line(path="/healthz")._replace(debug=True), _line(path="/graphql")])

    assert [each["path"] for each in stream.lines()] == ["/graphql"]


def test_lines_alike_differ_in_what_is_their_own(stream: _Stream) -> None:
    first = _line(7.0, path="/x")
    logs.tell("request", [first, first._replace(seconds=0.02, moment=8.5, request_id="")])

    one, other = stream.lines()
    assert (one["ms"], one["request_id"], one["timestamp"][-10:]) == (1.5, "mine", "07.000000Z")
    assert (other["ms"], other["timestamp"][-10:]) == (20, "08.500000Z")
    assert "request_id" not in other


def test_what_lines_have_in_common_is_made_once_but_neither_many_nor_long_ones_are_kept(
    stream: _Stream,
) -> None:
    made = []

    def facts(path: str) -> dict[str, Any]:
        made.append(path)
        return {"path": path}

    paths = ["/graphql", "/graphql", long := "x" * 10_000, long, *map(str, range(600)), "/graphql"]
    logs.tell("request", [logs.Line(facts, (path,), 0.0015, 0) for path in paths])

    assert [each["path"] for each in stream.lines()] == paths
    assert made == paths[1:]


def _line(moment: float = 0, **said: Any) -> logs.Line:
    return logs.Line(_said, (json.dumps(said),), 0.0015, moment, "mine")


def _said(told: str) -> dict[str, Any]:
    return json.loads(told)  # type: ignore[no-any-return]
