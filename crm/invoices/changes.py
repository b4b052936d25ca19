"""How changes of invoices are told: to the history, and to all who listen."""

from collections.abc import Iterable, Mapping
from typing import Any

from crm.audit import service as audit
from crm.customers.models import Customer
from crm.invoices.events import InvoiceChanged, LegalEntityChanged
from crm.invoices.models import Invoice, LegalEntity
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.errors import VersionConflict
from crm.kernel.events import emit
from crm.kernel.ids import Kind

_KINDS = {
    "customer_id": Kind.CUSTOMER,
    "legal_entity_id": Kind.LEGAL_ENTITY,
    "invoice_type_id": Kind.PICK_LIST_ITEM,
    "duplicate_of_id": Kind.INVOICE,
}


async def told(
    invoice: Invoice,
    customer: Customer,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    action: str,
    actor: Actor,
) -> None:
    """Record and announce what a service did to an invoice; within its transaction."""
    await audit.record(
        actor=actor,
        subject_kind=Kind.INVOICE,
        subject_id=invoice.id,
        customer_id=customer.id,
        unit_id=customer.unit_id,
        action=action,
        changes=audit.diff(before, after, _KINDS),
    )
    await emit(
        InvoiceChanged(
            invoice_id=invoice.id, customer_id=customer.id, unit_id=customer.unit_id, action=action
        )
    )


async def entity_told(
    entity: LegalEntity, before: Mapping[str, Any], after: Mapping[str, Any], action: str, actor: Actor
) -> None:
    """Record and announce a change of a legal entity; only admins see its history."""
    await audit.record(
        actor=actor,
        subject_kind=Kind.LEGAL_ENTITY,
        subject_id=entity.id,
        action=action,
        changes=audit.diff(before, after),
    )
    await emit(LegalEntityChanged(legal_entity_id=entity.id, action=action))


async def save(row: Invoice | LegalEntity, *changed: str) -> None:
    """Write the named columns, with the next version and the time."""
    row.version += 1
    row.updated_at = now()
    await row.save(update_fields=[*changed, "version", "updated_at"])


def snapshot(row: Invoice | LegalEntity, names: Iterable[str]) -> dict[str, Any]:
    """The present values of these columns, for the history's before and after."""
    return {name: getattr(row, name) for name in names}


def check_version(kind: Kind, row: Invoice | LegalEntity, expected: int | None) -> None:
    """Raises VersionConflict when the row has changed since the caller read it."""
    if expected not in {None, row.version}:
        raise VersionConflict(kind, row.id, row.version)
