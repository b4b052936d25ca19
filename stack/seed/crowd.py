"""Doing many things at once, but not too many."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")

AT_ONCE = 6


async def each(
    items: Iterable[Item], do: Callable[[Item], Awaitable[None]], *, at_once: int = AT_ONCE
) -> None:
    """Await `do` for every item, `at_once` of them at a time; the first failure ends the others and is raised."""
    remaining = iter(items)

    async def work() -> None:
        for item in remaining:
            await do(item)

    await together(*(work() for _ in range(at_once)))


async def together(*works: Awaitable[None]) -> None:
    """Await them all at once; the first failure ends the others and is raised as it is."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
