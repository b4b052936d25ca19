"""Structured logs: one line an event, readable in a console or as JSON."""

import asyncio
import atexit
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog

from crm.kernel.settings import settings


class _Lines:
    """Writes the same lines as structlog in a tenth of the time, for what is told by the thousand a second: the lines of
    SECONDS are written at once. What is bound to the context does not stand in them.
    """

    SECONDS = 0.05
    MOST = 500

    def __init__(self, level: int) -> None:
        self._level = level
        self._stream = sys.stderr.buffer
        self._waiting: list[bytes] = []
        self._second, self._text = 0, ""

    def info(self, event: str, **said: Any) -> None:
        if self._level <= logging.INFO:
            self._write("info", event, said)

    def debug(self, event: str, **said: Any) -> None:
        if self._level <= logging.DEBUG:
            self._write("debug", event, said)

    def flush(self) -> None:
        lines, self._waiting = self._waiting, []
        if lines:
            self._stream.write(b"".join(lines))
            self._stream.flush()

    def _write(self, level: str, event: str, said: dict[str, Any]) -> None:
        said["event"], said["level"], said["timestamp"] = event, level, self._stamp()
        self._waiting.append(orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE))
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_later(self.SECONDS, self.flush)
        elif len(self._waiting) >= self.MOST:
            self.flush()

    def _stamp(self) -> str:
        """The moment, in ISO 8601. Its seconds are written once a second."""
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._text}.{int((now - second) * 1_000_000):06}Z"


_lines: _Lines | None = None


def requests() -> Any:
    """The logger of the lines that each request has."""
    return _lines or structlog.get_logger("requests")


def flush() -> None:
    """Writes what is waiting to be written."""
    if _lines is not None:
        _lines.flush()


def configure() -> None:
    """Sets up structlog as the settings say; the standard library's loggers keep warnings and worse."""
    global _lines  # noqa: PLW0603  the process has one log
    level = getattr(logging, settings().log_level.upper())
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_json)
        if settings().log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    _lines = _Lines(level) if settings().log_format == "json" else None
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr, force=True)


atexit.register(flush)


def _json(told: Any, default: Any = None, **_: Any) -> str:
    return orjson.dumps(told, default=default).decode()
