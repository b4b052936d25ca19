"""Server processes: pinned to a core, waited for, weighed and stopped."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

SERVER_CORE = 0
LOAD_CORE = 1


@dataclass(frozen=True, slots=True)
class Running:
    """A server that accepts connections."""

    port: int
    pid: int

    def megabytes(self) -> int:
        """Resident memory of the process and its children."""
        process = psutil.Process(self.pid)
        family = [process, *process.children(recursive=True)]
        return round(sum(each.memory_info().rss for each in family) / 1e6)


def pinned(command: Sequence[str], core: int) -> list[str]:
    """The command, bound to one core where that can be done."""
    if shutil.which("taskset") is None or (os.cpu_count() or 1) <= core:
        return list(command)
    return ["taskset", "--cpu-list", str(core), *command]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def serving(
    command: Sequence[str], port: int, *, environment: Mapping[str, str], directory: Path, log: Path
) -> Iterator[Running]:
    """A server on the servers' core for the length of the block. Raises RuntimeError if it does not come up."""
    with log.open("wb") as words:
        process = subprocess.Popen(
            pinned(command, SERVER_CORE),
            env=os.environ | environment,
            cwd=directory,
            stdout=words,
            stderr=words,
        )
        try:
            _await(process, port, log)
            yield Running(port, process.pid)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise RuntimeError(
        f"A server did not come up: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}"
    )
