"""OpenTelemetry traces: what one request set in motion, through its statements to the jobs it promised.

The standard OTEL_* variables say where they go; without an exporter nothing of OpenTelemetry is even loaded.
"""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

import asyncpg
import structlog

log = structlog.get_logger(__name__)

LONGEST_STATEMENT = 4000
CARRIER = "traceparent"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HTTP = "http/protobuf"

_provider: Any = None
_tracer: Any = None


def on() -> bool:
    """Whether this process traces."""
    return _tracer is not None


def start(service: str, exporter: Any = None) -> None:
    """Traces from here on, if the environment names an exporter or one is given. `service` names this process."""
    global _provider, _tracer  # noqa: PLW0603  one for the process, as OpenTelemetry has it
    if exporter is None and not _wanted():
        return
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  10 MB that only a traced process needs
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    named = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": service}
    _provider = TracerProvider(resource=Resource.create(named))
    _provider.add_span_processor(BatchSpanProcessor(exporter or _otlp()))
    _tracer = _provider.get_tracer("kith")


def stop() -> None:
    """Sends what has not been sent, and traces no more."""
    global _provider, _tracer
    provider, _provider, _tracer = _provider, None, None
    if provider is not None:
        provider.shutdown()


def flush() -> None:
    """Sends what has not been sent."""
    if _provider is not None:
        _provider.force_flush()


@contextlib.contextmanager
def span(
    name: str,
    kind: str = "INTERNAL",
    *,
    parent: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Iterator[Any]:
    """A span around the block, None while nobody traces. `parent`: a `traceparent` from elsewhere.

    An exception is named, its words are not: they may hold values.
    """
    if _tracer is None:
        yield None
        return
    from opentelemetry.trace import SpanKind  # noqa: PLC0415

    with _tracer.start_as_current_span(
        name,
        context=_context_of(parent),
        kind=SpanKind[kind],
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as opened:
        try:
            yield opened
        except BaseException as error:
            fail(opened, type(error).__name__)
            raise


def fail(opened: Any, reason: str) -> None:
    """Marks a span as failed."""
    from opentelemetry.trace import StatusCode  # noqa: PLC0415

    opened.set_attribute("error.type", reason)
    opened.set_status(StatusCode.ERROR)


def carrier() -> dict[str, str]:
    """What to hand on with a promise so that its work continues this trace; empty while nobody traces."""
    if _tracer is None:
        return {}
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    told: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(told)
    return {CARRIER: told[CARRIER]} if CARRIER in told else {}


class TracedConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection whose statements become spans of the request or job they are for; other statements do not."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.add_query_logger(_statement)


def connection_options() -> dict[str, Any]:
    """What `asyncpg.connect` and a pool need to be told so that statements are traced."""
    return {"connection_class": TracedConnection} if on() else {}


def _statement(record: Any) -> None:
    """Tells of a statement that ended, in the context of who ran it. Its values are left out."""
    if _tracer is None:
        return
    from opentelemetry.trace import SpanKind, get_current_span  # noqa: PLC0415

    around = get_current_span().get_span_context()  # which may have ended in the meantime
    if not (around.is_valid and around.trace_flags.sampled):
        return
    end = time.time_ns()
    text = record.query.strip()
    verb = text.partition(" ")[0].partition("\n")[0].upper()[:20]
    told = _tracer.start_span(
        f"SQL {verb}",
        kind=SpanKind.CLIENT,
        start_time=end - int(record.elapsed * 1e9),
        attributes={"db.system.name": "postgresql", "db.query.text": text[:LONGEST_STATEMENT]},
    )
    if record.exception is not None:
        fail(told, type(record.exception).__name__)
    told.end(end)


def _context_of(parent: str | None) -> Any:
    if parent is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    return TraceContextTextMapPropagator().extract({CARRIER: parent})


def _wanted() -> bool:
    given = os.environ
    if given.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = given.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if exporter not in {"", "otlp"}:
        if exporter != "none":
            log.warning("no traces: only the exporter 'otlp' is known", exporter=exporter)
        return False
    protocol = next((given[name] for name in _PROTOCOLS if given.get(name)), _HTTP)
    wanted = exporter == "otlp" or any(given.get(name) for name in _ENDPOINTS)
    if wanted and protocol != _HTTP:
        log.warning("no traces: only the protocol 'http/protobuf' is known", protocol=protocol)
    return wanted and protocol == _HTTP


def _otlp() -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    return OTLPSpanExporter()
