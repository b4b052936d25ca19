"""What a job survives: its worker killed, frozen or told to stop; Redis wiped, gone or lied to; connections cut."""

import asyncio
import os
import pickle
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from redis.asyncio import Redis
from tortoise.connection import get_connection

from crm.kernel.models import JobState, OutboxJob
from crm.kernel.settings import Settings
from stack.valkey import Valkey
from tests.workers.conftest import StartWorker, WorkerProcess
from tests.workers.outbox_watch import notes, promise, until, until_all_done, until_state
from workers.doorbell import QUEUE

pytestmark = pytest.mark.usefixtures("sample")


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """A server of the test's own, to do harm to; it remembers, as one in production does."""
    with tempfile.TemporaryDirectory(prefix="kith-") as directory, Valkey(Path(directory)) as server:
        yield server


def test_with_the_default_settings_a_killed_workers_job_goes_on_within_30_seconds() -> None:
    fields = Settings.model_fields

    assert fields["job_lease_seconds"].default + fields["job_sweep_seconds"].default <= 30


async def test_a_killed_workers_jobs_go_on_where_they_stopped(start_worker: StartWorker) -> None:
    first = start_worker()
    chunked = await promise("sample.chunks", count=20, pause=0.1)
    whole = await promise("sample.sleep", seconds=60)
    await until_state(whole, JobState.RUNNING)
    await until(lambda: _has_notes(chunked, 3))

    first.end(signal.SIGKILL)
    start_worker()

    await until_all_done()
    assert await notes(chunked) == [str(n) for n in range(1, 21)]
    assert await notes(whole) == ["try 2"]
    assert await OutboxJob.filter(id__in=[chunked, whole]).values_list("attempts", flat=True) == [2, 2]


async def _has_notes(job_id: UUID, count: int) -> bool:
    return len(await notes(job_id)) >= count


async def test_a_frozen_worker_is_overtaken_and_its_own_effects_are_refused(
    start_worker: StartWorker,
) -> None:
    first = start_worker()
    ids = [await promise("sample.sleep", seconds=seconds) for seconds in (1, 60)]
    for job_id in ids:
        await until_state(job_id, JobState.RUNNING)
    first.send(signal.SIGSTOP)
    start_worker()
    await until_all_done(seconds=60)  # it may have frozen in the middle of a transaction

    first.send(signal.SIGCONT)

    await until(lambda: _noticed(first, ids))
    assert [await notes(job_id) for job_id in ids] == [["try 2"], ["try 2"]]
    assert await OutboxJob.filter(id__in=ids).values_list("state", "epoch") == [(JobState.DONE, 2)] * 2
    assert first.process.poll() is None


async def _noticed(worker: WorkerProcess, ids: list[UUID]) -> bool:
    """One may find out when it wants to finish, the other by its heartbeat."""
    lines = worker.log.read_text().splitlines()
    ended = [line for line in lines if "job lost to another worker" in line or "job interrupted" in line]
    return all(any(job_id.hex in line for line in ended) for job_id in ids)


async def test_a_job_that_kills_its_worker_every_time_ends_up_dead(start_worker: StartWorker) -> None:
    job_id = await promise("sample.kill_worker")

    await asyncio.to_thread(start_worker(KITH_JOB_MAX_ATTEMPTS="1").process.wait, 20)
    start_worker(KITH_JOB_MAX_ATTEMPTS="1")

    job = await until_state(job_id, JobState.DEAD)
    assert job.last_error == "Its worker died or fell silent during the last of 1 tries."


@pytest.mark.parametrize("ask", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_told_to_stop_finishes_what_is_short_and_gives_back_the_rest_at_once(
    start_worker: StartWorker, ask: signal.Signals
) -> None:
    first = start_worker(KITH_JOB_LEASE_SECONDS="600")
    whole, chunked = (
        await promise("sample.sleep", seconds=60),
        await promise("sample.chunks", count=30, pause=0.2),
    )
    await until_state(whole, JobState.RUNNING)
    await until(lambda: _has_notes(chunked, 1))
    short = await promise("sample.nap", seconds=0.5)
    await until_state(short, JobState.RUNNING)

    code = await asyncio.to_thread(first.end, ask)

    given_back = await OutboxJob.get(id=whole)
    assert code == 0
    assert (given_back.state, given_back.attempts) == (JobState.PENDING, 0)
    assert await notes(whole) == []
    assert (await OutboxJob.get(id=short)).state is JobState.DONE
    before = await notes(chunked)
    start_worker(KITH_JOB_LEASE_SECONDS="600")
    await until(lambda: OutboxJob.exists(id=whole, state=JobState.RUNNING, epoch=2))
    await until(lambda: _has_notes(chunked, len(before) + 1))
    assert (await notes(chunked))[: len(before) + 1] == [*before, str(len(before) + 1)]


async def test_wiping_redis_loses_nothing(start_worker: StartWorker, valkey: Valkey) -> None:
    start_worker(REDIS_URL=valkey.url, KITH_JOB_CONCURRENCY="1")
    ids = [await promise("sample.nap", seconds=0.05) for _ in range(20)]
    async with Redis.from_url(valkey.url) as redis:
        await until(lambda: _rung(redis))

        await redis.flushall()

    await until_all_done()
    assert [await notes(job_id) for job_id in ids] == [["napped"]] * 20


async def _rung(redis: Redis) -> bool:
    return await redis.zcard(QUEUE) > 5


async def test_a_worker_outlives_redis_and_loses_nothing(start_worker: StartWorker, valkey: Valkey) -> None:
    worker = start_worker(REDIS_URL=valkey.url)
    during = await promise("sample.nap", seconds=1)
    await until_state(during, JobState.RUNNING)

    valkey.stop()
    promised_meanwhile = [await promise("sample.write", note="meanwhile") for _ in range(5)]
    await until_state(during, JobState.DONE)
    await asyncio.sleep(4)  # longer than the client's own retries
    valkey.start()

    await until_all_done()
    assert [await notes(job_id) for job_id in promised_meanwhile] == [["meanwhile"]] * 5
    assert await notes(during) == ["napped"]
    assert worker.said("Redis does not answer as it should")

    valkey.stop()

    assert await asyncio.to_thread(worker.end, signal.SIGTERM) == 0


async def test_a_worker_outlives_the_loss_of_its_database_connections(start_worker: StartWorker) -> None:
    worker = start_worker(KITH_JOB_SWEEP_SECONDS="5")
    worker.wait_until_ready()
    await until_state(await promise("sample.write", note="before"), JobState.DONE)

    await get_connection("default").execute_query(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid() and application_name like 'kith%'"
    )

    job = await until_state(await promise("sample.write", note="after"), JobState.DONE)
    assert await notes(job.id) == ["after"]
    assert worker.process.poll() is None


class _Trap:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.mkdir, (str(self.path), 0o700)


async def test_what_others_write_into_redis_neither_runs_nor_ends_a_worker(
    start_worker: StartWorker, valkey: Valkey, tmp_path: Path
) -> None:
    forged = {
        "pickle": pickle.dumps(
            {"t": None, "f": "work", "a": (_Trap(tmp_path / "trapped"),), "k": {}, "et": 0}
        ),
        "no-uuid": b'{"t":null,"f":"work","a":["x"],"k":{},"et":0}',
        "no-arguments": b'{"t":null,"f":"work","a":[],"k":{},"et":0}',
        "no-function": b'{"t":null,"f":"os.system","a":["true"],"k":{},"et":0}',
        "no-number": b'{"t":"x","f":"work","a":["x"],"k":{},"et":"y"}',
        "no-job": b"[]",
    }
    async with Redis.from_url(valkey.url) as redis:
        for name, value in forged.items():
            await redis.set(f"arq:job:{name}", value)
            await redis.zadd(QUEUE, {name: 1})
        worker = start_worker(REDIS_URL=valkey.url)

        job_id = await promise("sample.write", note="still here")

        await until_state(job_id, JobState.DONE)
        await until(lambda: _none_left(redis))
    assert not (tmp_path / "trapped").exists()
    assert worker.process.poll() is None


async def _none_left(redis: Redis) -> bool:
    return await redis.zcard(QUEUE) == 0
