"""Real worker processes on the test's own database and Redis.

- `worker`: one for the tests of a module, ready, with quick settings.
- `start_worker(**settings)`: starts one of the test's own; ended after the test.
- `sample`: an empty table `sample.effect(job_id, note)` for the jobs of `sample_jobs.py`, which every worker knows.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tortoise.connection import get_connection

CHECKOUT = Path(__file__).resolve().parents[2]
QUICK = {
    "KITH_JOB_LEASE_SECONDS": "2",
    "KITH_JOB_SWEEP_SECONDS": "0.2",
    "KITH_JOB_RETRY_SECONDS": "0.05",
    "KITH_LOG_LEVEL": "info",
}


@dataclass
class WorkerProcess:
    process: subprocess.Popen[bytes]
    log: Path

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals) -> int:
        """Sends a signal and waits; the exit code."""
        self.send(number)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end; its log: {self.log.read_text()[-3000:]}") from None

    def said(self, text: str) -> bool:
        return text in self.log.read_text()

    def wait_until_ready(self) -> None:
        end = time.monotonic() + 60
        while not self.said("worker ready"):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, "the worker is not ready after 60 s"
            time.sleep(0.02)

    def clean_up(self) -> None:
        if self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.process.kill()
        self.process.wait()


StartWorker = Callable[..., WorkerProcess]


def _start(log: Path, **settings: str) -> WorkerProcess:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "workers", "--import", "tests.workers.sample_jobs"],
            cwd=CHECKOUT, env={**os.environ, **QUICK, **settings}, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    return WorkerProcess(process, log)


@pytest.fixture
def start_worker(db: None, tmp_path: Path) -> Iterator[StartWorker]:
    started: list[WorkerProcess] = []

    def start(**settings: str) -> WorkerProcess:
        started.append(_start(tmp_path / f"worker-{len(started)}.log", **settings))
        return started[-1]

    yield start
    for worker in started:
        worker.clean_up()


@pytest.fixture(scope="module")
def worker(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    log = tmp_path_factory.mktemp("worker") / "worker.log"
    worker = _start(log, DATABASE_URL=database)
    worker.wait_until_ready()
    yield worker
    worker.clean_up()


@pytest.fixture
async def sample(db: None) -> None:
    await get_connection("default").execute_script(
        "create schema if not exists sample;"
        "create table if not exists sample.effect (job_id uuid, note text);"
        "truncate sample.effect"
    )
