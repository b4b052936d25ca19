"""The members of static segments, added and removed by hand."""

from collections.abc import Sequence
from uuid import UUID

from crm.audit import service as audit
from crm.audit.service import Change, Entry, Json
from crm.customers import queries as customers
from crm.customers.errors import CustomerArchived
from crm.customers.models import Customer
from crm.kernel.actor import Actor
from crm.kernel.errors import InvalidInput, NotFound, Problem
from crm.kernel.ids import Kind, encode
from crm.kernel.transaction import transaction
from crm.segments.access import segment_to_change
from crm.segments.errors import SegmentIsDynamic
from crm.segments.membership import Move, write
from crm.segments.models import Segment, SegmentType
from crm.segments.rules import MAX_AT_ONCE


async def add_customers(segment_id: UUID, customer_ids: Sequence[UUID], *, actor: Actor) -> list[Move]:
    """Adds up to 1000 customers of the segment's unit. One that is in already stays as it is.

    Returns who entered. Raises NotFound (the segment; or a customer, by its index), Forbidden, SegmentArchived,
    SegmentIsDynamic or InvalidInput.
    """
    async with transaction():
        segment = await _static_segment(segment_id, actor)
        found = await _found(customer_ids, actor)
        _check(segment, [found[each] for each in customer_ids])
        return await _move(segment, list(found.values()), actor, entered=True)


async def remove_customers(segment_id: UUID, customer_ids: Sequence[UUID], *, actor: Actor) -> list[Move]:
    """Removes up to 1000 customers, archived ones too. One that is not in is no error.

    Returns who left. Raises as `add_customers`.
    """
    async with transaction():
        segment = await _static_segment(segment_id, actor)
        found = await _found(customer_ids, actor)
        return await _move(segment, list(found.values()), actor, entered=False)


async def _static_segment(segment_id: UUID, actor: Actor) -> Segment:
    segment = await segment_to_change(segment_id, actor=actor)
    if segment.type is SegmentType.DYNAMIC:
        raise SegmentIsDynamic
    return segment


async def _found(customer_ids: Sequence[UUID], actor: Actor) -> dict[UUID, Customer]:
    """The customers by their ids, each kept from moving to another unit until the transaction ends."""
    if not 1 <= len(customer_ids) <= MAX_AT_ONCE:
        message = f"Name from 1 to {MAX_AT_ONCE} customers, not {len(customer_ids)}."
        raise InvalidInput.one(message, "customerIds", code="OUT_OF_RANGE")
    wanted = customers.visible_to(actor).filter(id__in=set(customer_ids)).order_by("id")
    found = {each.id: each for each in await wanted.select_for_update(no_key=True)}
    for index, each in enumerate(customer_ids):
        if each not in found:
            raise NotFound(Kind.CUSTOMER, "customerIds", str(index))
    return found


def _check(segment: Segment, wanted: Sequence[Customer]) -> None:
    problems = [
        problem
        for index, customer in enumerate(wanted)
        for problem in _unfit(segment, customer, ("customerIds", str(index)))
    ]
    if problems:
        raise InvalidInput(problems)


def _unfit(segment: Segment, customer: Customer, path: tuple[str, ...]) -> list[Problem]:
    if customer.archived_at is not None:
        return [Problem(path, CustomerArchived.code, f"'{customer.name}' is archived. Restore it first.")]
    if segment.unit_id not in {None, customer.unit_id}:
        message = f"'{customer.name}' belongs to another business unit than this segment."
        return [Problem(path, "OTHER_UNIT", message)]
    return []


async def _move(segment: Segment, found: Sequence[Customer], actor: Actor, *, entered: bool) -> list[Move]:
    decided = [Move(segment.id, customer.id, entered) for customer in found]
    moves = await write(decided, added_by=actor.user_id)
    by_id = {customer.id: customer for customer in found}
    entries = [_entry(segment, by_id[move.customer_id], entered=entered) for move in moves]
    await audit.record_many(actor=actor, entries=entries)
    return moves


def _entry(segment: Segment, customer: Customer, *, entered: bool) -> Entry:
    """In the customer's history; of a segment over all units, which only admins see, in its own alone."""
    if segment.unit_id is None:
        customer_id, unit_id = None, None
        field, value = "customer", _named(Kind.CUSTOMER, customer)
    else:
        customer_id, unit_id = customer.id, customer.unit_id
        field, value = "segment", _named(Kind.SEGMENT, segment)
    return Entry(
        subject_kind=Kind.SEGMENT,
        subject_id=segment.id,
        customer_id=customer_id,
        unit_id=unit_id,
        action="add_to_segment" if entered else "remove_from_segment",
        changes=[Change(field, None, value) if entered else Change(field, value, None)],
    )


def _named(kind: Kind, row: Customer | Segment) -> Json:
    return {"id": encode(kind, row.id), "name": row.name}
