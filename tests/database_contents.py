"""What the database holds, to prove that a refusal changed nothing."""

from typing import Any

import orjson
from tortoise.connection import get_connection

_TABLES = "select tablename as name from pg_tables where schemaname = 'public' order by 1"


async def contents(*, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """All rows of all tables that have any, in a fixed order; without the tables that may change on the way."""
    database = get_connection("default")
    names = [row["name"] for row in await database.execute_query_dict(_TABLES)]
    union = " union all ".join(
        f"select '{name}' as name, (select jsonb_agg(to_jsonb(t) order by to_jsonb(t)::text) from \"{name}\" t) as rows"  # noqa: S608  names from the catalogue
        for name in names
        if name not in without
    )
    found = await database.execute_query_dict(union)
    return {row["name"]: orjson.loads(row["rows"]) for row in found if row["rows"]}
