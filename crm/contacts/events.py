"""What happened to contacts."""

from dataclasses import dataclass
from uuid import UUID

from crm.kernel.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactChanged(Event):
    """A contact was created, changed, made primary or deleted; it concerns its customer as well."""

    contact_id: UUID
    customer_id: UUID
    unit_id: UUID
    action: str

    def topics(self) -> tuple[str, ...]:
        return (f"customer:{self.customer_id.hex}", f"customers:{self.unit_id.hex}")
