"""Jobs from promise to effect, through real worker processes."""

import asyncio
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import orjson
import pytest
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from tortoise.connection import get_connection

from crm.kernel.actor import Actor, Role
from crm.kernel.events import emit
from crm.kernel.ids import Kind, encode, uuid7
from crm.kernel.jobs import retry_job
from crm.kernel.models import JobState, OutboxJob
from crm.kernel.outbox import enqueue
from crm.kernel.transaction import transaction
from tests.workers.conftest import StartWorker
from tests.workers.outbox_watch import notes, promise, until, until_all_done, until_state
from tests.workers.sample_jobs import SampleHappened
from workers import handlers
from workers.schedule import DAY, Clock, Schedule

pytestmark = pytest.mark.usefixtures("sample")
CHECKOUT = Path(__file__).resolve().parents[2]
ADMIN = Actor(user_id=None, name="Ada", role=Role.ADMIN)


# Before a worker of the module is needed, so that none interferes


async def test_slots_of_the_schedule_are_promised_once_however_many_clocks_tick() -> None:
    handlers.load()

    await asyncio.gather(*(Clock().tick() for _ in range(5)))

    kinds = await OutboxJob.filter(kind__startswith="nightly").order_by("kind").values_list("kind", flat=True)
    assert kinds == ["nightly-forget-keys", "nightly-forget-words", "nightly-prune"]


@pytest.mark.parametrize(
    ("schedule", "now", "slot"),
    [
        (Schedule("a", DAY, timedelta(hours=3)), "2026-11-21T02:59:59", "2026-11-20T03:00:00"),
        (Schedule("a", DAY, timedelta(hours=3)), "2026-11-21T03:00:00", "2026-11-21T03:00:00"),
        (Schedule("a", timedelta(minutes=15)), "2026-11-21T10:44:59.9", "2026-11-21T10:30:00"),
        (Schedule("a", timedelta(days=7)), "2026-11-21T10:00:00", "2026-11-16T00:00:00"),
    ],
)
def test_a_slot_is_the_latest_time_it_was_due(schedule: Schedule, now: str, slot: str) -> None:
    instant = datetime.fromisoformat(now).replace(tzinfo=UTC)

    assert schedule.slot(instant) == datetime.fromisoformat(slot).replace(tzinfo=UTC)
    assert schedule.key(instant) == f"slot:a:{slot}+00:00"


async def test_two_workers_do_five_hundred_jobs_once_each(start_worker: StartWorker) -> None:
    async with transaction():
        ids = [await enqueue("sample.write", {"note": "one"}) for _ in range(250)]
    start_worker()
    start_worker()
    async with transaction():
        ids += [await enqueue("sample.write", {"note": "one"}) for _ in range(250)]

    await until_all_done()

    rows = await get_connection("default").execute_query_dict("select job_id from sample.effect")
    assert Counter(row["job_id"] for row in rows) == Counter(ids)


async def test_a_job_for_later_waits_until_it_is_due_and_no_sweep_longer(start_worker: StartWorker) -> None:
    start_worker(KITH_JOB_SWEEP_SECONDS="60").wait_until_ready()

    job_id = await promise("sample.write", note="late", run_after=datetime.now(UTC) + timedelta(seconds=1))

    job = await until_state(job_id, JobState.DONE)
    assert timedelta() <= job.finished_at - job.run_after < timedelta(seconds=10)


def _run_worker(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "workers", *arguments],
        cwd=CHECKOUT, env={**os.environ, **settings}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_worker_that_would_starve_its_heartbeats_does_not_start() -> None:
    refused = _run_worker(KITH_JOB_CONCURRENCY="20", KITH_DATABASE_POOL="10")

    assert refused.returncode == 2
    assert refused.stderr == (
        "KITH_DATABASE_POOL is 10; a worker with KITH_JOB_CONCURRENCY=20 needs at least 22.\n"
    )


# With the worker of the module


@pytest.mark.usefixtures("worker")
async def test_a_promised_job_is_done_once() -> None:
    job_id = await promise("sample.write", note="hello")

    job = await until_state(job_id, JobState.DONE)
    assert await notes(job_id) == ["hello"]
    assert (job.attempts, job.epoch, job.last_error) == (1, 1, None)


@pytest.mark.usefixtures("worker")
async def test_a_job_of_a_transaction_that_rolled_back_was_never_promised() -> None:
    async def promise_and_fail() -> None:
        async with transaction():
            lost.append(await enqueue("sample.write", {"note": "never"}))
            raise ZeroDivisionError

    lost: list[UUID] = []
    with pytest.raises(ZeroDivisionError):
        await promise_and_fail()

    await until_state(await promise("sample.write", note="later"), JobState.DONE)
    assert not await OutboxJob.exists(id=lost[0])
    assert await notes(lost[0]) == []


@pytest.mark.usefixtures("worker")
async def test_a_failing_job_is_tried_with_growing_pauses_kept_as_dead_and_revived_by_an_admin() -> None:
    job_id = await promise("sample.fail")

    dead = await until_state(job_id, JobState.DEAD)
    assert dead.attempts == 5
    assert dead.last_error == "OSError: the printer is on fire"
    assert await notes(job_id) == []
    assert dead.finished_at - dead.created_at >= timedelta(seconds=0.05 + 0.1 + 0.2 + 0.4)

    await get_connection("default").execute_query("insert into sample.effect values (null, 'repaired')")
    await retry_job(job_id, actor=ADMIN)

    revived = await until_state(job_id, JobState.DONE)
    assert await notes(job_id) == ["try 1"]
    assert revived.last_error is None


@pytest.mark.usefixtures("worker")
async def test_a_job_that_gives_up_is_dead_at_once() -> None:
    job_id = await promise("sample.give_up")

    job = await until_state(job_id, JobState.DEAD)
    assert (job.attempts, job.last_error) == (1, "There is nobody to write to.")
    assert await notes(job_id) == []


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (
            "sample.unheard_of",
            "UnknownJobKind: This worker has no handler for jobs of kind 'sample.unheard_of'.",
        ),
        ("sample.cancel_itself", "CancelledError: "),
    ],
)
async def test_a_job_that_cannot_run_is_a_failure_and_not_a_loop(kind: str, reason: str) -> None:
    job = await until_state(await promise(kind), JobState.DEAD)

    assert (job.attempts, job.last_error) == (5, reason)


@pytest.mark.usefixtures("worker")
async def test_an_event_reaches_subscribers_once_and_listeners_with_its_id(redis_url: str) -> None:
    sample_id = uuid7()

    async with Redis.from_url(redis_url) as redis, redis.pubsub() as listener:
        await listener.subscribe(f"kith:sample:{sample_id.hex}", "kith:samples")
        async with transaction():
            await emit(SampleHappened(sample_id=sample_id, note="it happened"))
        job = await OutboxJob.get(kind="event")
        heard = [await _next_message(listener) for _ in range(2)]

    await until_state(job.id, JobState.DONE)
    assert await notes(sample_id) == ["it happened"]
    assert (
        heard
        == [
            {
                "type": "SampleHappened",
                "data": {"sample_id": str(sample_id), "note": "it happened"},
                "id": encode(Kind.JOB, job.id),
            }
        ]
        * 2
    )


async def _next_message(listener: PubSub) -> object:
    async with asyncio.timeout(20):
        async for message in listener.listen():
            if message["type"] == "message":
                position, _, text = message["data"].partition(b" ")
                assert re.fullmatch(rb"\d+-\d+", position)
                return orjson.loads(text)
    raise AssertionError("the channel was closed")


@pytest.mark.usefixtures("worker")
async def test_the_health_check_knows_whether_a_worker_is_at_work(redis_url: str) -> None:
    async def healthy(**settings: str) -> bool:
        return (await asyncio.to_thread(_run_worker, "--check", **settings)).returncode == 0

    await until(healthy)
    assert not await healthy(REDIS_URL=redis_url.partition("?")[0] + "?db=15")  # where none reports
