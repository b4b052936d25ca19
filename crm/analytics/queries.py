"""Aggregates as un-awaited queries: the groups of exactly those records that the lists of the same filter show."""

from collections.abc import Mapping
from typing import Any

from tortoise.queryset import QuerySet, ValuesQuery

from crm.activities import queries as of_activities
from crm.analytics.expressions import Written, key, place, statistics
from crm.analytics.rules import (
    ACTIVITIES,
    CUSTOMERS,
    INVOICES,
    Order,
    Subject,
    Wanted,
    is_key,
    key_column,
    problems,
)
from crm.customers import queries as of_customers
from crm.invoices import queries as of_invoices
from crm.kernel.actor import Actor
from crm.kernel.errors import InvalidInput

Groups = ValuesQuery[Any]
"""Rows with a column for each key (`key_column`), the count and each measure's statistics (`measure_column`)."""

Rule = Mapping[str, Any]


def customers(actor: Actor, wanted: Wanted, *, rule: Rule | None = None, search: str | None = None) -> Groups:
    """Groups of customers; archived ones count only if the filter speaks of them. Raises InvalidInput."""
    found = of_customers.list_customers(actor, rule=rule, search=search, order=("id",))
    return _grouped(found, CUSTOMERS, wanted)


def invoices(actor: Actor, wanted: Wanted, *, rule: Rule | None = None, search: str | None = None) -> Groups:
    """Groups of invoices, drafts and voided ones included. Raises InvalidInput."""
    found = of_invoices.listed(of_invoices.visible_to(actor), rule=rule, search=search)
    return _grouped(found, INVOICES, wanted)


def activities(
    actor: Actor, wanted: Wanted, *, rule: Rule | None = None, search: str | None = None
) -> Groups:
    """Groups of activities. Raises InvalidInput."""
    found = of_activities.timeline(of_activities.visible_to(actor), rule=rule, search=search)
    return _grouped(found, ACTIVITIES, wanted)


def _grouped(records: QuerySet[Any], subject: Subject, wanted: Wanted) -> Groups:
    """Keys are grouped by through their names: a time zone that is bound twice would be two expressions."""
    if wrong := tuple(problems(subject, wanted)):
        raise InvalidInput(wrong)
    keys = {
        key_column(each.field): key(subject.dimensions[each.field], each.bucket, wanted.time_zone)
        for each in wanted.groupings
    }
    columns = keys | statistics(subject.measures)
    sorting = _Sorting(subject, wanted, columns)
    annotated = records.order_by().annotate(**columns, **sorting.beside)
    ordered = annotated.group_by(*keys).order_by(*sorting.order).limit(wanted.first)
    return ordered.values(*columns)


class _Sorting:
    """`order` is for `order_by`; `beside` are the expressions in it that are no columns of the answer.

    At last the keys themselves decide, so that the order is the same each time.
    """

    def __init__(self, subject: Subject, wanted: Wanted, columns: Mapping[str, Written]) -> None:
        self.order: list[str] = []
        self.beside: dict[str, Written] = {}
        fields = {key_column(each.field): each.field for each in wanted.groupings}
        for each in wanted.orders or [Order(name) for name in fields]:
            if is_key(each.column):
                self._expression(place(subject.dimensions[fields[each.column]]), descending=each.descending)
            else:  # a group without a value is neither the largest nor the smallest
                self._expression(columns[each.column].around("({}) is null"), descending=False)
            self._column(each.column, descending=each.descending)
        self.order += fields

    def _expression(self, expression: Written | None, *, descending: bool) -> None:
        if expression is not None:
            name = f"sorted_{len(self.beside)}"
            self.beside[name] = expression
            self._column(name, descending=descending)

    def _column(self, name: str, *, descending: bool) -> None:
        self.order.append(f"-{name}" if descending else name)
