"""What is in the database: a count and a checksum of every table, to prove that a refusal changed nothing."""

from tortoise.connection import get_connection

Snapshot = dict[str, tuple[int, str]]

_COMES_WITH_ASKING = (
    "login",
    "api_token",
    "login_attempt",
)  # when somebody was last seen, how often they tried
_TABLES = """
select quote_ident(tablename) as name from pg_tables
 where schemaname = 'public' and tablename <> 'tortoise_migrations' order by 1
"""
_SUM = """
select '{0}' as name, count(*) as rows, coalesce(md5(string_agg(t::text, '|' order by t::text)), '') as sum from {0} t
"""


async def snapshot() -> Snapshot:
    """Every table but those that asking alone changes."""
    database = get_connection("default")
    tables = [row["name"] for row in await database.execute_query_dict(_TABLES)]
    union = " union all ".join(_SUM.format(name) for name in tables if name not in _COMES_WITH_ASKING)
    return {row["name"]: (row["rows"], row["sum"]) for row in await database.execute_query_dict(union)}
