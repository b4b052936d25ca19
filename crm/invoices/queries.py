"""Every read of invoices: un-awaited QuerySets, already narrowed to what the actor may see."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tortoise.expressions import Q, Subquery
from tortoise.queryset import QuerySet, QuerySetSingle

from crm.customers import search as customer_search
from crm.customers.models import Customer
from crm.customers.queries import in_units
from crm.invoices.filters import INVOICE_FILTERS
from crm.invoices.models import (
    Delivery,
    EmailTemplate,
    Invoice,
    InvoiceLine,
    LegalEntity,
    NumberSeries,
    Payment,
)
from crm.invoices.views import CustomerBalance
from crm.kernel.actor import Actor
from crm.kernel.filtering import compile_filter
from crm.kernel.search import contains_words


def visible_to(actor: Actor) -> QuerySet[Invoice]:
    """Invoices of customers in the actor's units."""
    return Invoice.filter(in_units(actor))


def by_id(actor: Actor, invoice_id: UUID) -> QuerySetSingle[Invoice | None]:
    return visible_to(actor).get_or_none(id=invoice_id)


def listed(
    invoices: QuerySet[Invoice], *, rule: Mapping[str, Any] | None = None, search: str | None = None
) -> QuerySet[Invoice]:
    """Narrowed by the shared filter, and by words in number, customer's reference or customer's name."""
    if rule:
        invoices = invoices.filter(compile_filter(rule, INVOICE_FILTERS))
    if search and search.strip():
        named = Subquery(Customer.filter(customer_search.named(search)).values("id"))
        invoices = invoices.filter(Q(contains_words(search), Q(customer_id__in=named), join_type=Q.OR))
    return invoices


NEWEST_FIRST = ("-created_at", "-id")


def of_customer(customer_id: UUID) -> QuerySet[Invoice]:
    """A customer's invoices, newest first. The caller has checked that the customer is visible."""
    return Invoice.filter(customer_id=customer_id).order_by(*NEWEST_FIRST)


def balances_of(customer_id: UUID) -> QuerySet[CustomerBalance]:
    """What a customer was invoiced and owes, by currency. The caller has checked that it is visible."""
    return CustomerBalance.filter(customer_id=customer_id).order_by("currency")


def lines_of(invoice: Invoice) -> QuerySet[InvoiceLine]:
    return invoice.lines.order_by("position")


def legal_entities(actor: Actor, *, archived: bool = False) -> QuerySet[LegalEntity]:
    """Legal entities belong to the whole organisation: all staff see them, archived ones only if asked."""
    del actor
    return LegalEntity.all() if archived else LegalEntity.filter(archived_at=None)


def legal_entity_by_id(actor: Actor, entity_id: UUID) -> QuerySetSingle[LegalEntity | None]:
    return legal_entities(actor, archived=True).get_or_none(id=entity_id)


def number_series_by_id(actor: Actor, series_id: UUID) -> QuerySetSingle[NumberSeries | None]:
    del actor
    return NumberSeries.get_or_none(id=series_id)


def email_template_by_id(actor: Actor, template_id: UUID) -> QuerySetSingle[EmailTemplate | None]:
    del actor
    return EmailTemplate.get_or_none(id=template_id)


def line_by_id(actor: Actor, line_id: UUID) -> QuerySetSingle[InvoiceLine | None]:
    return InvoiceLine.filter(_reached(actor)).get_or_none(id=line_id)


def payment_by_id(actor: Actor, payment_id: UUID) -> QuerySetSingle[Payment | None]:
    return Payment.filter(_reached(actor)).get_or_none(id=payment_id)


def delivery_by_id(actor: Actor, delivery_id: UUID) -> QuerySetSingle[Delivery | None]:
    return Delivery.filter(_reached(actor)).get_or_none(id=delivery_id)


def _reached(actor: Actor) -> Q:
    """The narrowing of what hangs on an invoice."""
    return in_units(actor, "invoice__customer__unit_id")
