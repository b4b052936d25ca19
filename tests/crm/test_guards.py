"""Every constraint, index, trigger and column that the models and migrations speak of is there after `migrate`.

That the guards among them refuse: test_guard_refusals.py.
"""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tortoise import Model, Tortoise
from tortoise.migrations.autodetector import MigrationAutodetector

from crm.kernel import database
from crm.kernel.ids import uuid7
from tests.crm.guard_names import (
    ASKED_ONCE,
    CHECK_NAMES,
    FOREIGN_KEY_NAMES,
    FOREIGN_KEYS,
    INDEX_NAMES,
    MODELS,
    SQL,
    TRIGGER_NAMES,
    UNIQUE_NAMES,
    Connection,
    columns_of,
    connect,
    foreign_key,
    named,
    names,
    table_of,
)

DELETE_RULES = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


@pytest.fixture(scope="module")
async def connection(database: str) -> AsyncIterator[Connection]:
    opened = await connect(database)
    yield opened
    await opened.close()


def test_the_migration_speaks_of_enough_for_these_tests_to_mean_something() -> None:
    assert len(CHECK_NAMES) > 30
    assert len(UNIQUE_NAMES) > 25
    assert len(TRIGGER_NAMES) > 8
    assert len(FOREIGN_KEYS) > 40


async def test_every_check_exists(connection: Connection) -> None:
    found = await names(
        connection, "select conname from pg_constraint where contype = 'c' and convalidated and conrelid <> 0"
    )

    assert found == CHECK_NAMES


async def test_every_named_foreign_key_exists(connection: Connection) -> None:
    found = await names(connection, "select conname from pg_constraint where contype = 'f'")

    assert found >= FOREIGN_KEY_NAMES


async def test_every_foreign_key_is_enforced_but_those_that_triggers_keep(connection: Connection) -> None:
    found = await names(
        connection, "select conname from pg_constraint where contype = 'f' and not conenforced"
    )

    assert found == ASKED_ONCE


async def test_every_index_exists_and_is_usable(connection: Connection) -> None:
    named = {index.name for model in MODELS for index in model._meta.indexes}  # noqa: SLF001
    usable = "select indexrelid::regclass::text from pg_index where indisvalid and indisready"

    assert await names(connection, usable) >= INDEX_NAMES | named


async def test_every_unique_index_is_unique(connection: Connection) -> None:
    unique = "select indexrelid::regclass::text from pg_index where indisunique"

    assert await names(connection, unique) >= UNIQUE_NAMES


async def test_every_trigger_exists_and_is_enabled(connection: Connection) -> None:
    enabled = "select tgname from pg_trigger where not tgisinternal and tgenabled = 'O'"

    assert await names(connection, enabled) == TRIGGER_NAMES


async def test_every_search_column_and_view_exists(connection: Connection) -> None:
    columns = "select attrelid::regclass || '.' || attname from pg_attribute where attgenerated = 's'"
    written = re.findall(r'alter table (\w+) add column (\w+) \w+ (?:collate "C" )?generated', SQL)

    assert await names(connection, columns) == {f"{table}.{column}" for table, column in written}
    assert await names(connection, "select viewname from pg_views where schemaname = 'public'") == named(
        r"create view (\w+)"
    )


KEPT = re.findall(r"alter table (\w+) add column (\w+) text not null default", SQL)
"""What triggers write and no model reads."""


@pytest.mark.usefixtures("_connected")  # Tortoise adds the columns of relations when it begins
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
async def test_a_table_has_its_models_columns(connection: Connection, model: type[Model]) -> None:
    rows = await connection.fetch(
        "select column_name, is_nullable = 'YES' as nullable, character_maximum_length as length "
        "from information_schema.columns where table_schema = 'public' and table_name = $1 and is_generated = 'NEVER'",
        table_of(model),
    )

    expected = {
        (column, bool(field.null), getattr(field, "max_length", None))
        for column, field in columns_of(model).items()
        if not field.generated
    } | {(column, False, None) for table, column in KEPT if table == table_of(model)}
    assert {(row["column_name"], row["nullable"], row["length"]) for row in rows} == expected


@pytest.mark.parametrize(
    ("model", "relation"), FOREIGN_KEYS, ids=lambda value: getattr(value, "__name__", value)
)
async def test_every_relation_of_a_model_is_a_foreign_key(
    connection: Connection, model: type[Model], relation: str
) -> None:
    field: Any = model._meta.fields_map[relation]  # noqa: SLF001
    targets = {each.__name__: table_of(each) for each in MODELS}

    found = await foreign_key(connection, table_of(model), f"{relation}_id")

    assert found is not None
    assert found["target"].strip('"') == targets[field.model_name.split(".")[1]]
    assert DELETE_RULES[found["rule"]] == field.on_delete.value


# The migrations themselves


@pytest.mark.usefixtures("_connected")
async def test_the_models_are_what_the_migrations_make() -> None:
    assert Tortoise.apps is not None

    changes = await MigrationAutodetector(Tortoise.apps, database.tortoise_config()["apps"]).changes()

    assert [writer.as_string() for writer in changes] == []


MIGRATE_TO_SEARCH = """
import asyncio
from tortoise import Tortoise
from tortoise.connection import get_connection
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget
from crm.kernel import database

async def migrate():
    await Tortoise.init(config=database.tortoise_config(), _enable_global_fallback=True)
    apps = database.tortoise_config()["apps"]
    await MigrationExecutor(get_connection("default"), apps).migrate([MigrationTarget("crm", "0003_search")])
    await database.close()

asyncio.run(migrate())
"""
_CUSTOMERS = """
insert into business_unit (id, name, time_zone, version, created_at) values (uuidv7(), 'U', 'UTC', 1, now());
insert into customer (id, unit_id, name, email, billing_same, stage, status, currency, consent, language)
  select uuidv7(), (select id from business_unit), 'N', n || '@x.example', true, 'PROSPECT', 'PROSPECT', 'EUR', 'UNKNOWN', 'en'
    from generate_series(1, 3) n;
"""
MIGRATE = "import asyncio\nfrom crm.kernel.database import migrate\nasyncio.run(migrate())"
SCHEMA = """
select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
 where connamespace = 'public'::regnamespace
union all select 'index', tablename, indexname, indexdef from pg_indexes where schemaname = 'public'
union all select 'column', table_name, column_name, concat_ws(' ', data_type, is_nullable, column_default, generation_expression)
  from information_schema.columns where table_schema = 'public'
union all select 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
union all select 'function', '', proname, prosrc from pg_proc where proname like 'kith%'
union all select 'migration', app, name, '' from tortoise_migrations
union all select 'digest', '', name, digest from kith.migration
order by 1, 2, 3, 4
"""


@pytest.fixture
async def empty_database(database: str, connection: Connection) -> AsyncIterator[str]:
    name = f"kith_migrate_{uuid7().hex[-8:]}"
    await connection.execute(f"create database {name}")
    yield database.replace(await connection.fetchval("select current_database()"), name)
    await connection.execute(f"drop database {name} with (force)")


async def _migrate(url: str, program: str = MIGRATE) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        env={**os.environ, "DATABASE_URL": url},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()


async def _kith_migrate(url: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "stack", "migrate"),
        env={**os.environ, "DATABASE_URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, " ".join(said.decode().split())


async def _schema(url: str) -> list[tuple[Any, ...]]:
    opened = await connect(url)
    rows = [tuple(row) for row in await opened.fetch(SCHEMA)]
    await opened.close()
    return rows


async def test_migrating_from_two_processes_at_once_and_once_more_changes_nothing_but_once(
    database: str, empty_database: str
) -> None:
    await asyncio.gather(_migrate(empty_database), _migrate(empty_database))
    first = await _schema(empty_database)
    await _migrate(empty_database)

    assert first == await _schema(empty_database) == await _schema(database)


async def test_a_database_that_had_other_migrations_is_not_taken_for_a_new_one(empty_database: str) -> None:
    await _migrate(empty_database)
    opened = await connect(empty_database)
    await opened.execute("update kith.migration set digest = 'other' where name = '0002_guards'")
    await opened.execute("delete from tortoise_migrations where name = '0003_search'")
    before = await _schema(empty_database)

    code, said = await _kith_migrate(empty_database)

    assert code == 1
    assert "0002_guards has changed since. Make it anew" in said
    assert "Traceback" not in said
    assert await _schema(empty_database) == before
    await opened.close()


async def test_a_migration_that_did_not_come_through_may_be_another_one_next_time(
    database: str, empty_database: str
) -> None:
    """Its digest is noted before it runs."""
    opened = await connect(empty_database)
    await opened.execute(
        "create schema kith; create table kith.migration (name text primary key, digest text not null)"
    )
    await opened.execute("insert into kith.migration values ('0002_guards', 'other')")
    await opened.close()

    assert (await _kith_migrate(empty_database))[0] == 0
    assert await _schema(empty_database) == await _schema(database)


async def test_customers_that_are_there_already_are_to_be_filed(empty_database: str) -> None:
    await _migrate(empty_database, MIGRATE_TO_SEARCH)
    opened = await connect(empty_database)
    await opened.execute(_CUSTOMERS)
    await opened.execute(
        "create schema kith; create table kith.migration (name text primary key, digest text not null)"
    )
    for name, digest in database._migrations().items():  # noqa: SLF001
        await opened.execute("insert into kith.migration values ($1, $2)", name, digest)

    await _migrate(empty_database)

    due = await opened.fetch("select of, first, last from letters_due")
    ids = await opened.fetchrow("select min(id::text) as first, max(id::text) as last from customer")
    assert [(row["of"], str(row["first"]), str(row["last"])) for row in due] == [
        ("customer", ids["first"], ids["last"])
    ]
    assert await opened.fetchval("select kind from outbox") == "file-letters"
    await opened.close()
