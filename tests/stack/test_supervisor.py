"""The supervisor, watching real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from stack.processes import wait_until
from stack.supervisor import Program, Supervisor

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(said: list[str]) -> Iterator[Supervisor]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    supervisor = Supervisor(said.append)
    yield supervisor
    supervisor.stop()
    for number, handler in before.items():
        signal.signal(number, handler)


def python(name: str, code: str, log: Path) -> Program:
    return Program(name, [sys.executable, "-I", "-S", "-c", code], log=log / f"{name}.log", stop_seconds=5)


def checked_until(supervisor: Supervisor, done: object) -> bool:
    assert callable(done)

    def look() -> bool:
        supervisor.check()
        return bool(done())

    return wait_until(look, seconds=10)


def test_a_crashed_program_is_started_again_with_growing_pauses(
    tmp_path: Path, supervisor: Supervisor, said: list[str]
) -> None:
    supervisor.start(python("crasher", "raise SystemExit(3)", tmp_path))

    assert checked_until(supervisor, lambda: len(said) == 3)
    assert said == [
        "crasher ended (exit code 3); starting it again in 0.5 s.",
        "crasher ended (exit code 3); starting it again in 1 s.",
        "crasher ended (exit code 3); starting it again in 2 s.",
    ]


def test_a_killed_program_runs_again_under_another_id(
    tmp_path: Path, supervisor: Supervisor, said: list[str]
) -> None:
    program = python("sleeper", "import time; time.sleep(60)", tmp_path)
    supervisor.start(program)
    first = program.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)

    assert checked_until(supervisor, lambda: program.exit_code() is None and program.pid != first)
    assert said == ["sleeper ended (killed by SIGKILL); starting it again in 0.5 s."]


def test_only_alarming_lines_of_a_log_reach_the_terminal_and_none_can_command_it(
    tmp_path: Path, supervisor: Supervisor, said: list[str]
) -> None:
    lines = (
        "[info     ] all well",
        "[warning  ] odd \\x1b[2J thing",
        "plain",
        "ERROR: broken",
        "ValueError: bad",
    )
    code = (
        f"print({chr(10).join(lines)!r}.replace('\\\\x1b', chr(27)), flush=True); import time; time.sleep(60)"
    )
    program = python("talker", code, tmp_path)
    supervisor.start(program, log=program.log)

    assert checked_until(supervisor, lambda: len(said) >= 3)
    assert said == [
        "talker | [warning  ] odd [2J thing",
        "talker | ERROR: broken",
        "talker | ValueError: bad",
    ]


def test_children_are_stopped_in_reverse_and_a_deaf_one_is_killed(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    polite = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('bye', time.time(), flush=True), sys.exit(0)))\n"
        "print('up', flush=True)\ntime.sleep(60)"
    )
    deaf = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(60)"
    programs = [
        python("first", polite, tmp_path),
        python("second", polite, tmp_path),
        python("deaf", deaf, tmp_path),
    ]
    programs[-1].stop_seconds = 0.2
    for program in programs:
        supervisor.start(program)
    assert wait_until(lambda: all(p.log.read_text().startswith("up") for p in programs), seconds=10)

    supervisor.stop()

    assert [program.exit_code() for program in programs] == [0, 0, -signal.SIGKILL]
    first, second = (float(program.log.read_text().split()[-1]) for program in programs[:2])
    assert second < first


def test_a_large_log_is_put_aside(tmp_path: Path, supervisor: Supervisor) -> None:
    program = python("talker", "print('fresh')", tmp_path)
    program.log.write_bytes(b"x" * 10_000_001)

    supervisor.start(program)

    assert wait_until(lambda: program.log.read_text() == "fresh\n", seconds=10)
    assert (tmp_path / "talker.old.log").stat().st_size == 10_000_001


def test_nothing_survives_the_kill_of_its_parent(tmp_path: Path) -> None:
    code = f"""
import pathlib, sys, time
sys.path.insert(0, {str(CHECKOUT)!r})
from stack.postgres import Postgres
from stack.supervisor import Program, Supervisor
from stack.valkey import Valkey
place = pathlib.Path({str(tmp_path)!r})
supervisor = Supervisor(print)
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
children = [Postgres(place / "postgres"), Valkey(place / "valkey")]
children.append(Program("deaf", [sys.executable, "-c", deaf], log=place / "deaf.log"))
for child in children: supervisor.start(child)
print("ready", flush=True)
supervisor.run()
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"ready\n"
    family = psutil.Process(parent.pid).children(recursive=True)
    assert len(family) > 6  # three of ours, and PostgreSQL's own

    parent.kill()
    parent.communicate()

    _, alive = psutil.wait_procs(family, timeout=15)
    assert alive == []
