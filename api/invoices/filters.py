"""The filter and the orders of a list of invoices, as inputs. `crm.invoices.filters` is what they mirror."""

from enum import StrEnum
from typing import Any

import strawberry
from strawberry import UNSET

from api.customers.filters import InvoiceStateFilter
from api.enums import describe
from api.filters import (
    BooleanFilter,
    DateFilter,
    DateTimeFilter,
    DecimalFilter,
    Direction,
    IdFilter,
    TextFilter,
)
from api.invoices import enums as _enums  # noqa: F401  declares the enums


def _on(description: str, name: str | None = None) -> Any:
    return strawberry.field(default=UNSET, description=description, name=name)


@strawberry.input(description="Conditions on invoices; all that are given hold together.")
class InvoiceFilter:
    and_: list["InvoiceFilter"] | None = _on("All of these hold.", "and")
    or_: list["InvoiceFilter"] | None = _on("At least one of these holds.", "or")
    not_: "InvoiceFilter | None" = _on("This does not hold.", "not")
    state: InvoiceStateFilter | None = _on("What it has come to.")
    customer: IdFilter | None = _on("Who is billed.")
    legal_entity: IdFilter | None = _on("Who issues it.")
    invoice_type: IdFilter | None = _on("What kind of invoice it is.")
    number: TextFilter | None = _on("Its number.")
    customer_reference: TextFilter | None = _on("The customer's own reference.")
    currency: TextFilter | None = _on("Its currency, ISO 4217.")
    issue_date: DateFilter | None = _on("Day of issue.")
    due_date: DateFilter | None = _on("By when to pay.")
    net: DecimalFilter | None = _on("Total before tax, whatever the currency.")
    tax: DecimalFilter | None = _on("Total tax, whatever the currency.")
    gross: DecimalFilter | None = _on("Total with tax, whatever the currency.")
    paid: DecimalFilter | None = _on("What was paid so far, whatever the currency.")
    due: DecimalFilter | None = _on("What is left to pay, whatever the currency.")
    is_overdue: BooleanFilter | None = _on("Whether it should have been paid by now.")
    created_at: DateTimeFilter | None = _on("When it was created.")
    sent_at: DateTimeFilter | None = _on("When it was issued.")
    paid_at: DateTimeFilter | None = _on("When it was recorded as fully paid.")


class InvoiceOrderField(StrEnum):
    NUMBER = "NUMBER"
    STATE = "STATE"
    ISSUE_DATE = "ISSUE_DATE"
    DUE_DATE = "DUE_DATE"
    NET = "NET"
    GROSS = "GROSS"
    DUE = "DUE"
    CREATED_AT = "CREATED_AT"
    UPDATED_AT = "UPDATED_AT"


describe(
    InvoiceOrderField,
    description="What invoices can be sorted by.",
    values={
        "NUMBER": "Its number, as text.",
        "STATE": "Its state, by name.",
        "ISSUE_DATE": "Day of issue.",
        "DUE_DATE": "By when to pay.",
        "NET": "Total before tax, whatever the currency.",
        "GROSS": "Total with tax, whatever the currency.",
        "DUE": "What is left to pay, whatever the currency.",
        "CREATED_AT": "When it was created.",
        "UPDATED_AT": "When it was last changed.",
    },
)

ORDER_COLUMNS = {
    InvoiceOrderField.NUMBER: "number",
    InvoiceOrderField.STATE: "state",
    InvoiceOrderField.ISSUE_DATE: "issue_date",
    InvoiceOrderField.DUE_DATE: "due_date",
    InvoiceOrderField.NET: "net_total",
    InvoiceOrderField.GROSS: "gross_total",
    InvoiceOrderField.DUE: "due_total",
    InvoiceOrderField.CREATED_AT: "created_at",
    InvoiceOrderField.UPDATED_AT: "updated_at",
}


@strawberry.input(description="One part of the order of a list of invoices.")
class InvoiceOrder:
    field: InvoiceOrderField = strawberry.field(description="What to sort by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which way.")
