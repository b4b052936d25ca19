"""Every read of customers: un-awaited QuerySets, already narrowed to what the actor may see."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from tortoise.expressions import Q
from tortoise.queryset import QuerySet, QuerySetSingle

from crm.customers import search as text_search
from crm.customers.filters import CUSTOMER_FILTERS, filters_for, speaks_of
from crm.customers.models import Customer, PickList, PickListItem, RequiredField
from crm.kernel.actor import Actor
from crm.kernel.filtering import FilterSet, compile_filter

DEFAULT_ORDER = ("sort_name", "id")


def visible_to(actor: Actor) -> QuerySet[Customer]:
    """Customers of the actor's units, archived ones included."""
    return Customer.filter(_visible(actor))


def _visible(actor: Actor) -> Q:
    return in_units(actor, "unit_id")


def in_units(actor: Actor, column: str = "customer__unit_id") -> Q:
    """The same narrowing for rows that belong to a customer."""
    units: Any = {f"{column}__in": list(actor.unit_ids)}
    return Q() if actor.sees_all_units else Q(**units)


def by_id(actor: Actor, customer_id: UUID) -> QuerySetSingle[Customer | None]:
    return visible_to(actor).get_or_none(id=customer_id)


def list_customers(
    actor: Actor,
    *,
    rule: Mapping[str, Any] | None = None,
    search: str | None = None,
    order: Sequence[str] | None = None,
) -> QuerySet[Customer]:
    """The customers a filter (CUSTOMER_FILTERS) and a text find; archived ones only if the filter speaks of them.

    Without an `order` (of `order_by`) a search lists the best first, anything else by name. Raises InvalidInput.
    """
    order = named_within(order or ())
    found = Customer.filter(_visible(actor), matching(rule, filters_for(actor)))
    if search is None or not search.strip():
        return found.order_by(*(order or DEFAULT_ORDER))
    return text_search.search(found, search, order)


def named_within(order: Sequence[str]) -> Sequence[str]:
    """An order by country alone goes on by name: so readers expect it, and `customer_country_name` serves it."""
    if len(order) == 1 and order[0].removeprefix("-") == "address_country":
        return (order[0], order[0].replace("address_country", "sort_name"))
    return order


def matching(rule: Mapping[str, Any] | None, filters: FilterSet = CUSTOMER_FILTERS) -> Q:
    """A customer filter, as dynamic segments keep it; archived customers match only where it speaks of them."""
    wanted = compile_filter(rule or {}, filters)
    return wanted if rule and speaks_of(rule, "archived") else wanted & Q(archived_at__isnull=True)


def pick_list(
    wanted: PickList, *, search: str | None = None, archived: bool = False
) -> QuerySet[PickListItem]:
    """The choices of a list in its order; archived ones only on request. Every user may see them."""
    items = PickListItem.filter(list=wanted)
    if not archived:
        items = items.filter(archived_at__isnull=True)
    if search and search.strip():
        items = items.filter(name__icontains=search.strip())
    return items.order_by("position", "name", "id")


def pick_list_item(actor: Actor, item_id: UUID) -> QuerySetSingle[PickListItem | None]:
    """Every user may see every choice."""
    del actor
    return PickListItem.get_or_none(id=item_id)


def required_fields() -> QuerySet[RequiredField]:
    """What admins require beyond the built-in fields."""
    return RequiredField.all().order_by("phase", "field")
