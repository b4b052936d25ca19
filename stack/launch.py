"""Becomes another program that dies with its parent: `python launch.py PARENT SIGNAL USER COMMAND…`.

A program of its own, because what must happen between fork and exec is not safe in a process with threads.
PARENT is the process id it dies with, by SIGNAL. USER is `same`, `namespace:INSIDE` (seen as user id INSIDE
from within a user namespace) or `UID:GID` (root only).
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
LINUX = sys.platform == "linux"


def main(parent: int, on_parent_death: int, user: str, command: list[str]) -> None:
    become(user)
    # A change of user clears the death signal, so it comes last.
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, on_parent_death, 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel knew of our wish
            os.kill(os.getpid(), signal.SIGKILL)
    os.execv(command[0], command)  # noqa: S606 - our own programs, never a shell


def become(user: str) -> None:
    kind, _, value = user.partition(":")
    if kind == "namespace":
        enter_namespace(int(value))
    elif kind != "same":
        os.setgroups([])
        os.setgid(int(value))
        os.setuid(int(kind))


def enter_namespace(inside: int) -> None:
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "this machine allows no user namespaces")
    # The kernel lets a process map its own group only after it gave up setgroups.
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{inside} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{inside} {gid} 1", encoding="ascii")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
