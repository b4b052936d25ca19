"""`kith seed --demo`, on a part of the demo company: it comes to be as planned, and only once."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from demo.files import Demo, load
from demo.records import CustomerPlan, InvoiceOutcome, InvoicePlan, Stage
from stack.seed.run import seed
from tests.e2e.conftest import PASSWORD, Running
from tests.e2e.silence import Silence
from tests.e2e.snapshot import Snapshot, snapshot

ORDERS_EACH = 3
MOVES_BY_ITSELF = {"outbox", "delivery", "invoice", "segment_membership", "segment", "history_entry"}

INVOICES = (
    "number state notes issueDate isOverdue customer { accountNumber } gross { amount } paid { amount } "
    "due { amount } payments { paidOn method reference amount { amount } } voided { reason } lines { description }"
)


def part_of(demo: Demo) -> Demo:
    """A few customers of each kind, and of their orders as many as show every outcome of an invoice."""
    plans: dict[Any, list[CustomerPlan]] = {}
    for plan in demo.plan.customers:
        plans.setdefault((plan.stage, plan.status, bool(plan.blocked_reason)), []).append(plan)
    chosen = {plan.account_number for kind in plans.values() for plan in kind[:2]}
    outcome = {plan.order_number: plan.outcome for plan in demo.plan.invoices}
    kept = Counter[InvoiceOutcome]()
    orders = []
    for order in demo.orders:
        if order.account_number in chosen and kept[outcome[order.order_number]] < ORDERS_EACH:
            kept[outcome[order.order_number]] += 1
            orders.append(order)
    numbers = {order.order_number for order in orders}
    return replace(
        demo,
        customers=of(demo.customers, chosen),
        people=of(demo.people, chosen),
        activities=of(demo.activities, chosen),
        orders=tuple(orders),
        plan=replace(
            demo.plan,
            customers=of(demo.plan.customers, chosen),
            invoices=tuple(plan for plan in demo.plan.invoices if plan.order_number in numbers),
        ),
    )


def of(rows: Iterable[Any], accounts: set[str]) -> tuple[Any, ...]:
    return tuple(row for row in rows if row.account_number in accounts)


@pytest.mark.timeout(300)
async def test_the_demo_company_comes_to_be_as_planned_and_only_once(running: Running) -> None:
    demo, steps = part_of(load(datetime.now(UTC).date())), Silence()
    assert {plan.outcome for plan in demo.plan.invoices} == set(InvoiceOutcome)

    new = await seed(running.kith, demo, steps, staff_password=PASSWORD)

    assert new == [member.email for member in demo.staff]
    assert set(steps.left.values()) == {0}
    await customers_stand_as_planned(running, demo)
    await invoices_stand_as_planned(running, demo)
    await timeline_is_as_told(running, demo)
    staff = running.as_somebody()
    await staff.log_in(new[0], PASSWORD)
    await staff.close()

    before = quiet(await snapshot())
    assert await seed(running.kith, demo, steps, staff_password="another one entirely") == []
    assert quiet(await snapshot()) == before
    assert set(steps.left.values()) == {0}


def quiet(found: Snapshot) -> Snapshot:
    """What workers do not change meanwhile."""
    counts = {name: (rows, "") for name, (rows, _) in found.items() if name in {"invoice", "delivery"}}
    return {name: each for name, each in found.items() if name not in MOVES_BY_ITSELF} | counts


async def customers_stand_as_planned(running: Running, demo: Demo) -> None:
    selection = (
        "accountNumber name stage status statusLabel { name } blocked { reason } churned { reason } "
        "unit { name } legalEntity { name } accountManager { email } industry { name } tags "
        "contacts(first: 100) { totalCount } primaryContact { email }"
    )
    found = {each["accountNumber"]: each for each in await running.kith.nodes("customers", selection)}
    rows = {customer.account_number: customer for customer in demo.customers}
    people = Counter(person.account_number for person in demo.people)

    assert found.keys() == rows.keys()
    for plan in demo.plan.customers:
        customer, row = found[plan.account_number], rows[plan.account_number]
        assert (customer["stage"], customer["status"]) == (plan.stage, plan.status)
        assert customer["statusLabel"]["name"] == plan.status_label
        assert (customer["blocked"] or {}).get("reason") == plan.blocked_reason
        assert (customer["churned"] or {}).get("reason") == plan.churn_reason
        assert customer["unit"]["name"] == row.unit
        assert customer["legalEntity"]["name"] == row.legal_entity
        assert (customer["accountManager"] or {}).get("email") == row.account_manager
        assert customer["industry"]["name"] == row.industry
        assert customer["tags"] == [tag.strip() for tag in (row.tags or "").split(",") if tag]
        assert customer["primaryContact"]["email"] == row.contact_email
        assert customer["contacts"]["totalCount"] == 1 + people[plan.account_number]
    assert any(plan.stage is not Stage.LIVE for plan in demo.plan.customers)


async def invoices_stand_as_planned(running: Running, demo: Demo) -> None:
    found = {each["notes"].split()[-1]: each for each in await running.kith.nodes("invoices", INVOICES)}
    assert found.keys() == {order.order_number for order in demo.orders}

    for plan in demo.plan.invoices:
        invoice = found[plan.order_number]
        state = {"OVERDUE": "SENT", "PART_PAID": "SENT"}.get(plan.outcome, plan.outcome)
        assert invoice["state"] == state
        assert invoice["issueDate"] == (plan.issued_on and plan.issued_on.isoformat())
        assert (invoice["voided"] or {}).get("reason") == plan.void_reason
        assert len(invoice["lines"]) == len(demo.lines[plan.order_number])
        payments_are_as_planned(plan, invoice)
        if plan.outcome in {InvoiceOutcome.OVERDUE, InvoiceOutcome.SENT}:
            assert invoice["isOverdue"] == (plan.outcome is InvoiceOutcome.OVERDUE)
    numbers_follow_the_days(found.values())


def payments_are_as_planned(plan: InvoicePlan, invoice: Any) -> None:
    told = [(p["paidOn"], p["method"], p["reference"]) for p in invoice["payments"]]
    assert told == [(p.paid_on.isoformat(), p.method, p.reference) for p in plan.payments]
    paid = sum(Decimal(p["amount"]["amount"]) for p in invoice["payments"])
    assert paid == Decimal(invoice["paid"]["amount"])
    assert plan.outcome is not InvoiceOutcome.PART_PAID or 0 < paid < Decimal(invoice["gross"]["amount"])


def numbers_follow_the_days(invoices: Iterable[Any]) -> None:
    series: dict[str, list[tuple[str, str]]] = {}
    for invoice in invoices:
        if invoice["number"]:
            series.setdefault(invoice["number"][:-5], []).append((invoice["number"], invoice["issueDate"]))
    assert len(series) > 1
    for issued in series.values():
        ordered = sorted(issued)
        assert [day for _, day in ordered] == sorted(day for _, day in ordered)
        assert [int(number[-5:]) for number, _ in ordered] == list(range(1, len(ordered) + 1))


async def timeline_is_as_told(running: Running, demo: Demo) -> None:
    selection = (
        "type title outcome durationMinutes customer { accountNumber } contact { email } user { email }"
    )
    found = await running.kith.nodes("activities", selection)
    by_hand = [each for each in found if not each["title"].startswith("Invoice ")]

    told = Counter((a["customer"]["accountNumber"], a["type"], a["title"], a["outcome"]) for a in by_hand)
    assert told == Counter((a.account_number, a.type, a.title, a.outcome) for a in demo.activities)
    staff = {a["user"]["email"] for a in by_hand}
    assert len(staff) > 1
    issued = [plan for plan in demo.plan.invoices if plan.issued_on]
    assert len(found) - len(by_hand) == len(issued)
