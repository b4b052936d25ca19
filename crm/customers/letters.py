"""Parts of texts that the search does not go by, such as of a website: found by the letters that stand beside the rows.

Of what an import has just added the letters may not be filed yet; who asks looks through those rows, too, and a worker files
them soon. See docs/decisions/0025-letters-filed-behind-the-work.md.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

from tortoise.expressions import Q

from crm.customers.search_indexes import gather_entries
from crm.customers.search_sql import Holds, Sql
from crm.kernel.filtering import FilterField, Operand, usual
from crm.kernel.search import escaped
from crm.kernel.transaction import raw_connection

Table = Literal["customer", "contact"]

FILE = "file-letters"
"""The kind of the job that files what is due; the database promises it."""

# Three letters in a row, or fewer where a word begins or ends: less tells the index nothing.
_INDEXED = {
    "contains": re.compile(r"[^\W_]{3}|[\W_][^\W_]|[^\W_]{2}[\W_]"),
    "startsWith": re.compile(r"[^\W_]"),
}
_PATTERN = {"contains": "%{}%", "startsWith": "{}%"}

_QUIET = timedelta(seconds=20)
_AT_THE_LATEST = timedelta(minutes=10)
_LOCK_MILLISECONDS = 200  # less than PostgreSQL waits before it ends one of two who wait for each other

_PATIENCE = "select least(max(noted_at) + $1, min(noted_at) + $2) - now() from letters_due"
_IMPATIENT = f"select set_config('lock_timeout', '{_LOCK_MILLISECONDS}ms', true)"
_FIRST = "select id, of, first, last from letters_due order by id limit 1 for update skip locked"
# The server's count of new rows is brought up to date for `have_counted`.
_FILE = "select rows, reached, pg_stat_force_next_flush() from kith_file_{}($1, $2, $3)"
_STALE = """
select oid::regclass::text from pg_class where oid = any(array['customer_letters', 'contact_letters']::regclass[])
   and (reltuples < 0 or pg_stat_get_mod_since_analyze(oid) > reltuples / 10)
"""

_BY_LETTERS = """
(not kith_few('{of}_letters', '{column}', {{}}) or {{table}}.id = any(array(
  select l.id from {of}_letters l where l.{column} ilike {{}}
  union all
  select n.id from letters_due d cross join lateral
    (select id from {of} where id between d.first and d.last and {column} ilike {{}} offset 0) n where d.of = '{of}')))
""".strip()


class _ByLetters(Holds):
    """What rows have whose column holds a pattern, so that an index finds them where they are few."""

    varies = True


def lettered(of: Table, column: str, means: Callable[[str], str] | None = None) -> FilterField:
    """A text of the table whose parts are found by their letters. `means` as of FilterField."""
    compare = usual(column)

    def build(operator: str, value: Any) -> Q:
        found = compare(operator, value)
        return found & by_letters(of, column, operator, value) if operator in _INDEXED else found

    return FilterField(Operand.TEXT, column, build=build, means=means)


def by_letters(of: Table, column: str, operator: str, text: str) -> Q:
    """What every row has whose column `contains` or `startsWith` the text, case apart; others may have it, too."""
    if not _INDEXED[operator].search(text):
        return Q()
    pattern = _PATTERN[operator].format(escaped(text))
    return Q(_ByLetters(Sql(_BY_LETTERS.format(of=of, column=column), (pattern,) * 3)))


async def patience() -> timedelta:
    """How long to wait before filing: until imports have paused for 20 seconds, ten minutes at most."""
    left: timedelta | None = await raw_connection().fetchval(_PATIENCE, _QUIET, _AT_THE_LATEST)
    return max(left or timedelta(), timedelta())


async def file_next(limit: int) -> int | None:
    """Files so many rows at most, of those noted first, in a transaction of the caller's, and says how many. None when there are
    none, or another worker is at the last of them.

    What changes meanwhile is filed by whoever changes it. Raises LockNotAvailableError or ForeignKeyViolationError where
    somebody is writing or deleting one of the rows: another try succeeds.
    """
    connection = raw_connection()
    await gather_entries()
    await connection.execute(_IMPATIENT)
    due = await connection.fetchrow(_FIRST)
    if due is None:
        return None
    filed = await connection.fetchrow(_FILE.format(due["of"]), due["first"], due["last"], limit)
    rows: int = filed["rows"]
    if rows < limit:
        await connection.execute("delete from letters_due where id = $1", due["id"])
    else:
        await connection.execute(
            "update letters_due set first = $2 where id = $1", due["id"], filed["reached"]
        )
    return rows


async def have_counted() -> None:
    """Has PostgreSQL count how frequent letters are, where it never did or a tenth of them are new since; in a transaction of
    the caller's.
    """
    connection = raw_connection()
    for row in await connection.fetch(_STALE):
        await connection.execute(f"analyze {row['oid']}")
