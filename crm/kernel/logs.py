"""Structured logs: one line an event, readable in a console or as JSON."""

import logging
import sys
from typing import Any

import orjson
import structlog

from crm.kernel.settings import settings


def configure() -> None:
    """Sets up structlog as the settings say; the standard library's loggers keep warnings and worse."""
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
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr, force=True)


def _json(told: Any, default: Any = None, **_: Any) -> str:
    return orjson.dumps(told, default=default).decode()
