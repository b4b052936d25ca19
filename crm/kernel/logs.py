"""Structured logs: one line an event, readable in a console or as JSON."""

import logging
import sys
from collections.abc import Callable, Hashable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

import orjson
import structlog

from crm.kernel.settings import settings

Facts: TypeAlias = Callable[..., dict[str, Any]]

_MOST_KEPT, _LONGEST_KEPT = 500, 500  # beginnings of lines, and characters of each


class Line(NamedTuple):
    """One of very many lines; `facts(*about)` are what it has in common with others of the same, hashable, `about`."""

    facts: Facts
    about: tuple[Hashable, ...]
    seconds: float
    """How long it took."""
    moment: float
    """When it ended, as `time.time` tells it."""
    request_id: str = ""
    """Of letters, digits and signs that need no escape in JSON."""
    debug: bool = False


class _Writer:
    """Writes the same lines as structlog in a tenth of the time, for what is told by the thousand a second. What
    is bound to the context does not stand in them.
    """

    def __init__(self, level: int) -> None:
        self._level = level
        self._stream = sys.stderr.buffer
        self._second, self._text = -1, ""
        self._beginnings: dict[tuple[Hashable, ...], str] = {}

    def write(self, event: str, lines: Iterable[Line]) -> None:
        texts = [self._text_of(event, each) for each in lines if self._level <= _level(debug=each.debug)]
        if texts:
            self._stream.write("".join(texts).encode())
            self._stream.flush()

    def _text_of(self, event: str, line: Line) -> str:
        facts, about, seconds, moment, request_id, debug = line
        named = f'"request_id":"{request_id}",' if request_id else ""
        said = self._beginning(event, facts, about, debug)
        return f'{said},"ms":{round(seconds * 1000, 2)},{named}"timestamp":"{self._stamp(moment)}"}}\n'

    def _beginning(self, event: str, facts: Facts, about: tuple[Hashable, ...], debug: bool) -> str:
        """All of a line but what is another in each, its last bracket left open. Callers choose paths and names, so neither
        many nor long ones are kept.
        """
        key = (event, facts, about, debug)
        known = self._beginnings.get(key)
        if known is None:
            said = {**facts(*about), "event": event, "level": "debug" if debug else "info"}
            known = orjson.dumps(said)[:-1].decode()
            if len(known) <= _LONGEST_KEPT:
                if len(self._beginnings) >= _MOST_KEPT:
                    self._beginnings.clear()
                self._beginnings[key] = known
        return known

    def _stamp(self, moment: float) -> str:
        """In ISO 8601. Its seconds are written once a second."""
        second = int(moment)
        if second != self._second:
            self._second = second
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return "%s.%06dZ" % (self._text, (moment - second) * 1_000_000)  # noqa: UP031  an f-string takes a third longer


def _level(*, debug: bool) -> int:
    return logging.DEBUG if debug else logging.INFO


_writer: _Writer | None = None


def tell(event: str, lines: Iterable[Line]) -> None:
    """Writes lines of which there are very many."""
    if _writer is not None:
        _writer.write(event, lines)
        return
    log = structlog.get_logger("requests")
    for each in lines:
        said = each.facts(*each.about) | {"ms": round(each.seconds * 1000, 2)}
        said |= {"request_id": each.request_id} if each.request_id else {}
        (log.debug if each.debug else log.info)(event, **said)


def waits() -> bool:
    """Whether such lines may come a little later, many at once: nobody watches them."""
    return _writer is not None


def configure() -> None:
    """Sets up structlog as the settings say; the standard library's loggers keep warnings and worse."""
    global _writer  # noqa: PLW0603  the process has one log
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
    _writer = _Writer(level) if settings().log_format == "json" else None
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr, force=True)


def _json(told: Any, default: Any = None, **_: Any) -> str:
    return orjson.dumps(told, default=default).decode()
