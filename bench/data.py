"""A database worth reading: made by PostgreSQL itself, the same every time."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from crm.customers.words import COMMON_FROM
from crm.kernel.database import SESSION, credentials

_SQL = Path(__file__).parent / "sql"
_MIGRATIONS = Path(__file__).parent.parent / "crm" / "migrations"
_TABLES = (
    *("customer", "contact", "activity", "invoice", "invoice_line", "invoice_tax"),
    *("search_word", "customer_letters", "contact_letters"),
)
READER = "person1@kith.example"


@dataclass(frozen=True, slots=True)
class Size:
    """How many customers, and how many activities the big tenth of them and the others have."""

    customers: int
    big: int = 46
    small: int = 6

    @property
    def rows(self) -> dict[str, int]:
        """About how many rows each table has."""
        count = self.customers
        return {
            "customers": count,
            "contacts": 3 * count,
            "activities": count * (self.big + 9 * self.small) // 10,
            "invoices": 2 * count,
            "lines": 6 * count,
        }

    @property
    def name(self) -> str:
        return f"{self.customers}-{self.big}-{self.small}"

    def fingerprint(self) -> str:
        """Of everything the data follows from: the migrations, the SQL here and the size."""
        digest = hashlib.sha256(repr(self).encode())
        for path in sorted([*_MIGRATIONS.glob("*.py"), *_SQL.glob("*.sql")]):
            digest.update(path.read_bytes())
        return digest.hexdigest()[:12]


def customer_key(number: int) -> UUID:
    """The key of the customer with a number from 1, as sql/fill.sql makes it."""
    return UUID(f"01980000-0005-7000-8000-{number:012x}")


async def fill(url: str, size: Size) -> None:
    """Fills a migrated, empty database; vacuumed and analysed. Indexes are dropped first and made again at the end."""
    connection = await asyncpg.connect(**credentials(url), timeout=600, command_timeout=None)
    try:
        await connection.execute("set maintenance_work_mem = '1GB'; set work_mem = '256MB'")
        async with connection.transaction():
            indexes = await _drop_indexes(connection)
            await _step("rows", connection, fill_sql(size))
            for name, definition in indexes.items():
                await _step(name, connection, definition)
        await connection.execute((_SQL / "search.sql").read_text(encoding="utf-8"))
        await _same_session_for_all(connection)
        await _step("vacuum", connection, "vacuum (analyze, freeze)")
        await _step("common words", connection, f"select kith_count_common({COMMON_FROM})")
        await connection.execute("checkpoint")
    finally:
        await connection.close()


def fill_sql(size: Size) -> str:
    """The statements that fill a migrated, empty database."""
    text = (_SQL / "fill.sql").read_text(encoding="utf-8")
    values = {
        "$CUSTOMERS": size.customers,
        "$BIG": size.big,
        "$SMALL": size.small,
        "$WORDS": max(500, size.customers // 5),
        "$ACTIVITIES": size.rows["activities"] // size.customers,
    }
    for name, value in values.items():
        text = text.replace(name, str(value))
    return text


async def _drop_indexes(connection: Any) -> dict[str, str]:
    """Names and definitions of the indexes that no constraint stands on; they are gone afterwards."""
    found = await connection.fetch(
        "select x.indexrelid::regclass::text as name, pg_get_indexdef(x.indexrelid) as definition from pg_index x "
        "where x.indrelid::regclass::text = any($1) "
        "and not exists (select 1 from pg_constraint c where c.conindid = x.indexrelid)",
        list(_TABLES),
    )
    for row in found:
        await connection.execute(f"drop index {row['name']}")
    return {row["name"]: row["definition"] for row in found}


async def _same_session_for_all(connection: Any) -> None:
    """Gives every connection, whosever, the settings of Kith's own."""
    database = await connection.fetchval("select current_database()")
    for name, value in SESSION.items():
        if name != "application_name":
            await connection.execute(f"alter database \"{database}\" set {name} = '{value}'")


async def _step(name: str, connection: Any, sql: str) -> None:
    began = time.perf_counter()
    await connection.execute(sql)
    seconds = time.perf_counter() - began
    if seconds > 2:
        print(f"  {name}: {seconds:.0f} s", flush=True)
