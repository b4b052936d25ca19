"""The indexes of search while an import fills them: the fuller their lists of entries to come, the cheaper each entry.

A search reads those lists from end to end, so they are short in ordinary sessions (PostgreSQL's 4 MB), and an import
leaves none behind.
"""

from crm.kernel.transaction import raw_connection, transaction

_LONGER = "select set_config('gin_pending_list_limit', '32MB', true), set_config('work_mem', '128MB', true)"
_EMPTY = "select gin_clean_pending_list(index) from unnest(array['customer_words', 'search_word_parts']::regclass[]) index"


async def gather_entries() -> None:
    """For the rest of the transaction: longer lists, and the memory to sort one in a single pass."""
    await raw_connection().execute(_LONGER)


async def file_entries() -> None:
    """Puts what is on the lists where it belongs."""
    async with transaction():
        await raw_connection().execute(_EMPTY)
