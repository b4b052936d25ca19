"""Reading history, newest first. The functions return un-awaited QuerySets."""

from uuid import UUID

from tortoise.expressions import F
from tortoise.queryset import QuerySet

from crm.audit.models import HistoryEntry
from crm.kernel.actor import Actor
from crm.kernel.ids import Kind


def visible_to(actor: Actor) -> QuerySet[HistoryEntry]:
    """Entries of the actor's units; all of them for an admin, who alone sees those of no unit."""
    entries = _newest_first()
    return entries if actor.sees_all_units else entries.filter(unit_id__in=list(actor.unit_ids))


def history_of_customer(customer_id: UUID, unit_id: UUID) -> QuerySet[HistoryEntry]:
    """What happened to a customer, its contacts and invoices in the unit it is in. The caller has checked that it is visible.

    What happened in another unit, before it moved, stays with those who reach that unit: as in `visible_to`.
    """
    return _newest_first().filter(customer_id=customer_id, unit_id=unit_id)


def history_of_subject(kind: Kind, subject_id: UUID, unit_id: UUID) -> QuerySet[HistoryEntry]:
    """What happened to one record that belongs to a customer; as `history_of_customer`."""
    entries = _newest_first().filter(subject_id=subject_id, subject_kind=kind.value, unit_id=unit_id)
    return entries.exclude(customer_id=F("subject_id"))  # as `history_subject` has it


def _newest_first() -> QuerySet[HistoryEntry]:
    return HistoryEntry.all().order_by("-created_at", "-id")
