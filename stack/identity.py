"""Who a server runs as: PostgreSQL refuses user 0, and refuses a user without an entry in /etc/passwd."""

import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stack.errors import StartError

NOBODY = "nobody"
LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Identity:
    """How a server runs: as we are, seen as another user from inside a user namespace, or as another user.

    `uid` and `gid` own the server's files on disk, as seen from outside any namespace.
    """

    uid: int
    gid: int
    namespace: bool = False

    @property
    def switches_user(self) -> bool:
        return self.uid != os.geteuid()

    def for_launch(self) -> str:
        """Return what `launch.py` takes as its USER."""
        if self.namespace:
            return f"namespace:{_nobody()}"
        return f"{self.uid}:{self.gid}" if self.switches_user else "same"


def as_we_are() -> Identity:
    return Identity(os.geteuid(), os.getegid())


def in_namespace() -> Identity:
    return Identity(os.geteuid(), os.getegid(), namespace=True)


def as_nobody() -> Identity:
    entry = pwd.getpwnam(NOBODY)
    return Identity(entry.pw_uid, entry.pw_gid)


def postgres_identity() -> Identity:
    """Return the first way in which PostgreSQL agrees to run here; StartError when there is none."""
    return choose_identity(os.geteuid(), namespaces=namespaces_work)


def choose_identity(uid: int, *, namespaces: Callable[[], bool]) -> Identity:
    """Choose for user `uid`, on a machine that allows user namespaces or does not."""
    if uid != 0 and _has_passwd_entry(uid):
        return as_we_are()
    if namespaces():
        return in_namespace()
    if uid != 0:
        raise StartError(
            f"User id {uid} has no entry in /etc/passwd, and PostgreSQL will not start without one: "
            "add it, or point DATABASE_URL at a server elsewhere."
        )
    try:
        return as_nobody()
    except KeyError:
        raise StartError(
            "PostgreSQL will not run as root, and this machine has no user 'nobody' to run it as: "
            "start Kith as an ordinary user, or point DATABASE_URL at a server elsewhere."
        ) from None


@cache
def namespaces_work() -> bool:
    """Containers and hardened kernels often forbid user namespaces: only trying tells."""
    if sys.platform != "linux" or not _has_passwd_entry(_nobody()):
        return False
    trial = launch_command(["/bin/sh", "-c", ":"], on_parent_death=signal.SIGKILL, identity=in_namespace())
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0  # noqa: S603 - see launch.py


def launch_command(
    command: Sequence[str], *, on_parent_death: signal.Signals, identity: Identity | None = None
) -> list[str]:
    """Return the command that becomes `command`, as `identity`, dying with this process."""
    user = identity.for_launch() if identity else "same"
    python = [sys.executable, "-I", "-S", str(LAUNCH)]  # isolated, without site: the quickest start
    return [*python, str(os.getpid()), str(int(on_parent_death)), user, *command]


def _nobody() -> int:
    try:
        return pwd.getpwnam(NOBODY).pw_uid
    except KeyError:
        return 65534


def _has_passwd_entry(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
