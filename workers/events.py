"""Carries events upwards: to the rooms that subscribe in this process, then to all who listen in Redis.

A subscriber runs inside the transaction that marks the event's job done, so its effects happen exactly once.
The broadcast is the last step before that commit: it reaches listeners at least once (again, with the same `id`,
when the commit fails), and never before the change it tells of is committed, for the job was committed with it.
A failed broadcast fails the job, which is tried again.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson

from crm.kernel.events import JOB_KIND, Event, restore
from crm.kernel.ids import Kind, encode
from crm.kernel.jobs import Claim
from workers.doorbell import redis
from workers.registry import job

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
    for topic in event.topics():
        await redis().publish(channel(topic), message)


def channel(topic: str) -> str:
    """Return the Redis pub/sub channel of an event's topic."""
    return f"kith:{topic}"
