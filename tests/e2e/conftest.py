"""Kith as a customer has it: the API on a port, a worker process, a mail server; nothing is reached past their doors."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from crm.accounts.users import create_admin
from stack.client import Client
from stack.mail_catcher import MailCatcher

pytest.register_assert_rewrite("tests.e2e.main_job")

CHECKOUT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery staple"
ADMIN = "ada@kith.example"
QUICK = {
    "KITH_JOB_SWEEP_SECONDS": "0.2",
    "KITH_JOB_RETRY_SECONDS": "0.05",
    "KITH_IMPORT_CHUNK_ROWS": "10",
    "KITH_LOG_LEVEL": "info",
}
PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Running:
    """One Kith; `kith` is logged in as its admin."""

    kith: Client
    mail: MailCatcher

    def as_somebody(self) -> Client:
        return self.kith.another()


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[MailCatcher]:
    with MailCatcher(tmp_path / "mail") as catcher:
        yield catcher


@pytest.fixture
def worker(db: None, mail: MailCatcher, tmp_path: Path) -> Iterator[Path]:
    """A worker process that delivers to `mail`; its log."""
    log = tmp_path / "worker.log"
    environment = {**os.environ, **QUICK, "SMTP_URL": mail.url}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "workers"], cwd=CHECKOUT, env=environment, stdout=output, stderr=output
        )
    _wait_until_ready(process, log)
    yield log
    process.terminate()
    process.wait(20)


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while "worker ready" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, "the worker is not ready"
        time.sleep(0.02)


@pytest.fixture
async def running(server: str, worker: Path, mail: MailCatcher) -> AsyncIterator[Running]:
    """An empty Kith with nobody in it but its first admin, made as `kith create-admin` makes one."""
    await create_admin(email=ADMIN, name="Ada", password=PASSWORD)
    async with Client(server) as kith:
        await kith.log_in(ADMIN, PASSWORD)
        yield Running(kith, mail)


async def until(what: str, condition: Callable[[], Awaitable[bool]]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not await condition():
        assert time.monotonic() < end, f"not within {PATIENCE_SECONDS} s: {what}"
        await asyncio.sleep(0.25)  # asking more often only keeps the worker from its work
