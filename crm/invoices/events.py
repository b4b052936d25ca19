"""What happened to invoices and to those who issue them."""

from dataclasses import dataclass
from uuid import UUID

from crm.kernel.events import Event

INVOICES = "invoices"
"""The topic of changes to any invoice."""


def invoice_topic(invoice_id: UUID) -> str:
    """Where changes to one invoice are told."""
    return f"invoice:{invoice_id.hex}"


def unit_topic(unit_id: UUID) -> str:
    """Where changes to the invoices of one unit's customers are told."""
    return f"invoices:{unit_id.hex}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceChanged(Event):
    """An invoice was created, changed, deleted, sent, delivered or not, paid or voided; `action` says which."""

    invoice_id: UUID
    customer_id: UUID
    unit_id: UUID
    action: str

    def topics(self) -> tuple[str, ...]:
        customer = f"customer:{self.customer_id.hex}"
        return (invoice_topic(self.invoice_id), customer, unit_topic(self.unit_id), INVOICES)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalEntityChanged(Event):
    """A legal entity, its numbering, its logo or one of its e-mail templates changed."""

    legal_entity_id: UUID
    action: str

    def topics(self) -> tuple[str, ...]:
        return (f"legal-entity:{self.legal_entity_id.hex}",)
