"""Structured logs: one line an event, readable in a console or as JSON."""

import asyncio
import atexit
import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

import orjson
import structlog

from crm.kernel.settings import settings

Make: TypeAlias = Callable[..., dict[str, Any]]


class _Lines:
    """Writes the same lines as structlog in a tenth of the time, for what is told by the thousand a second: the lines of
    SECONDS are made and written at once, beside the requests. What is bound to the context does not stand in them.
    """

    SECONDS = 0.05
    MOST = 500

    def __init__(self, level: int) -> None:
        self._level = level
        self._stream = sys.stderr.buffer
        self._waiting: list[tuple[str, bool, float, Make, tuple[Any, ...]]] = []
        self._second, self._text = 0, ""

    def tell(self, event: str, make: Make, about: tuple[Any, ...], *, debug: bool) -> None:
        if self._level > (logging.DEBUG if debug else logging.INFO):
            return
        self._waiting.append((event, debug, time.time(), make, about))
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_later(self.SECONDS, self.flush)
        elif len(self._waiting) >= self.MOST:
            self.flush()

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._stream.write(b"".join([self._line(*each) for each in waiting]))
            self._stream.flush()

    def _line(self, event: str, debug: bool, moment: float, make: Make, about: tuple[Any, ...]) -> bytes:
        said = make(*about)
        said["event"], said["level"] = event, "debug" if debug else "info"
        said["timestamp"] = self._stamp(moment)
        return orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE)

    def _stamp(self, moment: float) -> str:
        """In ISO 8601. Its seconds are written once a second."""
        second = int(moment)
        if second != self._second:
            self._second = second
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return "%s.%06dZ" % (self._text, (moment - second) * 1_000_000)  # noqa: UP031  an f-string takes twice as long


_lines: _Lines | None = None


def tell(event: str, make: Make, *about: Any, debug: bool = False) -> None:
    """A line that each request has; `make(*about)` is what it says, asked for when it is written."""
    if _lines is not None:
        _lines.tell(event, make, about, debug=debug)
        return
    log = structlog.get_logger("requests")
    (log.debug if debug else log.info)(event, **make(*about))


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
