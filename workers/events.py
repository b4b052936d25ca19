"""Carries events upwards: to the rooms that subscribe in this process, then to all who listen in Redis.

Redis keeps the last events in a stream as well, so that a subscription whose connection was lost can go on from the
last one it heard.

A subscriber runs inside the transaction that marks the event's job done, so its effects happen exactly once.
The broadcast is the last step before that commit: it reaches listeners at least once (again, with the same `id`,
when the commit fails), and never before the change it tells of is committed, for the job was committed with it.
A failed broadcast fails the job, which is tried again.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson

from crm.kernel.events import CHANNEL, EVENT_STREAM, JOB_KIND, Event, restore
from crm.kernel.ids import Kind, encode
from crm.kernel.jobs import Claim
from crm.kernel.settings import settings
from workers.doorbell import redis
from workers.registry import job

# Kept and told in one step: whoever hears nothing can look for it afterwards, and finds it in the same order.
_PUBLISH = """
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'topics', ARGV[3], 'message', ARGV[4])
for topic in string.gmatch(ARGV[3], '%S+') do
  redis.call('PUBLISH', ARGV[1] .. topic, id .. ' ' .. ARGV[4])
end
return id
"""

E = TypeVar("E", bound=Event)
Subscriber = Callable[[E], Awaitable[None]]

_subscribers: dict[type[Event], list[Subscriber[Any]]] = {}


def on(event_type: type[E]) -> Callable[[Subscriber[E]], Subscriber[E]]:
    """Register the decorated function for one type of event.

    It joins the open transaction, must be quick, and promises slow work with `enqueue`.
    """

    def register(subscriber: Subscriber[E]) -> Subscriber[E]:
        _subscribers.setdefault(event_type, []).append(subscriber)
        return subscriber

    return register


@job(JOB_KIND)
async def announce(payload: dict[str, Any], claim: Claim) -> None:
    event = restore(payload)
    for subscriber in _subscribers.get(type(event), ()):
        await subscriber(event)
    message = orjson.dumps(
        {"type": payload["type"], "data": payload["data"], "id": encode(Kind.JOB, claim.job_id)}
    )
    if topics := event.topics():
        values: list[str | int | bytes] = [CHANNEL, settings().event_history, " ".join(topics), message]
        await redis().register_script(_PUBLISH)(keys=[EVENT_STREAM], args=values)
