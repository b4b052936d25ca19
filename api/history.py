"""The last events, as Redis keeps them: what was told while nobody listened can be read here, in order.

A position is the id of an entry of the stream. Nothing after it is missing if the stream still reaches back to it and
has not lost its end: ids grow with the clock of Redis, so a stream that began anew begins after every older position.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from graphql import GraphQLError
from redis.asyncio import Redis

from crm.kernel.errors import InvalidInput
from crm.kernel.events import EVENT_STREAM

Position = tuple[int, int]

CHUNK = 1000
_POSITION = re.compile(r"(\d{1,20})-(\d{1,20})")
# A stream that is not there begins with an entry for nobody, so that there is always a position to start from.
_END = """
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
if #last > 0 then return last[1][1] end
return redis.call('XADD', KEYS[1], '*', 'topics', '', 'message', '')
"""


class Kept(NamedTuple):
    """An event of the stream."""

    position: str
    topics: list[str]
    message: str


class History:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._end = redis.register_script(_END)

    async def end(self) -> str:
        """The position after which nothing has been told yet."""
        position: str = await self._end(keys=[EVENT_STREAM])
        return position

    async def since(self, position: str) -> list[Kept]:
        """All that was told after a position. Raises GraphQLError (EVENTS_LOST) if some of it is gone."""
        found: list[Kept] = []
        last = position
        while chunk := await self._redis.xrange(EVENT_STREAM, f"({last}", "+", CHUNK):
            found += _kept(chunk)
            last = chunk[-1][0]
            if len(chunk) < CHUNK:
                break
        first, end = await self._reach()
        # Asked afterwards: what was cut off while we read is noticed too.
        if first is None or end is None or not order(first) <= order(position) <= order(end):
            raise lost()
        return found

    async def _reach(self) -> tuple[str | None, str | None]:
        async with self._redis.pipeline(transaction=True) as both:
            both.xrange(EVENT_STREAM, "-", "+", 1)
            both.xrevrange(EVENT_STREAM, "+", "-", 1)
            first, last = await both.execute()
        return (first[0][0] if first else None), (last[0][0] if last else None)


def order(position: str) -> Position:
    """Positions as they follow each other. Raises InvalidInput for what is none."""
    parts = _POSITION.fullmatch(position)
    if parts is None:
        raise InvalidInput.one(
            "This is no id of an event; take the one that came with the last event.", "resumeAfter"
        )
    return int(parts[1]), int(parts[2])


def lost() -> GraphQLError:
    told = "What happened since that event is no longer kept in full. Read the records again, then subscribe anew."
    return GraphQLError(told, extensions={"code": "EVENTS_LOST"})


def _kept(chunk: list[Any]) -> Iterator[Kept]:
    for position, entry in chunk:
        yield Kept(position, entry.get("topics", "").split(), entry.get("message", ""))
