"""Keeps dynamic segments true: after each change, when asked, and every night."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from crm.activities.events import ActivityLogged
from crm.contacts.events import ContactChanged
from crm.customers.events import CustomerChanged
from crm.imports.events import CustomersImported
from crm.invoices.events import InvoiceChanged
from crm.kernel.errors import InvalidInput
from crm.kernel.jobs import Claim, GiveUp
from crm.segments import evaluation, refresh
from crm.segments.events import SegmentMembershipChanged
from crm.segments.models import Segment
from workers.events import on
from workers.registry import job
from workers.schedule import DAY, schedule

NIGHTLY = "segments.nightly"


@on(CustomerChanged)
async def customer_changed(event: CustomerChanged) -> None:
    if event.action == "move_customer":
        await evaluation.promise_move(event.customer_id)
    elif event.action != "delete_customer":
        await evaluation.promise_evaluation(event.customer_id, event.unit_id)


@on(ContactChanged)
async def contact_changed(event: ContactChanged) -> None:
    await evaluation.promise_evaluation(event.customer_id, event.unit_id)


@on(ActivityLogged)
async def activity_logged(event: ActivityLogged) -> None:
    await evaluation.promise_evaluation(event.customer_id, event.unit_id)


@on(InvoiceChanged)
async def invoice_changed(event: InvoiceChanged) -> None:
    await evaluation.promise_evaluation(event.customer_id, event.unit_id)


@on(CustomersImported)
async def customers_imported(event: CustomersImported) -> None:
    """Thousands at once: each segment that may hold them is refreshed as a whole."""
    await refresh.promise_later(unit_id=event.unit_id)


@on(SegmentMembershipChanged)
async def membership_changed(event: SegmentMembershipChanged) -> None:
    await evaluation.promise_follow_up(event)


@job(evaluation.EVALUATE)
async def evaluate(payload: dict[str, Any], _claim: Claim) -> None:
    customer_ids = [UUID(each) for each in payload["customer_ids"]]
    if payload["moved"]:
        await evaluation.leave_former_units(customer_ids)
    await evaluation.evaluate(customer_ids)


@job(refresh.REFRESH)
async def refresh_one(payload: dict[str, Any], _claim: Claim) -> None:
    try:
        await refresh.refresh(UUID(payload["segment_id"]))
    except InvalidInput as error:
        raise GiveUp(f"The rule of this segment cannot be used: {error}") from error


@job(refresh.STALE)
async def stale(payload: dict[str, Any], _claim: Claim) -> None:
    if payload["unit_id"] is not None:
        await refresh.promise_refresh_in_unit(UUID(payload["unit_id"]))
    await refresh.promise_refresh(Segment.filter(id__in=[UUID(each) for each in payload["segment_ids"]]))


@job(NIGHTLY)
async def refresh_all(_payload: dict[str, Any], _claim: Claim) -> None:
    await refresh.promise_refresh(Segment.all())


schedule(NIGHTLY, every=DAY, at=timedelta(hours=2))
