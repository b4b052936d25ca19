"""Every read of activities: un-awaited QuerySets, already narrowed to what the actor may see."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tortoise.queryset import QuerySet, QuerySetSingle

from crm.activities.filters import ACTIVITY_FILTERS
from crm.activities.models import Activity
from crm.customers.queries import in_units
from crm.kernel.actor import Actor
from crm.kernel.filtering import compile_filter
from crm.kernel.search import contains_words


def visible_to(actor: Actor) -> QuerySet[Activity]:
    """Activities with customers in the actor's units."""
    return Activity.filter(in_units(actor))


def by_id(actor: Actor, activity_id: UUID) -> QuerySetSingle[Activity | None]:
    return visible_to(actor).get_or_none(id=activity_id)


def timeline(
    activities: QuerySet[Activity], *, rule: Mapping[str, Any] | None = None, search: str | None = None
) -> QuerySet[Activity]:
    """Newest first (DOMAIN §4), narrowed by the filter and by words in title or description."""
    if rule:
        activities = activities.filter(compile_filter(rule, ACTIVITY_FILTERS))
    if search and search.strip():
        activities = activities.filter(contains_words(search))
    return activities.order_by("-occurred_at", "-id")
