"""Who a server runs as: PostgreSQL refuses user 0, and refuses a user without an entry in /etc/passwd."""

import ctypes
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stack.errors import StartError

CLONE_NEWUSER = 0x10000000
NOBODY = "nobody"


@dataclass(frozen=True)
class Identity:
    """How to start a server: as we are, seen as another user through a user namespace, or as another user.

    `uid` and `gid` own the server's files on disk, as seen from outside any namespace.
    """

    uid: int
    gid: int
    namespace: bool = False

    @property
    def switches_user(self) -> bool:
        return self.uid != os.geteuid()

    def before_exec(self) -> Callable[[], None] | None:
        """Code for the child between fork and exec; everything it needs is loaded before the fork."""
        return _entering_namespace() if self.namespace else None


def as_we_are() -> Identity:
    return Identity(os.geteuid(), os.getegid())


def in_namespace() -> Identity:
    return Identity(os.geteuid(), os.getegid(), namespace=True)


def as_nobody() -> Identity:
    entry = pwd.getpwnam(NOBODY)
    return Identity(entry.pw_uid, entry.pw_gid)


def postgres_identity() -> Identity:
    """Return the first way in which PostgreSQL agrees to run here; StartError when there is none."""
    uid = os.geteuid()
    if uid != 0 and _has_passwd_entry(uid):
        return as_we_are()
    if namespaces_work():
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
    if sys.platform != "linux" or not _has_passwd_entry(_mapped_uid()):
        return False
    try:
        probe = subprocess.run(
            ["/bin/sh", "-c", ":"], preexec_fn=_entering_namespace(), capture_output=True, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return probe.returncode == 0


def _entering_namespace() -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)
    inside, uid, gid = _mapped_uid(), os.geteuid(), os.getegid()

    def enter() -> None:
        if libc.unshare(CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        # The kernel lets a process map its own group only after it gave up setgroups.
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{inside} {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{inside} {gid} 1", encoding="ascii")

    return enter


def _mapped_uid() -> int:
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
