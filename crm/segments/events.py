"""What happened to segments."""

from dataclasses import dataclass, field
from uuid import UUID

from crm.kernel.events import Event

MAX_NAMED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentChanged(Event):
    """A segment was made, changed, archived, restored or deleted, or a refresh was asked for or moved nobody."""

    segment_id: UUID
    action: str

    def topics(self) -> tuple[str, ...]:
        return (segment_topic(self.segment_id),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentMembershipChanged(Event):
    """Customers entered or left. `customer_ids` are the uuids of up to 50 of them."""

    segment_id: UUID
    entered: int
    left: int
    customer_ids: list[str] = field(default_factory=list)

    def topics(self) -> tuple[str, ...]:
        return (segment_topic(self.segment_id),)

    @property
    def names_all(self) -> bool:
        """Whether `customer_ids` are all who moved."""
        return self.entered + self.left == len(self.customer_ids)


def segment_topic(segment_id: UUID) -> str:
    """Where changes to one segment and its members are told."""
    return f"segment:{segment_id.hex}"
