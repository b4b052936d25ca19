"""Words that no name has any more go, so that a name that was forgotten is, and what is looked up stays short.

A word is first marked and taken away another time: whoever writes a name meanwhile adds a marked word again, and who wrote
one before has ended by then. So no word is ever missing that a name has.
"""

from datetime import timedelta

from crm.kernel.transaction import raw_connection

COMMON_FROM = 10_000
"""Customers among whom a search goes by how common a word is; of fewer it finds few."""

_MARKED_FOR = timedelta(hours=1)  # longer than any transaction
_USED = "exists (select from customer where kith_customer_words(name, email, people) @@ quote_literal(w.text)::tsquery)"
# Some words in their order. Each is looked up along the index of words; a word twice is one too many.
_SOME = "select text from search_word where text > $1 group by text order by text limit $2"
_FORGET = f"""
delete from search_word w where w.text = any($1) and (
  w.unused_since < now() - $2::interval and not {_USED}
  or exists (select from search_word o where o.text = w.text and o.unused_since is null and o.ctid < w.ctid))
"""  # noqa: S608  our own SQL
_MARK = f"""
update search_word w set unused_since = now() where w.text = any($1) and w.unused_since is null and not {_USED}
"""  # noqa: S608
_UNMARK = f"""
update search_word w set unused_since = null
 where w.text = any($1) and w.unused_since < now() - $2::interval and {_USED}
"""  # noqa: S608

_COUNT = """
select kith_count_common($1) from pg_class
 where oid = 'customer'::regclass and ($2::bigint is null or $2 * 10 >= reltuples)
"""


async def forget_unused(after: str, limit: int) -> str | None:
    """Looks after the next so many words, in a transaction of the caller's. The last of them, to go on from; None at the
    end.
    """
    connection = raw_connection()
    words: list[str] = [row["text"] for row in await connection.fetch(_SOME, after, limit)]
    if not words:
        return None
    await connection.execute(_FORGET, words, _MARKED_FOR)
    await connection.execute(_UNMARK, words, _MARKED_FOR)
    await connection.execute(_MARK, words)
    return words[-1]


async def count_common(*, new: int | None = None) -> None:
    """Finds out which beginnings of words very many customers have, in a transaction of the caller's. Of so many `new` rows,
    only where they are a tenth of the customers: it takes seconds.
    """
    await raw_connection().execute(_COUNT, COMMON_FROM, new)
