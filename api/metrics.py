"""`/metrics`: what this process counted, its connections, and the queue, in Prometheus's words.

The queue is asked of PostgreSQL at each scrape, so every API process tells the same of it and no worker needs a port:
take the `max` over the API's replicas (docs/decisions/0013). Names and units follow Prometheus's conventions.
"""

import asyncio
import hmac
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from tortoise.connection import get_connection

from api import observed
from api.auth import bearer
from api.executor import Executor
from api.measures import BOUNDS, MEASURES
from crm.kernel import jobs
from crm.kernel.settings import settings

log = structlog.get_logger(__name__)

QUEUE_SECONDS = 5.0


async def metrics(request: Request) -> Response:
    """For who holds KITH_METRICS_TOKEN; the path does not exist without one."""
    token = settings().metrics_token
    given = bearer(request.headers) or ""
    if token is None or not hmac.compare_digest(given.encode(), token.get_secret_value().encode()):
        told = {"www-authenticate": "Bearer", "cache-control": "no-store"}
        return PlainTextResponse("Send the metrics token as a bearer token.\n", 401, headers=told)
    queue = await _queue()
    observed.flush()
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0, generate_latest  # noqa: PLC0415  see measures.py

    text = generate_latest(_registry(queue))
    return Response(text, headers={"content-type": CONTENT_TYPE_PLAIN_1_0_0, "cache-control": "no-store"})


async def _queue() -> jobs.Outcomes | None:
    """None when PostgreSQL does not answer: the rest is told all the same."""
    try:
        async with asyncio.timeout(QUEUE_SECONDS):
            return await jobs.outcomes()
    except Exception as error:  # noqa: BLE001  a scrape must not fail when it is needed most
        log.warning("the queue was not measured", error=jobs.describe(error))
        return None


def _registry(queue: jobs.Outcomes | None) -> Any:
    from prometheus_client import CollectorRegistry  # noqa: PLC0415

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(queue))
    registry.register(_process())
    return registry


@cache
def _process() -> Any:
    """Memory, processor time and open files of this process."""
    from prometheus_client import ProcessCollector  # noqa: PLC0415

    return ProcessCollector(registry=None)


class _Told:
    """A collector, as prometheus_client calls what it asks for families of metrics."""

    def __init__(self, queue: jobs.Outcomes | None) -> None:
        self._queue = queue

    def collect(self) -> Iterator[Any]:
        yield from _operations()
        yield from _connections()
        yield _gauge(
            "kith_queue_measured",
            "Whether PostgreSQL told of the queue at this scrape.",
            self._queue is not None,
        )
        if self._queue is not None:
            yield from _jobs(self._queue)


def _operations() -> Iterator[Any]:
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily  # noqa: PLC0415

    words = "GraphQL operations by name, kind and outcome, and how long they took."
    taken = HistogramMetricFamily(
        "kith_operation_duration_seconds", words, labels=["operation", "kind", "outcome"]
    )
    ends = [*(f"{each}" for each in BOUNDS), "+Inf"]
    for (operation, kind, failed), durations in list(MEASURES.operations.items()):
        taken.add_metric(
            [operation, kind, "error" if failed else "ok"],
            list(zip(ends, accumulate(durations.buckets), strict=True)),
            durations.seconds,
        )
    yield taken
    errors = CounterMetricFamily(
        "kith_operation_errors", "Errors told to callers, by code.", labels=["operation", "code"]
    )
    for (operation, code), count in list(MEASURES.errors.items()):
        errors.add_metric([operation, code], count)
    yield errors
    responses = CounterMetricFamily(
        "kith_http_responses", "HTTP responses by status; 0: the caller was gone.", labels=["status"]
    )
    for status, count in list(MEASURES.responses.items()):
        responses.add_metric([str(status)], count)
    yield responses


def _connections() -> Iterator[Any]:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    in_use = GaugeMetricFamily(
        "kith_connections_in_use", "Database connections at work, by pool.", labels=["pool"]
    )
    most = GaugeMetricFamily("kith_connections_most", "Most database connections of a pool.", labels=["pool"])
    reads = Executor.reads.pool
    in_use.add_metric(["read"], reads.in_use if reads else 0)
    most.add_metric(["read"], settings().read_pool)
    in_use.add_metric(["database"], database_connections_in_use())
    most.add_metric(["database"], settings().database_pool)
    yield from (in_use, most)


def database_connections_in_use() -> int:
    """How many connections of Tortoise's pool are at work."""
    pool = getattr(get_connection("default"), "_pool", None)
    return pool.get_size() - pool.get_idle_size() if pool is not None else 0


def _jobs(queue: jobs.Outcomes) -> Iterator[Any]:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    depth = GaugeMetricFamily(
        "kith_jobs", "Jobs in the outbox that are not done, by state.", labels=["state"]
    )
    for state in ("pending", "running", "dead"):
        depth.add_metric([state], getattr(queue.backlog, state))
    yield depth
    words = "For how long the oldest job that is due has waited; 0: none is due."
    yield _gauge("kith_jobs_oldest_due_seconds", words, queue.backlog.oldest_seconds)
    words = f"Jobs that ended in the last {jobs.OUTCOME_SECONDS} s, or wait for another try, by kind."
    ended = GaugeMetricFamily("kith_jobs_recent", words, labels=["kind", "outcome"])
    for kind, outcome, count in queue.recent:
        ended.add_metric([kind, outcome], count)
    yield ended


def _gauge(name: str, words: str, value: float) -> Any:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    return GaugeMetricFamily(name, words, value=value)
