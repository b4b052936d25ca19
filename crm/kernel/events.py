"""What happened, told upwards: a room emits an event, a worker carries it to those who care."""

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self
from uuid import UUID

from crm.kernel.outbox import enqueue

JOB_KIND = "event"
CHANNEL = "kith:"
"""Begins the name of the Redis channel of each topic."""
EVENT_STREAM = "kith:events"
"""The Redis stream of the last events of all topics, in the order they were told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events. Fields are ids, strings, numbers and lists of them: an event travels as JSON."""

    registry: ClassVar[dict[str, type["Event"]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super(Event, cls).__init_subclass__(**kwargs)
        Event.registry[cls.__name__] = cls

    def topics(self) -> tuple[str, ...]:
        """Where subscribers listen for it, such as `customer:<hex id>`."""
        return ()

    def to_json(self) -> dict[str, Any]:
        return {k: str(v) if isinstance(v, UUID) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        types = {f.name: f.type for f in fields(cls)}
        return cls(**{k: UUID(v) if types[k] is UUID else v for k, v in data.items()})


async def emit(event: Event) -> None:
    """Announces the event once the open transaction commits."""
    await enqueue(JOB_KIND, {"type": type(event).__name__, "data": event.to_json()})


def restore(payload: dict[str, Any]) -> Event:
    """The event of an outbox payload."""
    return Event.registry[payload["type"]].from_json(payload["data"])
