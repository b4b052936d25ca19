"""Unix sockets in places every client accepts, and TCP ports that are free."""

import hashlib
import os
import re
import socket
import stat
from pathlib import Path

from stack.errors import StartError

# Clients disagree on how to quote a path inside a URL, so only paths that need no quoting are used.
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+-]+")
LOOPBACK = "127.0.0.1"


def socket_directory(preferred: Path, name: str) -> Path:
    """`preferred` when a socket `name` can be bound in it, else a short private directory under /tmp.

    A socket path holds about 100 bytes, and some shared folders cannot hold sockets at all.
    """
    preferred.mkdir(mode=0o700, parents=True, exist_ok=True)
    if PLAIN_PATH.fullmatch(str(preferred)) and _can_bind(preferred / name):
        return preferred
    digest = hashlib.sha256(str(preferred).encode()).hexdigest()[:12]
    outer = private_directory(Path("/", "tmp") / f"kith-{os.geteuid()}-{digest}", mode=0o711)
    inner = outer / "s"  # may be given to the server's own user; the outer one stays ours
    inner.mkdir(mode=0o700, exist_ok=True)
    return inner


def private_directory(path: Path, *, mode: int = 0o700) -> Path:
    """Make a directory in a place anyone may write to, or check that it is ours and no symbolic link."""
    path.mkdir(mode=mode, parents=False, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise StartError(f"{path} belongs to someone else: remove it, or set KITH_HOME to a shorter path.")
    path.chmod(mode)
    return path


def _can_bind(path: Path) -> bool:
    if path.exists():
        return path.is_socket()
    probe = socket.socket(socket.AF_UNIX)
    try:
        probe.bind(str(path))
    except OSError:
        return False
    finally:
        probe.close()
        path.unlink(missing_ok=True)
    return True


def listen(preferred: int, *, host: str = LOOPBACK, tries: int = 100) -> socket.socket:
    """Listen on `preferred` (0: any), or on the next port nobody else listens on.

    The socket itself is handed to the server that answers on it: no other program can take the port in
    between, and callers wait instead of being refused while that server restarts.
    """
    for port in range(preferred, preferred + tries):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(2048)
        except OSError:
            listener.close()
            continue
        return listener
    raise StartError(f"Ports {preferred} to {preferred + tries - 1} are all in use on {host}.")


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def inherited(fd: int) -> socket.socket:
    """Take over a listening socket that the process which started us opened."""
    return socket.socket(fileno=fd)
