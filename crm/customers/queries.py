"""Every read of customers: un-awaited QuerySets, already narrowed to what the actor may see."""

from typing import Any
from uuid import UUID

from tortoise.expressions import Q
from tortoise.queryset import QuerySet, QuerySetSingle

from crm.customers.models import Customer
from crm.kernel.actor import Actor


def visible_to(actor: Actor) -> QuerySet[Customer]:
    """Customers of the actor's units, archived ones included."""
    return Customer.all() if actor.sees_all_units else Customer.filter(unit_id__in=list(actor.unit_ids))


def in_units(actor: Actor, column: str = "customer__unit_id") -> Q:
    """The same narrowing for rows that belong to a customer."""
    units: Any = {f"{column}__in": list(actor.unit_ids)}
    return Q() if actor.sees_all_units else Q(**units)


def by_id(actor: Actor, customer_id: UUID) -> QuerySetSingle[Customer | None]:
    return visible_to(actor).get_or_none(id=customer_id)
