"""PostgreSQL with the data set, kept between runs in .kith/bench, and a Valkey beside it."""

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

from bench.data import Size, fill
from crm.kernel.database import credentials, migrate
from crm.kernel.settings import settings
from stack.postgres import Postgres, stand_in
from stack.valkey import Valkey

HOME = Path(__file__).parent.parent / ".kith" / "bench"
DATABASE = "bench"
_FILLED = "filled"
# The data can be made again, so nothing is written for the day after a crash; and nothing cleans up while we measure.
_CONFIGURATION = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running database: where Kith finds it, where libpq's clients find it, and its process."""

    url: str
    environment: dict[str, str]
    pid: int


@contextlib.contextmanager
def cluster(size: Size) -> Iterator[Cluster]:
    """Starts both servers, filling the database if this size is not there yet; sets this process's settings to them."""
    directory = HOME / f"{size.name}-{size.fingerprint()}"
    if not (directory / _FILLED).exists():
        _forget(size)
        _make(directory, size)
    with Postgres(directory / "postgres") as postgres, _valkey() as valkey:
        url = postgres.url(DATABASE)
        _point_at(url, valkey.url)
        yield Cluster(url, _for_libpq(url), postgres.pid or 0)


@contextlib.contextmanager
def _valkey() -> Iterator[Valkey]:
    with tempfile.TemporaryDirectory(prefix="kith-bench-") as name, Valkey(Path(name)) as valkey:
        yield valkey


def _make(directory: Path, size: Size) -> None:
    rows = ", ".join(f"{count:,} {name}" for name, count in size.rows.items())
    print(f"Filling a database, once: {rows} …", flush=True)
    began = time.perf_counter()
    with Postgres(directory / "postgres") as postgres:
        asyncio.run(_configure(postgres.url()))
    with Postgres(directory / "postgres") as postgres:
        url = postgres.url(DATABASE)
        _point_at(url, "redis://127.0.0.1:1/0")
        asyncio.run(_create_and_fill(postgres.url(), url, size))
    (directory / _FILLED).touch()
    print(f"  done in {time.perf_counter() - began:.0f} s", flush=True)


def _forget(size: Size) -> None:
    """Removes what an earlier version of the migrations or of the data left of this size."""
    for old in HOME.glob(f"{size.name}-*"):
        shutil.rmtree(stand_in((old / "postgres").resolve()), ignore_errors=True)
        shutil.rmtree(old)


async def _configure(url: str) -> None:
    connection = await asyncpg.connect(**credentials(url))
    for name, value in _CONFIGURATION.items():
        await connection.execute(f"alter system set {name} = '{value}'")
    await connection.close()


async def _create_and_fill(server_url: str, url: str, size: Size) -> None:
    connection = await asyncpg.connect(**credentials(server_url))
    await connection.execute(f"create database {DATABASE}")
    await connection.close()
    await migrate(url)
    await fill(url, size)


def _point_at(url: str, redis_url: str) -> None:
    os.environ.update(
        DATABASE_URL=url,
        REDIS_URL=redis_url,
        STORAGE_URL=f"file://{HOME / 'storage'}",
        KITH_SECRET_KEY="only-for-measuring-only-for-measuring",
    )
    settings.cache_clear()


def _for_libpq(url: str) -> dict[str, str]:
    """The variables that libpq, asyncpg and node-postgres read."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return {
        "PGHOST": query["host"],
        "PGPORT": query["port"],
        "PGUSER": parts.username or "postgres",
        "PGDATABASE": parts.path.lstrip("/"),
    }
