"""What happened to imports, and by them."""

from dataclasses import dataclass
from uuid import UUID

from crm.customers.events import CUSTOMERS, unit_topic
from crm.kernel.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportProgressed(Event):
    """An import changed its state or came further."""

    import_id: UUID
    state: str

    def topics(self) -> tuple[str, ...]:
        return (import_topic(self.import_id),)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomersImported(Event):
    """A chunk of an import was committed: this many customers of the unit are new or changed."""

    import_id: UUID
    unit_id: UUID
    created: int
    updated: int

    def topics(self) -> tuple[str, ...]:
        return (unit_topic(self.unit_id), CUSTOMERS)


def import_topic(import_id: UUID) -> str:
    """Where the progress of one import is told."""
    return f"import:{import_id.hex}"
