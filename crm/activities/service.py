"""Logging what was done with and for customers."""

from typing import Any
from uuid import UUID

from crm.activities.errors import LoggedByKith
from crm.activities.events import ActivityLogged
from crm.activities.models import Activity, ActivityType
from crm.activities.queries import visible_to
from crm.activities.rules import BY_HAND, FIELDS, duration_problems
from crm.audit import service as audit
from crm.contacts.models import Contact
from crm.customers.access import customer_to_edit
from crm.customers.models import Customer
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.errors import NotFound, VersionConflict
from crm.kernel.events import emit
from crm.kernel.fields import absent, clean, refuse
from crm.kernel.ids import Kind, uuid7
from crm.kernel.transaction import transaction


async def log_activity(
    customer_id: UUID, values: dict[str, Any], *, contact_id: UUID | None = None, actor: Actor
) -> Activity:
    """Logs a call, e-mail, meeting, note or task. Without `occurred_at` it happened now.

    Raises NotFound, Forbidden or InvalidInput.
    """
    async with transaction():
        customer = await customer_to_edit(customer_id, actor=actor, path="customerId")
        await _contact_of(customer, contact_id)
        cleaned, problems = clean({"occurred_at": now()} | values, FIELDS)
        problems += duration_problems(cleaned.get("type"), cleaned.get("duration_minutes"))
        refuse([*absent(cleaned, {k: v for k, v in FIELDS.items() if k not in values}), *problems])
        activity = await Activity.create(
            id=uuid7(), customer_id=customer.id, contact_id=contact_id, user_id=actor.user_id, **cleaned
        )
        await _told(activity, customer, {}, cleaned, "log_activity", actor)
        return activity


async def update_activity(
    activity_id: UUID, values: dict[str, Any], *, expected_version: int | None, actor: Actor
) -> Activity:
    """Changes the fields in `values`, `contact_id` among them; None empties one, and what is so already is no change.

    Raises NotFound, Forbidden, VersionConflict, InvalidInput or LoggedByKith.
    """
    async with transaction():
        activity, customer = await _activity_to_edit(activity_id, actor)
        if expected_version not in {None, activity.version}:
            raise VersionConflict(Kind.ACTIVITY, activity.id, activity.version)
        changed = {"contact_id": values.pop("contact_id")} if "contact_id" in values else {}
        await _contact_of(customer, changed.get("contact_id"))
        cleaned, problems = clean(values, FIELDS)
        kind, minutes = (
            cleaned.get("type", activity.type),
            cleaned.get("duration_minutes", activity.duration_minutes),
        )
        refuse([*problems, *duration_problems(kind, minutes)])
        changed = {
            name: value for name, value in (changed | cleaned).items() if value != getattr(activity, name)
        }
        if not changed:
            return activity
        before = {name: getattr(activity, name) for name in changed}
        activity.update_from_dict(changed)
        activity.version += 1
        activity.updated_at = now()
        await activity.save()
        await _told(activity, customer, before, changed, "update_activity", actor)
        return activity


async def delete_activity(activity_id: UUID, *, actor: Actor) -> Activity:
    """Deletes for good. Raises NotFound, Forbidden or LoggedByKith."""
    async with transaction():
        activity, customer = await _activity_to_edit(activity_id, actor)
        await activity.delete()
        gone = {name: getattr(activity, name) for name in FIELDS}
        await _told(activity, customer, gone, {}, "delete_activity", actor)
        return activity


async def log_sent_invoice(
    customer: Customer, *, invoice_id: UUID, title: str, description: str, actor: Actor
) -> Activity:
    """The e-mail a sent invoice logs by itself (DOMAIN §4). The caller, a higher room, has checked access."""
    async with transaction():
        logged: dict[str, Any] = {
            "type": ActivityType.EMAIL,
            "title": title,
            "description": description,
            "occurred_at": now(),
            "invoice_id": invoice_id,
        }
        activity = await Activity.create(id=uuid7(), customer_id=customer.id, user_id=actor.user_id, **logged)
        await _told(activity, customer, {}, logged, "log_activity", actor)
        return activity


async def _activity_to_edit(activity_id: UUID, actor: Actor) -> tuple[Activity, Customer]:
    """The activity and its customer, both locked."""
    seen = await visible_to(actor).get_or_none(id=activity_id)
    if seen is None:
        raise NotFound(Kind.ACTIVITY, "id")
    customer = await customer_to_edit(seen.customer_id, actor=actor)
    activity = await Activity.filter(id=activity_id).select_for_update().get_or_none()
    if activity is None:
        raise NotFound(Kind.ACTIVITY, "id")
    if activity.invoice_id is not None or activity.type not in BY_HAND:
        raise LoggedByKith
    return activity, customer


async def _contact_of(customer: Customer, contact_id: UUID | None) -> None:
    """Raises NotFound unless the contact, if any, is one of the customer's."""
    if contact_id is not None and not await Contact.filter(id=contact_id, customer_id=customer.id).exists():
        raise NotFound(Kind.CONTACT, "contactId")


async def _told(
    activity: Activity,
    customer: Customer,
    before: dict[str, Any],
    after: dict[str, Any],
    action: str,
    actor: Actor,
) -> None:
    kinds = {"invoice_id": Kind.INVOICE, "contact_id": Kind.CONTACT}
    await audit.record(
        actor=actor,
        subject_kind=Kind.ACTIVITY,
        subject_id=activity.id,
        customer_id=customer.id,
        unit_id=customer.unit_id,
        action=action,
        changes=audit.diff(before, after, kinds),
    )
    await emit(
        ActivityLogged(
            activity_id=activity.id, customer_id=customer.id, unit_id=customer.unit_id, action=action
        )
    )
