"""The indexes of words and letters while many rows come: the fuller their lists of entries to come, the cheaper each entry.

Whoever reads reads those lists from end to end, so they are short in ordinary sessions (PostgreSQL's 4 MB), and who made them
longer leaves none behind.
"""

from crm.kernel.transaction import raw_connection, transaction

_LONGER = "select set_config('gin_pending_list_limit', '32MB', true), set_config('work_mem', '128MB', true)"
_INDEXES = (
    *("customer_words", "search_word_parts"),
    *("customer_letters_parts", "customer_letters_own", "contact_letters_parts"),
)
_EMPTY = "select gin_clean_pending_list(index) from unnest($1::text[]::regclass[]) index"


async def gather_entries() -> None:
    """For the rest of the transaction: longer lists, and the memory to sort one in a single pass."""
    await raw_connection().execute(_LONGER)


async def file_entries() -> None:
    """Puts what is on the lists where it belongs."""
    async with transaction():
        await raw_connection().execute(_EMPTY, _INDEXES)
