"""One thread for the rows of every import of a process: Python runs one at a time anyway, and each keeps memory."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="imports")


async def in_thread(work: Callable[..., T], *given: object) -> T:
    """What `work` returns; meanwhile the event loop goes on, and extends leases."""
    return await asyncio.get_running_loop().run_in_executor(_THREAD, work, *given)
