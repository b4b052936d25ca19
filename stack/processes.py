"""Child processes that never outlive the one that started them."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from stack.errors import StartError
from stack.identity import Identity, launch_command

LINUX = sys.platform == "linux"
POLL_SECONDS = 0.01


def spawn(
    command: Sequence[str | Path],
    *,
    log: IO[bytes],
    on_parent_death: signal.Signals,
    identity: Identity | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    inherit: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a child in its own session (a Ctrl-C in the terminal reaches only us), logging to `log`.

    When this process dies, even by SIGKILL, the kernel sends the child `on_parent_death` (Linux only). The
    kernel counts the *thread* that started the child as its parent: call from one that lives as long as us.
    """
    words = [str(part) for part in command]
    return subprocess.Popen(  # noqa: S603 - our own programs, never a shell
        launch_command(words, on_parent_death=on_parent_death, identity=identity),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=env,
        cwd=cwd,
        pass_fds=inherit,
    )


def stop(process: subprocess.Popen[bytes], ask: signal.Signals, *, seconds: float) -> int:
    """Ask a child to end, insist after `seconds`; its exit code."""
    if process.poll() is not None:
        return process.returncode
    process.send_signal(ask)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def command_line(pid: int) -> str:
    """Return the command line of a running process, empty when there is none."""
    if LINUX:
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    listing = subprocess.run(  # noqa: S603 - a number and fixed words
        ["/bin/ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False
    )
    return listing.stdout.strip()


def stop_orphan(pid_file: Path, marker: Path, ask: signal.Signals, *, seconds: float = 30) -> int | None:
    """Stop the server a killed run left behind and return its process id.

    The first word of `pid_file` names it; its command line must contain `marker`, because ids are reused.
    """
    try:
        pid = int(pid_file.read_text(encoding="utf-8").split()[0])
    except (OSError, ValueError, IndexError):
        return None
    if str(marker) not in command_line(pid):
        return None
    os.kill(pid, ask)
    if not wait_until(lambda: str(marker) not in command_line(pid), seconds=seconds):
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: str(marker) not in command_line(pid), seconds=seconds)
    return pid


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Poll `condition`; False when `seconds` passed without it."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(POLL_SECONDS)
    return True


class DirectoryLock:
    """One process at a time may run servers in a directory; the kernel frees the lock of a dead one."""

    def __init__(self, path: Path, *, what: str) -> None:
        self.path = path
        self.what = what
        self._fd: int | None = None

    def acquire(self) -> None:
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(fd, 20).decode(errors="replace").strip() or "another process"
            os.close(fd)
            raise StartError(f"{self.what} already runs here, started by process {holder}.") from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        self._fd = fd

    def is_held(self) -> bool:
        """Say whether some process holds it now."""
        try:
            self.acquire()
        except StartError:
            return True
        self.release()
        return False

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
