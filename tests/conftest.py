"""One PostgreSQL and one Valkey for the whole run; a database of its own for each xdist worker.

Fixtures:
- `database` (session): this worker's database, migrated; returns its URL. DATABASE_URL, REDIS_URL, SMTP_URL and
  STORAGE_URL are set for this process and its children.
- `db`: Tortoise connected in this process; every table and Redis are emptied after the test.
- `server` (session): the real application on a loopback port; returns its base URL. Wants `db` in each test.
- `redis_url`, `storage_directory`.
- `setting`: changes settings for the rest of the test, in this process and so in `server`: `setting(max_depth=5)`.
"""

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from stack.postgres import Postgres
from stack.valkey import Valkey

CHECKOUT = Path(__file__).resolve().parents[1]
SHARED_DATA = CHECKOUT.parent / "shared" / "data"
TEMPLATE = "kith_template"
_EMPTY = """
do $$ declare t text; filled boolean; begin
  set local session_replication_role = replica;
  for t in select quote_ident(tablename) from pg_tables
            where schemaname = 'public' and tablename <> 'tortoise_migrations' loop
    execute 'select exists (select 1 from ' || t || ')' into filled;
    if filled then execute 'delete from ' || t; end if;
  end loop;
end $$
"""


class _Servers:
    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="kith-test-"))
        self.postgres = Postgres(self.directory / "postgres", durable=False)
        self.valkey = Valkey(self.directory / "valkey", durable=False)

    def start(self) -> None:
        self.postgres.start()
        self.valkey.start()
        os.environ["KITH_TEST_POSTGRES"] = self.postgres.url("{}")
        os.environ["KITH_TEST_REDIS"] = self.valkey.url
        os.environ["KITH_TEST_DIRECTORY"] = str(self.directory)
        asyncio.run(_make_template(self.postgres.url(TEMPLATE)))

    def stop(self) -> None:
        self.valkey.stop()
        self.postgres.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


async def _make_template(url: str) -> None:
    from crm.kernel.database import migrate

    connection = await asyncpg.connect(_database_url("postgres"))
    await connection.execute(f"create database {TEMPLATE}")
    await connection.close()
    await migrate(url)


def _database_url(name: str) -> str:
    return os.environ["KITH_TEST_POSTGRES"].replace("%7B%7D", name).replace("{}", name)


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    servers = _Servers()
    config.add_cleanup(servers.stop)
    servers.start()


def pytest_report_header() -> str:
    found = "found" if SHARED_DATA.is_dir() else "absent: the tests that import them are skipped, and say so"
    return f"real-life CSV files beside the checkout: {found}"


@pytest.fixture(scope="session")
def worker_name() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="session")
def storage_directory(worker_name: str) -> Path:
    return Path(os.environ["KITH_TEST_DIRECTORY"]) / f"storage-{worker_name}"


@pytest.fixture(scope="session")
def redis_url(worker_name: str) -> str:
    number = 0 if worker_name == "main" else int(worker_name.removeprefix("gw")) + 1
    return f"{os.environ['KITH_TEST_REDIS']}?db={number}"


@pytest.fixture(scope="session")
async def database(worker_name: str, redis_url: str, storage_directory: Path) -> str:
    name = f"kith_{worker_name}"
    connection = await asyncpg.connect(_database_url("postgres"))
    await connection.execute(f"drop database if exists {name} with (force)")
    await connection.execute(f"create database {name} template {TEMPLATE} strategy file_copy")
    await connection.close()
    url = _database_url(name)
    os.environ.update(
        DATABASE_URL=url,
        REDIS_URL=redis_url,
        STORAGE_URL=f"file://{storage_directory}",
        SMTP_URL="smtp://127.0.0.1:9",
        KITH_LOG_LEVEL="error",
        KITH_PASSWORD_HASHING="fast",
        KITH_SECRET_KEY="only-for-tests-only-for-tests-only",
    )
    from crm.kernel.settings import settings

    settings.cache_clear()
    return url


@pytest.fixture
def setting(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    from crm.kernel.settings import settings

    def change(**values: object) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"KITH_{name.upper()}", str(value))
        settings.cache_clear()

    yield change
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture(scope="session")
async def _connected(database: str) -> AsyncIterator[None]:
    from crm.kernel.database import close, connect
    from workers import doorbell

    await connect(database)
    yield
    await close()
    if doorbell.redis.cache_info().currsize:  # what workers do was done here, too
        await doorbell.redis().aclose()


@pytest.fixture
async def db(_connected: None, redis_url: str) -> AsyncIterator[None]:
    yield
    await _empty_tables()
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()


async def _empty_tables() -> None:
    """A worker that runs beside the tests may hold in another order what is deleted here: then once more."""
    from tortoise.connection import get_connection

    for patience in range(5, -1, -1):
        try:
            await get_connection("default").execute_script(_EMPTY)
        except asyncpg.DeadlockDetectedError:
            if not patience:
                raise
        else:
            return


@pytest.fixture(scope="session")
async def server(_connected: None) -> AsyncIterator[str]:
    import uvicorn

    from api.app import create_app

    listener = socket.socket(proto=socket.IPPROTO_TCP)  # or asyncio leaves Nagle on: 40 ms a request
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = uvicorn.Config(
        create_app(),
        http="stack.answers:Protocol",
        log_level="error",
        lifespan="on",
        timeout_graceful_shutdown=2,
    )
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve(sockets=[listener]))
    while not running.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    running.should_exit = True
    await task
