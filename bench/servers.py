"""A PostgreSQL and a Valkey of the bench's own, with the settings that point at them."""

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg

from crm.kernel.database import credentials, migrate
from crm.kernel.settings import settings
from stack.postgres import Postgres
from stack.valkey import Valkey

RESULTS = Path(__file__).parent / "results"


@contextlib.contextmanager
def servers(database: str) -> Iterator[str]:
    """Starts both in a directory that goes away again; yields the migrated database's URL."""
    with tempfile.TemporaryDirectory(prefix="kith-bench-") as name:
        directory = Path(name)
        with Postgres(directory / "postgres") as postgres, Valkey(directory / "valkey") as valkey:
            url = postgres.url(database)
            os.environ.update(
                DATABASE_URL=url,
                REDIS_URL=valkey.url,
                STORAGE_URL=f"file://{directory / 'storage'}",
                KITH_SECRET_KEY="only-for-measuring-only-for-measuring",
                KITH_PASSWORD_HASHING="fast",
                KITH_LOG_LEVEL="warning",
                KITH_COST_PER_MINUTE="0",  # one caller asks as much as all others together would
                KITH_PUBLIC_COST_PER_MINUTE="0",
            )
            settings.cache_clear()
            asyncio.run(_create(postgres.url("postgres"), database, url))
            yield url


async def _create(server_url: str, database: str, url: str) -> None:
    connection = await asyncpg.connect(**credentials(server_url))
    await connection.execute(f'create database "{database}"')
    await connection.close()
    await migrate(url)


def keep(name: str, results: dict[str, Any]) -> None:
    """Writes bench/results/<name>.json."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
