"""Which database, Redis, mail server and storage a command works with."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

import asyncpg
from tortoise.exceptions import DBConnectionError

from crm.accounts.users import create_admin
from crm.kernel.database import ChangedMigration, close, connect, credentials, migrate, missing_migrations
from crm.kernel.settings import environment_name, settings
from stack.errors import StartError
from stack.home import Home
from stack.postgres import Postgres

DATABASE = "kith"
ADDRESSES = ("database_url", "redis_url", "smtp_url", "storage_url")
UNREACHABLE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, DBConnectionError)


def given() -> frozenset[str]:
    """Return which of the four addresses the environment or `.env` set; those are never replaced."""
    return frozenset(ADDRESSES) & settings().model_fields_set


def use(environment: Mapping[str, str]) -> None:
    """Point this process and its children at services, where nothing was set."""
    taken = {environment_name(field) for field in settings().model_fields_set}
    os.environ.update({name: value for name, value in environment.items() if name not in taken})
    settings.cache_clear()
    settings()


def attach(home: Home) -> None:
    """Use what `kith dev` runs in this checkout, if it does; else the settings stand as they are."""
    running = home.running()
    if running is not None:
        use(running.environment() | {"KITH_SECRET_KEY": home.secret()})


@contextmanager
def database(home: Home) -> Iterator[None]:
    """Have a database for the length of a command: the one set, that of `kith dev`, or one started for it."""
    attach(home)
    if "database_url" in given():
        yield
        return
    with Postgres(home.postgres) as postgres:
        use({"DATABASE_URL": create_database(postgres)})
        yield


def create_database(postgres: Postgres) -> str:
    """Create Kith's database in a cluster of our own, if it is not there; its URL."""

    async def create() -> None:
        connection = await asyncpg.connect(**credentials(postgres.url()))
        try:
            if not await connection.fetchval("select 1 from pg_database where datname = $1", DATABASE):
                await connection.execute(f'create database "{DATABASE}"')
        finally:
            await connection.close()

    asyncio.run(create())
    return postgres.url(DATABASE)


def migrate_database() -> None:
    """Bring the database to the newest schema; StartError when it cannot be reached, or was made by other migrations."""
    try:
        asyncio.run(migrate())
    except ChangedMigration as error:
        raise StartError(str(error)) from error
    except UNREACHABLE as error:
        raise _unusable(error) from error


def _unusable(error: Exception) -> StartError:
    url = without_password(settings().database_url)
    return StartError(f"The database at {url} cannot be used: {str(error) or repr(error)}.")


def make_admin(*, email: str, name: str, password: str) -> bool:
    """Create an admin in a migrated database; False when this admin is there already. Raises DomainErrors."""

    async def create() -> bool:
        await connect()
        try:
            return (await create_admin(email=email, name=name, password=password))[1]
        finally:
            await close()

    try:
        return asyncio.run(create())
    except UNREACHABLE as error:
        raise _unusable(error) from error


async def pending_migrations() -> list[str]:
    """Return the names of migrations the database has not had as they are now; it is only read."""
    await connect()
    try:
        return await missing_migrations()
    finally:
        await close()


def file_url(home: Home) -> str:
    return f"file://{quote(str(home.storage))}"


def without_password(url: str) -> str:
    """Return `url` fit to be shown."""
    password = urlsplit(url).password
    return url.replace(f":{password}@", ":***@") if password else url
