"""What the migrations and models say must be in the database, and how to ask it what is there."""

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, TypeAlias

import asyncpg
from tortoise import Model

from crm.kernel import database

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_NAMES = "0002_guards", "0003_search", "0004_letters", "0005_lists"
_WRITTEN = [import_module(f"crm.migrations.{name}").Migration for name in _NAMES]
SQL = "\n".join(operation.sql for migration in _WRITTEN for operation in migration.operations)


def named(pattern: str) -> set[str]:
    return set(re.findall(pattern, SQL))


CHECK_NAMES = named(r"add constraint (\w+)\s+check")
FOREIGN_KEY_NAMES = named(r"add constraint (\w+)\s+foreign key")
EXCLUSION_NAMES = named(r"add constraint (\w+)\s+exclude")
UNIQUE_NAMES = named(r"create unique index (\w+)")
INDEX_NAMES = named(r"create index (\w+)") | UNIQUE_NAMES
TRIGGER_NAMES = named(r"create (?:constraint )?trigger (\w+)")


def _models() -> Iterator[type[Model]]:
    for room in database.ROOMS:
        for value in vars(import_module(f"crm.{room}.models")).values():
            if (
                isinstance(value, type)
                and issubclass(value, Model)
                and value.__module__ == f"crm.{room}.models"
            ):
                yield value


def table_of(model: type[Model]) -> str:
    return model._meta.db_table  # noqa: SLF001


def columns_of(model: type[Model]) -> dict[str, Any]:
    described = model._meta  # noqa: SLF001
    return {column: described.fields_map[name] for name, column in described.fields_db_projection.items()}


MODELS = list(_models())
ASKED_ONCE = named(r"alter constraint (\w+) not enforced")
"""Foreign keys that triggers keep, a statement at a time."""
FOREIGN_KEYS = [(m, name) for m in MODELS for name in sorted(m._meta.fk_fields)]  # noqa: SLF001  Tortoise's own description of a model


async def connect(url: str) -> Connection:
    return await asyncpg.connect(**database.credentials(url))


async def names(connection: Connection, query: str) -> set[str]:
    return {row[0] for row in await connection.fetch(query)}


async def foreign_key(connection: Connection, table: str, column: str) -> Any:
    return await connection.fetchrow(
        "select conname, confrelid::regclass::text as target, confdeltype::text as rule from pg_constraint "
        "where contype = 'f' and conrelid = $1::text::regclass and conkey = array["
        "(select attnum from pg_attribute where attrelid = conrelid and attname = $2)]",
        f'"{table}"',
        column,
    )
