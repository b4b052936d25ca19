"""What happened to activities."""

from dataclasses import dataclass
from uuid import UUID

from crm.kernel.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityLogged(Event):
    """An activity was logged, changed or deleted."""

    activity_id: UUID
    customer_id: UUID
    unit_id: UUID
    action: str

    def topics(self) -> tuple[str, ...]:
        return (f"customer:{self.customer_id.hex}", f"activities:{self.unit_id.hex}")
