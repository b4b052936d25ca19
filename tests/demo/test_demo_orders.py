"""The demo's orders and what becomes of their invoices."""

from datetime import timedelta
from decimal import Decimal

import pytest

from crm.invoices.lines import Discount, LineInput, TaxCategory
from crm.invoices.totals import totals_of
from demo import files
from demo.generator.inputs import ANCHOR
from demo.records import InvoiceOutcome, OrderLine, Stage

DEMO = files.load(ANCHOR)
CUSTOMERS = {customer.account_number: customer for customer in DEMO.customers}
PLANS = {plan.account_number: plan for plan in DEMO.plan.customers}
ORDERS = {order.order_number: order for order in DEMO.orders}


def test_orders_refer_to_live_customers_and_products_that_exist() -> None:
    skus = {product.sku: product for product in DEMO.products}

    assert len(skus) == len(DEMO.products)
    assert DEMO.lines.keys() == ORDERS.keys()
    for order in DEMO.orders:
        assert PLANS[order.account_number].stage is Stage.LIVE
        assert order.currency == CUSTOMERS[order.account_number].currency
        assert order.discount_percent is None or order.discount_amount is None
        lines = DEMO.lines[order.order_number]
        assert [line.line_number for line in lines] == list(range(1, len(lines) + 1))
        assert 1 <= len(lines) <= 12
        assert [line.sku for line in lines if line.sku not in skus or line.unit != skus[line.sku].unit] == []


def test_orders_run_up_to_the_anchor_in_the_order_of_their_numbers() -> None:
    days = [order.order_date for order in DEMO.orders]

    assert days == sorted(days)
    assert days[-1] == DEMO.plan.anchor == ANCHOR
    assert ANCHOR - timedelta(days=550) <= days[0] <= ANCHOR - timedelta(days=500)


def test_order_lines_are_priced_and_never_discounted_below_zero() -> None:
    for order in DEMO.orders:
        lines = DEMO.lines[order.order_number]
        assert min(line.quantity for line in lines) > 0
        assert min(line.unit_price for line in lines) > 0
        assert all(line.discount_percent is None or 0 < line.discount_percent < 100 for line in lines)
        total = sum(line.quantity * line.unit_price for line in lines)
        assert total * Decimal("0.8") > (order.discount_amount or 0)
    assert any(order.discount_percent for order in DEMO.orders)
    assert any(order.discount_amount for order in DEMO.orders)


def test_tax_fits_the_seller_and_the_buyer() -> None:
    abroad = {
        "K": {"AT", "BE", "ES", "FR", "GR", "IT", "NL", "PL", "SE"},
        "G": {"AE", "CH", "JP", "KW", "TR", "US"},
    }
    at_home = {("S", 7): "DE", ("S", 19): "DE", ("S", 20): "GB", ("Z", 0): "GB"}

    for order in DEMO.orders:
        customer = CUSTOMERS[order.account_number]
        for line in DEMO.lines[order.order_number]:
            if line.tax_category in abroad:
                assert customer.address_country in abroad[line.tax_category]
                assert line.tax_rate == 0
                assert customer.vat_id or line.tax_category == "G"
            else:
                assert at_home[line.tax_category, int(line.tax_rate)] == customer.address_country


@pytest.mark.parametrize(
    ("outcome", "least", "most"),
    [
        (InvoiceOutcome.DRAFT, 5, 7),
        (InvoiceOutcome.VOID, 2, 4),
        (InvoiceOutcome.PAID, 66, 74),
        (InvoiceOutcome.SENT, 4, 10),
        (InvoiceOutcome.OVERDUE, 6, 14),
        (InvoiceOutcome.PART_PAID, 3, 8),
    ],
)
def test_invoices_end_in_every_state_in_believable_shares(
    outcome: InvoiceOutcome, least: int, most: int
) -> None:
    count = sum(plan.outcome is outcome for plan in DEMO.plan.invoices)

    assert least <= count / 8 <= most


def test_every_order_has_one_invoice_that_its_outcome_explains() -> None:
    assert [plan.order_number for plan in DEMO.plan.invoices] == list(ORDERS)
    for plan in DEMO.plan.invoices:
        order = ORDERS[plan.order_number]
        due = order.order_date + timedelta(days=CUSTOMERS[order.account_number].payment_terms_days or 0)
        paid_in_full = [payment for payment in plan.payments if payment.share is None]
        assert plan.issued_on == (None if plan.outcome is InvoiceOutcome.DRAFT else order.order_date)
        assert (plan.outcome is InvoiceOutcome.VOID) == bool(plan.void_reason)
        assert (plan.outcome is InvoiceOutcome.PAID) == bool(paid_in_full)
        assert bool(plan.payments) == (plan.outcome in {InvoiceOutcome.PAID, InvoiceOutcome.PART_PAID})
        if plan.outcome in {InvoiceOutcome.SENT, InvoiceOutcome.OVERDUE}:
            assert (due < ANCHOR) == (plan.outcome is InvoiceOutcome.OVERDUE)


def test_payments_follow_the_invoice_in_order_and_stay_below_the_total() -> None:
    for plan in DEMO.plan.invoices:
        days = [payment.paid_on for payment in plan.payments]
        assert days == sorted(days)
        assert all(plan.issued_on and plan.issued_on <= day <= ANCHOR for day in days)
        assert sum(payment.share or 0 for payment in plan.payments) < 1
        assert [payment.share for payment in plan.payments[:-1] if payment.share is None] == []


def invoice_line(line: OrderLine) -> LineInput:
    return LineInput(
        description=line.description,
        quantity=line.quantity,
        unit_price=line.unit_price,
        tax_rate=line.tax_rate,
        tax_category=TaxCategory(line.tax_category),
        unit=line.unit,
        discount=Discount(percent=line.discount_percent) if line.discount_percent else None,
    )


def test_every_order_adds_up_to_an_invoice_by_the_rules_of_the_house() -> None:
    for order in DEMO.orders:
        given = order.discount_percent or order.discount_amount
        discount = Discount(order.discount_percent, order.discount_amount) if given else None
        lines = [invoice_line(line) for line in DEMO.lines[order.order_number]]

        totals = totals_of(lines, currency=order.currency, discount=discount)

        assert totals.gross > 0
        assert (totals.discount > 0) == (discount is not None)
