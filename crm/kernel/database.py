"""The connection to PostgreSQL and its migrations."""

import hashlib
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
from tortoise import Tortoise
from tortoise.connection import get_connection

from crm.kernel import traces
from crm.kernel.settings import settings

MIGRATION_LOCK = 7_204_118_033  # any number, the same for every Kith process

SESSION = {
    "timezone": "UTC",
    "application_name": "kith",
    # How alike a word must be for a search to forgive the difference; 0.6, the default, forgives too few typos.
    "pg_trgm.word_similarity_threshold": "0.4",
}
"""What every connection of ours is set to."""

# In a schema of its own, apart from the business's tables.
_NOTES = """
create schema if not exists kith;
create table if not exists kith.migration (name text primary key, digest text not null);
"""

ROOMS = (
    "kernel",
    "accounts",
    "audit",
    "customers",
    "contacts",
    "activities",
    "segments",
    "invoices",
    "imports",
)


def credentials(url: str) -> dict[str, Any]:
    """The parts of a DATABASE_URL, as asyncpg names them; `?host=/dir` means a unix socket."""
    parts = urlsplit(url)
    query = {k: v[0] for k, v in parse_qs(parts.query).items()}
    host = query.pop("host", None) or parts.hostname or "127.0.0.1"
    return {
        "host": host,
        "port": parts.port or int(query.pop("port", 5432)),
        "user": unquote(parts.username or "postgres"),
        "password": unquote(parts.password or ""),
        "database": unquote(parts.path.lstrip("/")) or "kith",
        **({"ssl": query["sslmode"]} if "sslmode" in query else {}),
    }


def reading() -> dict[str, Any]:
    """Arguments of `asyncpg.connect` for connections that run single reading statements.

    Their plans are made once and kept: a plan made for one caller's values may be a bad one for the next, and planning
    a whole page takes longer than reading it.
    """
    session = {
        **SESSION,
        "plan_cache_mode": "force_generic_plan",
        "default_transaction_read_only": "on",
        "jit": "off",
        # Of what an index finds very many, the server notes the rows; in 4 MB, the default, for a million customers only the
        # pages, all rows of which it reads then.
        "work_mem": "32MB",
        "statement_timeout": f"{settings().statement_timeout_seconds}s",
    }
    connection = credentials(settings().database_url) | traces.connection_options()
    return {**connection, "server_settings": session}


def tortoise_config(url: str | None = None, statement_timeout: int | None = None) -> dict[str, Any]:
    """What Tortoise connects with; a `statement_timeout` in seconds ends what runs longer."""
    config = settings()
    limit = {} if statement_timeout is None else {"statement_timeout": f"{statement_timeout}s"}
    return {
        "connections": {
            "default": {
                "engine": "tortoise.backends.asyncpg",
                "credentials": {
                    **credentials(url or config.database_url),
                    **traces.connection_options(),
                    "minsize": 1,
                    "maxsize": config.database_pool,
                    "server_settings": SESSION | limit,
                },
            }
        },
        "apps": {
            "crm": {
                "models": [f"crm.{room}.models" for room in ROOMS],
                "default_connection": "default",
                "migrations": "crm.migrations",
            },
            # Models over database views; the migrations must not make tables of them.
            "views": {
                "models": ["crm.invoices.views", "crm.imports.views"],
                "default_connection": "default",
            },
        },
        "use_tz": True,
        "timezone": "UTC",
    }


async def connect(url: str | None = None, statement_timeout: int | None = None) -> None:
    await Tortoise.init(config=tortoise_config(url, statement_timeout), _enable_global_fallback=True)


async def missing_migrations() -> list[str]:
    """The migrations of this code that the database has not had as they are now. Raises what the connection raises."""
    async with get_connection("default").acquire_connection() as connection:
        had, noted = await _migrations_had(connection), await _migrations_noted(connection)
    return [name for name, digest in _migrations().items() if name not in had or noted.get(name) != digest]


async def _migrations_had(connection: "asyncpg.Connection[asyncpg.Record]") -> set[str]:
    if not await connection.fetchval("select to_regclass('tortoise_migrations') is not null"):
        return set()
    rows = await connection.fetch("select name from tortoise_migrations where app = 'crm'")
    return {row["name"] for row in rows}


async def _migrations_noted(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[str, str]:
    """What the migrations were that it has had."""
    if not await connection.fetchval("select to_regclass('kith.migration') is not null"):
        return {}
    return dict(await connection.fetch("select name, digest from kith.migration"))


@cache
def _migrations() -> dict[str, str]:
    """Those of this code in their order, with what tells one from another state of itself."""
    package = find_spec("crm.migrations")
    places = package.submodule_search_locations if package else None
    return {each.name: _digest(each.name) for each in iter_modules(places) if each.name[0].isdigit()}


async def close() -> None:
    await Tortoise.close_connections()


class ChangedMigration(Exception):
    """The database had migrations of the same names that did something else. A sentence for people."""


async def migrate(url: str | None = None) -> None:
    """Brings the database to the newest schema; several processes may call it at once.

    Raises ChangedMigration, and changes nothing, where a migration was rewritten since the database had it.
    """
    from tortoise.migrations.executor import MigrationExecutor  # noqa: PLC0415  0.7 MB that no server needs

    config = tortoise_config(url)
    lock = await asyncpg.connect(**credentials(url or settings().database_url))
    try:
        await lock.execute("select pg_advisory_lock($1)", MIGRATION_LOCK)
        await _note_migrations(lock)
        await Tortoise.init(config=config, _enable_global_fallback=True)
        try:
            await MigrationExecutor(get_connection("default"), config["apps"]).migrate()
        finally:
            await close()
    finally:
        await lock.close()


async def _note_migrations(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Compares the migrations the database has had with ours, and notes what the others are that it gets now."""
    ours = _migrations()
    async with connection.transaction():
        await connection.execute(_NOTES)
        had, noted = await _migrations_had(connection), await _migrations_noted(connection)
        changed = sorted(name for name in had & ours.keys() if noted.get(name) != ours[name])
        if changed:
            raise ChangedMigration(
                f"The database was made by an earlier state of this code: {', '.join(changed)} has changed since. "
                "Make it anew (for that of `scripts/dev`: `rm -r .kith`), or go back to the code that made it."
            )
        await connection.executemany(
            "insert into kith.migration values ($1, $2) on conflict (name) do update set digest = excluded.digest",
            [(name, digest) for name, digest in ours.items() if name not in had],
        )


def _digest(name: str) -> str:
    return hashlib.sha256((files("crm.migrations") / f"{name}.py").read_bytes()).hexdigest()
