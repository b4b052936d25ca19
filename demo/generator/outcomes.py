"""Decides where each customer and each order's invoice stands on the last day."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import cycle

from demo.generator.inputs import ANCHOR, Inputs, days_ago, dealt, happens, stream
from demo.generator.orders import Ledger
from demo.records import (
    Customer,
    CustomerPlan,
    InvoiceOutcome,
    InvoicePlan,
    Order,
    Plan,
    PlannedPayment,
    Stage,
    Status,
)

_DRAFTS, _VOIDS = 48, 24  # 6 % and 3 % of the orders
_DRAFT_AGE, _VOID_AGE = 28, 29  # days: drafts are at most, voided invoices at least that old
_METHODS = {"BANK_TRANSFER": 80, "DIRECT_DEBIT": 14, "CARD": 6}
_VOID_REASONS = (
    "Billed twice for the same delivery",
    "Wrong delivery address, replaced by a new invoice",
    "Order cancelled before dispatch",
    "Prices of last year were used",
)
_BLOCKED_REASONS = (
    "Three invoices more than sixty days overdue",
    "Direct debits returned twice",
    "Insolvency proceedings announced",
)
_CHURN_REASONS = (
    "Changed to a local supplier with daily delivery",
    "Closed the business",
    "Sold to a chain that buys centrally",
    "Not satisfied with lead times",
)
_STANDINGS = {
    "LIVE": (Stage.LIVE, Status.ACTIVE, "Regular buyer"),
    "BLOCKED": (Stage.LIVE, Status.ACTIVE, "Watch payments"),
    "INACTIVE": (Stage.LIVE, Status.INACTIVE, "On pause"),
    "CHURNED": (Stage.LIVE, Status.CHURNED, "Left for a competitor"),
    "PROSPECT": (Stage.PROSPECT, Status.PROSPECT, "New enquiry"),
    "WARM_LEAD": (Stage.WARM_LEAD, Status.PROSPECT, "New enquiry"),
    "QUALIFIED": (Stage.QUALIFIED, Status.PROSPECT, "In talks"),
    "PROPOSAL": (Stage.PROPOSAL, Status.PROSPECT, "In talks"),
}
_SLOW = 32  # customers who pay weeks late
_BLOCKED_STOPS_PAYING = 200  # days before the last order
_FIRST_INSTALMENT = 8  # days after issue, at the earliest


def build_plan(inputs: Inputs, customers: dict[str, Customer], ledger: Ledger) -> Plan:
    return Plan(
        anchor=ANCHOR,
        customers=tuple(_customer_plans(inputs)),
        invoices=tuple(_invoice_plans(inputs, customers, ledger)),
    )


def _customer_plans(inputs: Inputs) -> Iterator[CustomerPlan]:
    """Reasons are dealt out in turn, so that each occurs before one comes back."""
    blocked, churned = cycle(_BLOCKED_REASONS), cycle(_CHURN_REASONS)
    for row in inputs.prospectuses:
        stage, status, label = _STANDINGS[row.standing]
        yield CustomerPlan(
            account_number=row.account_number,
            stage=stage,
            status=status,
            status_label=label,
            blocked_reason=next(blocked) if row.standing == "BLOCKED" else None,
            churn_reason=next(churned) if row.standing == "CHURNED" else None,
        )


def _invoice_plans(inputs: Inputs, customers: dict[str, Customer], ledger: Ledger) -> Iterator[InvoicePlan]:
    chance = stream("outcomes")
    standings = {row.account_number: row.standing for row in inputs.prospectuses}
    slow = set(chance.sample([number for number, standing in standings.items() if standing == "LIVE"], _SLOW))
    drafts = _some(ledger, _DRAFTS, chance, newest=0, oldest=_DRAFT_AGE)
    voids = _some(ledger, _VOIDS, chance, newest=_VOID_AGE, oldest=10_000)
    for order in ledger.orders:
        number = order.order_number
        if number in drafts:
            yield InvoicePlan(number, InvoiceOutcome.DRAFT)
        elif number in voids:
            reason = chance.choice(_VOID_REASONS)
            yield InvoicePlan(number, InvoiceOutcome.VOID, order.order_date, void_reason=reason)
        else:
            days = _days_late(order, standings[order.account_number], slow, chance)
            yield _issued(order, customers[order.account_number], days, chance)


def _some(ledger: Ledger, count: int, chance: random.Random, *, newest: int, oldest: int) -> set[str]:
    """Numbers of orders chosen from those between `newest` and `oldest` days old."""
    within = [order for order in ledger.orders if days_ago(oldest) <= order.order_date <= days_ago(newest)]
    return {order.order_number for order in chance.sample(within, count)}


def _days_late(order: Order, standing: str, slow: set[str], chance: random.Random) -> int:
    """Days after the due date on which the customer pays; negative when early."""
    if standing == "BLOCKED" and order.order_date > days_ago(_BLOCKED_STOPS_PAYING):
        return 10_000
    return chance.randint(20, 260) if order.account_number in slow else round(chance.triangular(-7, 24, 3))


def _issued(order: Order, customer: Customer, days_late: int, chance: random.Random) -> InvoicePlan:
    due = order.order_date + timedelta(days=customer.payment_terms_days or 0)
    paid_on = due + timedelta(days=days_late)
    if paid_on <= ANCHOR:
        payments = _full_payment(order, paid_on, chance)
        return InvoicePlan(order.order_number, InvoiceOutcome.PAID, order.order_date, payments)
    if happens(chance, percent=35) and order.order_date < days_ago(_FIRST_INSTALMENT):
        part = _instalment(order, chance)
        return InvoicePlan(order.order_number, InvoiceOutcome.PART_PAID, order.order_date, (part,))
    outcome = InvoiceOutcome.OVERDUE if due < ANCHOR else InvoiceOutcome.SENT
    return InvoicePlan(order.order_number, outcome, order.order_date)


def _full_payment(order: Order, paid_on: date, chance: random.Random) -> tuple[PlannedPayment, ...]:
    rest = _payment(paid_on, None, chance)
    halfway = order.order_date + (paid_on - order.order_date) / 2
    return (_payment(halfway, _share(chance), chance), rest) if happens(chance, percent=6) else (rest,)


def _instalment(order: Order, chance: random.Random) -> PlannedPayment:
    age = (ANCHOR - order.order_date).days
    return _payment(order.order_date + timedelta(days=chance.randint(5, age)), _share(chance), chance)


def _share(chance: random.Random) -> Decimal:
    return Decimal(chance.choice(("0.25", "0.4", "0.5", "0.6")))


def _payment(paid_on: date, share: Decimal | None, chance: random.Random) -> PlannedPayment:
    return PlannedPayment(paid_on, dealt(chance, _METHODS), f"BK{chance.randint(100_000, 999_999)}", share)
