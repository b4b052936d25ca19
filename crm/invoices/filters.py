"""What a list of invoices can be filtered by."""

from typing import Any

from pypika_tortoise.queries import Table
from pypika_tortoise.terms import Criterion, CustomFunction
from tortoise.expressions import Q, ResolveContext
from tortoise.query_utils import QueryModifier

from crm.invoices.rules import InvoiceState
from crm.kernel.filtering import CURRENCY, FilterField, FilterSet, Operand, searched
from crm.kernel.ids import Kind

_now = CustomFunction("now")
_in_zone = CustomFunction("timezone", ["zone", "instant"])
_day = CustomFunction("date", ["instant"])


class _DueDayIsOver(Q):
    """`due_date` lies before today's date in the invoice's time zone, by the database's clock."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = {"due_date": True}  # type: ignore[dict-item]  # says what it is about; never looked up

    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        return QueryModifier(where_criterion=self._criterion(resolve_context.table))

    @staticmethod
    def _criterion(table: Table) -> Criterion:
        columns: Any = table
        criterion: Criterion = columns["due_date"] < _day(_in_zone(columns["time_zone"], _now()))
        return criterion


def overdue() -> Q:
    """Sent, past the due day where the issuer is, and something is left to pay (DOMAIN §8)."""
    return Q(state=InvoiceState.SENT, due_total__gt=0) & Q(_DueDayIsOver())


def _is_overdue(_operator: str, wanted: Any) -> Q:
    return overdue() if wanted else ~overdue()


INVOICE_FILTERS = FilterSet(
    {
        "state": FilterField(Operand.ENUM, "state", choices=InvoiceState),
        "customer": FilterField(Operand.ID, "customer_id", kind=Kind.CUSTOMER),
        "legalEntity": FilterField(Operand.ID, "legal_entity_id", kind=Kind.LEGAL_ENTITY),
        "invoiceType": FilterField(Operand.ID, "invoice_type_id", kind=Kind.PICK_LIST_ITEM),
        "number": searched("number"),
        "customerReference": searched("customer_reference"),
        "currency": CURRENCY,
        "issueDate": FilterField(Operand.DATE, "issue_date"),
        "dueDate": FilterField(Operand.DATE, "due_date"),
        "net": FilterField(Operand.NUMBER, "net_total"),
        "tax": FilterField(Operand.NUMBER, "tax_total"),
        "gross": FilterField(Operand.NUMBER, "gross_total"),
        "paid": FilterField(Operand.NUMBER, "paid_total"),
        "due": FilterField(Operand.NUMBER, "due_total"),
        "isOverdue": FilterField(Operand.FLAG, build=_is_overdue),
        "createdAt": FilterField(Operand.INSTANT, "created_at"),
        "sentAt": FilterField(Operand.INSTANT, "sent_at"),
        "paidAt": FilterField(Operand.INSTANT, "paid_at"),
    }
)
