"""Keeps children running until told to stop, and takes all of them along when it ends."""

import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Protocol

from stack.processes import spawn, stop

CHECK_SECONDS = 0.1
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 30.0  # after running this long, a crash counts as the first one again
MAX_LOG_BYTES = 10_000_000
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ALARMING = re.compile(
    r"\[(warning|error|critical) *\]|\b(WARNING|ERROR|CRITICAL)\b|Traceback|^\w*(Error|Exception)\b"
)
UNPRINTABLE = re.compile(r"[^\t\x20-\x7e\xa0-\U0010ffff]")

Say = Callable[[str], None]


class Child(Protocol):
    @property
    def name(self) -> str: ...
    def start(self) -> None: ...
    def exit_code(self) -> int | None: ...
    def stop(self) -> None: ...


class Program:
    """One of our own programs, logging to a file. It dies at once with us: its work is safe to repeat."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        inherit: Sequence[int] = (),
        stop_seconds: float = 10,
    ) -> None:
        self.name = name
        self.command = command
        self.log = log
        self.env = env
        self.inherit = inherit
        self.stop_seconds = stop_seconds
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        _rotate(self.log)
        with self.log.open("ab") as log:
            self._process = spawn(
                self.command, log=log, on_parent_death=signal.SIGKILL, env=self.env, inherit=self.inherit
            )

    def exit_code(self) -> int | None:
        return self._process.poll() if self._process else None

    def stop(self) -> None:
        if self._process is not None:
            stop(self._process, signal.SIGTERM, seconds=self.stop_seconds)


@dataclass
class _Watch:
    child: Child
    started: float
    failures: int = 0
    start_at: float | None = None  # set while the child is down and waiting for its next try


@dataclass
class Supervisor:
    """Starts children in the order given, restarts those that crash, stops them in reverse.

    `say` gets sentences for the person at the terminal: crashes, and alarming lines of the children's logs.
    """

    say: Say
    _watches: list[_Watch] = field(default_factory=list)
    _followers: "list[_Follower]" = field(default_factory=list)
    _ending: threading.Event = field(default_factory=threading.Event)

    def start(self, child: Child, *, log: Path | None = None) -> None:
        if log is not None:
            self._followers.append(_Follower(child.name, log))
        self._watches.append(_Watch(child, started=time.monotonic()))
        child.start()

    def run(self) -> None:
        """Watch until Ctrl-C, SIGTERM or a closed terminal; call from the main thread."""
        for number in ENDING_SIGNALS:
            signal.signal(number, self._end)
        while not self._ending.wait(CHECK_SECONDS):
            self.check()

    def check(self) -> None:
        """Echo what is alarming in the logs, and restart what is down and due."""
        for follower in self._followers:
            for line in follower.alarming_lines():
                self.say(f"{follower.name} | {line}")
        for watch in self._watches:
            self._check(watch)

    def ended(self) -> Child | None:
        """Return a child that is not running."""
        return next((w.child for w in self._watches if w.child.exit_code() is not None), None)

    def stop(self) -> None:
        """Stop every child, the last one started first; another Ctrl-C meanwhile leaves at once."""
        interrupt_on_signals()
        for watch in reversed(self._watches):
            watch.child.stop()
        self._watches.clear()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ending.set()

    def _check(self, watch: _Watch) -> None:
        now = time.monotonic()
        if watch.start_at is None:
            code = watch.child.exit_code()
            if code is not None:
                self._plan_restart(watch, code, now)
        elif now >= watch.start_at:
            self._restart(watch, now)

    def _plan_restart(self, watch: _Watch, code: int, now: float) -> None:
        steady = now - watch.started > STEADY_SECONDS
        watch.failures = 1 if steady else watch.failures + 1
        pause = min(FIRST_PAUSE_SECONDS * 2 ** (watch.failures - 1), LONGEST_PAUSE_SECONDS)
        watch.start_at = now + pause
        self.say(f"{watch.child.name} ended ({_how(code)}); starting it again in {pause:g} s.")

    def _restart(self, watch: _Watch, now: float) -> None:
        watch.child.stop()  # lets a server give back its lock
        watch.started, watch.start_at = now, None
        try:
            watch.child.start()
        except Exception as error:  # noqa: BLE001 - whatever the reason, it is said and tried again
            self.say(f"{watch.child.name} could not start: {error}")
            self._plan_restart(watch, 1, now)


def interrupt_on_signals() -> None:
    """Let SIGTERM and a closed terminal end us as Ctrl-C does: by KeyboardInterrupt."""
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.default_int_handler)


class _Follower:
    """Reads what is added to a log and keeps the lines a person should see."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path
        self._position = path.stat().st_size if path.exists() else 0
        self._rest = b""

    def alarming_lines(self) -> list[str]:
        *lines, self._rest = (self._rest + self._read_new()).split(b"\n")
        texts = (UNPRINTABLE.sub("", line.decode(errors="replace")) for line in lines)
        return [text for text in texts if ALARMING.search(text)]

    def _read_new(self) -> bytes:
        try:
            size = self._path.stat().st_size
            if size < self._position:  # rotated
                self._position = 0
            if size == self._position:
                return b""
            with self._path.open("rb") as log:
                log.seek(self._position)
                new = log.read(1_000_000)
        except OSError:
            return b""
        self._position += len(new)
        return new


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_suffix(".old.log"))


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
