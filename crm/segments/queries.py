"""Every read of segments: un-awaited QuerySets, already narrowed to what the actor may see."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from tortoise.expressions import F, Q, Subquery
from tortoise.queryset import QuerySet, QuerySetSingle

from crm.customers import queries as customers
from crm.customers.filters import CUSTOMER_FILTERS, filters_for
from crm.customers.models import Customer
from crm.kernel.actor import Actor
from crm.kernel.errors import InvalidInput, Problem
from crm.kernel.filtering import FilterSet, compile_filter
from crm.kernel.search import contains_words
from crm.segments.models import Segment, SegmentMembership, SegmentType
from crm.segments.rules import unnamed

Rule = Mapping[str, Any]

# A customer that moved to another unit is not shown in the segments of the one it left, nor they with it.
# An F() joins nothing by itself: the last condition brings the customer in.
_SAME_UNIT = Q(
    Q(segment__unit_id__isnull=True) | Q(segment__unit_id=F("customer__unit_id")),
    Q(customer__id__isnull=False),
)


def visible_to(actor: Actor) -> QuerySet[Segment]:
    """Segments of the actor's units, archived ones included; those over all units are for admins."""
    return Segment.all() if actor.sees_all_units else Segment.filter(unit_id__in=list(actor.unit_ids))


def by_id(actor: Actor, segment_id: UUID) -> QuerySetSingle[Segment | None]:
    return visible_to(actor).get_or_none(id=segment_id)


def membership_by_id(actor: Actor, membership_id: UUID) -> QuerySetSingle[SegmentMembership | None]:
    found = SegmentMembership.filter(_SAME_UNIT)
    if not actor.sees_all_units:
        found = found.filter(segment__unit_id__in=list(actor.unit_ids))
    return found.get_or_none(id=membership_id)


def listed(
    segments: QuerySet[Segment],
    *,
    kind: SegmentType | None = None,
    search: str | None = None,
    archived: bool = False,
) -> QuerySet[Segment]:
    """By name; `search` by words of name or description. Archived ones alone, or left out."""
    found = segments.filter(archived_at__isnull=not archived)
    if kind is not None:
        found = found.filter(type=kind)
    if search and search.strip():
        found = found.filter(contains_words(search))
    return found.order_by("name", "id")


def members_of(segment_id: UUID) -> QuerySet[Customer]:
    """The customers in a segment now, archived ones left out. The caller has checked that it is visible."""
    inside = _stays(current=True).filter(segment_id=segment_id).values("customer_id")
    return Customer.filter(id__in=Subquery(inside), archived_at__isnull=True)


def memberships_of(segment_id: UUID, *, current: bool = True) -> QuerySet[SegmentMembership]:
    """Who is in a segment, or was at any time, latest arrival first. The caller has checked that it is visible."""
    return _stays(current=current).filter(segment_id=segment_id).order_by("-entered_at", "-id")


def memberships_of_customer(customer_id: UUID, *, current: bool = True) -> QuerySet[SegmentMembership]:
    """The segments of its unit a customer is in, or was at any time, latest first; archived segments left out.

    The caller has checked that the customer is visible. Segments over all units are for admins, who see them
    from the segment's side.
    """
    inside = _stays(current=current).filter(customer_id=customer_id, segment__unit_id__isnull=False)
    return inside.filter(segment__archived_at__isnull=True).order_by("-entered_at", "-id")


def segments_of_customer(customer_id: UUID) -> QuerySet[Segment]:
    """The segments of its unit a customer is in now, by name; as `memberships_of_customer`."""
    inside = memberships_of_customer(customer_id).order_by().values("segment_id")
    return Segment.filter(id__in=Subquery(inside)).order_by("name", "id")


def matching(
    rule: Rule, *, unit_id: UUID | None, among: Collection[UUID] | None = None
) -> QuerySet[Customer]:
    """The customers a rule wants: of one unit or, for None, of all; never archived ones.

    `among` narrows it to these customers, related records included, so that nothing else is looked at.
    Raises InvalidInput naming every wrong part of the rule.
    """
    filters = CUSTOMER_FILTERS if among is None else _narrowed(CUSTOMER_FILTERS, among)
    found = Customer.filter(_compiled(rule, filters), archived_at__isnull=True)
    if unit_id is not None:
        found = found.filter(unit_id=unit_id)
    return found if among is None else found.filter(id__in=list(among))


def preview(rule: Rule, *, unit_id: UUID | None, actor: Actor) -> QuerySet[Customer]:
    """Whom a segment with this rule would have: in the unit, or in all the actor reaches. Raises InvalidInput."""
    wanted = _compiled(rule, filters_for(actor))
    found = customers.visible_to(actor).filter(wanted, archived_at__isnull=True)
    return (found if unit_id is None else found.filter(unit_id=unit_id)).order_by("name", "id")


def _compiled(rule: Rule, filters: FilterSet) -> Q:
    """The Q of a rule. Raises InvalidInput naming every wrong part, with paths that begin with `rule`."""
    try:
        return compile_filter(rule, filters)
    except InvalidInput as error:
        problems = [Problem(("rule", *each.path[1:]), each.code, each.message) for each in error.problems]
        raise InvalidInput(problems) from None


def rule_problems(rule: Rule | None) -> list[Problem]:
    """Everything wrong with a rule."""
    if rule is None:
        return [Problem(("rule",), "REQUIRED", "A dynamic segment has a rule: say whom it wants.")]
    try:
        _compiled(rule, CUSTOMER_FILTERS)
    except InvalidInput as error:
        return list(error.problems)
    return unnamed(rule)


def _narrowed(filters: FilterSet, among: Collection[UUID]) -> FilterSet:
    """The same filters over the related records of these customers only: `none` and `every` would read them all."""
    relations = {
        name: replace(each, where={**each.where, f"{each.key}__in": list(among)})
        for name, each in filters.relations.items()
    }
    return replace(filters, relations=relations)


def _stays(*, current: bool) -> QuerySet[SegmentMembership]:
    stays = SegmentMembership.filter(_SAME_UNIT)
    return stays.filter(left_at__isnull=True) if current else stays
