"""What happened to customers."""

from dataclasses import dataclass, field
from uuid import UUID

from crm.kernel.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerChanged(Event):
    """A customer was created, changed, archived, restored or deleted.

    `action` is the service's name for it, `fields` the model's names of what changed. After a move `unit_id`
    is the new unit.
    """

    customer_id: UUID
    unit_id: UUID
    action: str
    fields: list[str] = field(default_factory=list)

    def topics(self) -> tuple[str, ...]:
        return (customer_topic(self.customer_id), unit_topic(self.unit_id), CUSTOMERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerSettingsChanged(Event):
    """A pick list or the list of required fields changed; `what` says which."""

    what: str

    def topics(self) -> tuple[str, ...]:
        return ("customer-settings",)


CUSTOMERS = "customers"
"""The topic of changes to any customer."""


def customer_topic(customer_id: UUID) -> str:
    """Where changes to one customer, its contacts and invoices are told."""
    return f"customer:{customer_id.hex}"


def unit_topic(unit_id: UUID) -> str:
    """Where changes to the customers of one unit are told."""
    return f"customers:{unit_id.hex}"
