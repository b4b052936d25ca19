"""Orders become invoices: drafted or issued on the day of the order; later paid, voided or left lying."""

import re
from decimal import ROUND_HALF_UP, Decimal

from demo.records import InvoicePlan, Order, OrderLine, PlannedPayment
from stack.client import Json
from stack.errors import CallFailed
from stack.progress import Step
from stack.seed.context import Seeding
from stack.seed.crowd import each, together

TAX_CATEGORIES = {
    "S": "STANDARD",
    "Z": "ZERO_RATED",
    "E": "EXEMPT",
    "AE": "REVERSE_CHARGE",
    "K": "INTRA_COMMUNITY",
    "G": "EXPORT",
    "O": "NOT_SUBJECT",
}
INVOICE_TYPE = ("INVOICE_TYPE", "Goods")
READ = "id notes state gross { amount } payments { id }"
SENT = "SENT"

_ORDER = {"de": "Auftrag", "fr": "Commande", "es": "Pedido"}
_ORDER_NUMBER = re.compile(r"\bSO-\d+\b")


async def issue_invoices(seeding: Seeding) -> None:
    """Every order's invoice; those of one legal entity one after the other, for numbers follow the days of issue."""
    step = seeding.steps.begin("Invoices", len(seeding.demo.orders))
    there = await _read(seeding)
    plans = {plan.order_number: plan for plan in seeding.demo.plan.invoices}
    lanes: dict[str, list[tuple[Order, InvoicePlan]]] = {}
    seller = {customer.account_number: customer.legal_entity for customer in seeding.demo.customers}
    for order in seeding.demo.orders:
        plan = plans[order.order_number]
        lane = seller[order.account_number] if plan.issued_on else "drafts"
        lanes.setdefault(lane, []).append((order, plan))
    await together(*(_lane(seeding, lane, there, step) for lane in lanes.values()))


async def settle_invoices(seeding: Seeding) -> None:
    """Record the payments and take back what the plan says was taken back."""
    step = seeding.steps.begin("Payments", len(seeding.demo.plan.invoices))
    there = await _read(seeding)

    async def settle(plan: InvoicePlan) -> None:
        invoice = there[plan.order_number]
        if invoice["state"] == SENT:
            await _settle(seeding, plan, invoice)
        step.advance()

    await each(seeding.demo.plan.invoices, settle)


async def _read(seeding: Seeding) -> dict[str, Json]:
    """The invoices of orders, by the order's number, which stands in their notes."""
    found = await seeding.kith.nodes("invoices", READ)
    numbered = ((_ORDER_NUMBER.search(invoice["notes"] or ""), invoice) for invoice in found)
    return {match.group(): invoice for match, invoice in numbered if match}


async def _lane(
    seeding: Seeding, lane: list[tuple[Order, InvoicePlan]], there: dict[str, Json], step: Step
) -> None:
    for order, plan in lane:
        if order.order_number not in there:
            await _make(seeding, order, plan)
        step.advance()


async def _make(seeding: Seeding, order: Order, plan: InvoicePlan) -> None:
    given = invoice_input(seeding, order)
    if plan.issued_on is None:
        await seeding.kith.mutate("createInvoice", "CreateInvoiceInput", given)
        return
    dated = given | {"issueDate": plan.issued_on.isoformat()}
    try:
        await _issue(seeding, dated)
    except CallFailed as refusal:
        if "BEFORE_LAST_ISSUED" not in refusal.codes:
            raise
        await _issue(seeding, given)  # somebody issued one meanwhile: ours are of today then


async def _issue(seeding: Seeding, given: Json) -> None:
    await seeding.kith.mutate("createAndSendInvoice", "CreateAndSendInvoiceInput", given)


def invoice_input(seeding: Seeding, order: Order) -> Json:
    """Return what an order says as the input of a new invoice."""
    customer = next(c for c in seeding.demo.customers if c.account_number == order.account_number)
    word = _ORDER.get(customer.language, "Order")
    return {
        "customerId": seeding.customers[order.account_number]["id"],
        "legalEntityId": seeding.entities[customer.legal_entity],
        "invoiceTypeId": seeding.choices[INVOICE_TYPE],
        "currency": order.currency,
        "deliveryDate": order.order_date.isoformat(),
        "customerReference": order.customer_reference,
        "notes": f"{word} {order.order_number}",
        "discount": _discount(order.discount_percent, order.discount_amount),
        "lines": [_line(line) for line in seeding.demo.lines[order.order_number]],
    }


def _line(line: OrderLine) -> Json:
    return {
        "description": line.description,
        "quantity": str(line.quantity),
        "unit": line.unit,
        "unitPrice": str(line.unit_price),
        "taxCategory": TAX_CATEGORIES[line.tax_category],
        "taxRate": str(line.tax_rate),
        "discount": _discount(line.discount_percent, None),
    }


def _discount(percent: Decimal | None, amount: Decimal | None) -> Json | None:
    if percent is not None:
        return {"percent": str(percent)}
    return None if amount is None else {"amount": str(amount)}


async def _settle(seeding: Seeding, plan: InvoicePlan, invoice: Json) -> None:
    for payment in plan.payments[len(invoice["payments"]) :]:
        await _pay(seeding, payment, invoice)
    if plan.void_reason:
        given = {"id": invoice["id"], "reason": plan.void_reason}
        await seeding.kith.mutate("voidInvoice", "VoidInvoiceInput", given)


async def _pay(seeding: Seeding, payment: PlannedPayment, invoice: Json) -> None:
    given: Json = {
        "id": invoice["id"],
        "paidOn": payment.paid_on.isoformat(),
        "method": payment.method,
        "reference": payment.reference,
    }
    if payment.share is None:
        await seeding.kith.mutate("markInvoicePaid", "MarkInvoicePaidInput", given)
        return
    gross = Decimal(invoice["gross"]["amount"])
    amount = (gross * payment.share).quantize(
        gross, rounding=ROUND_HALF_UP
    )  # as many decimals as its currency
    await seeding.kith.mutate("recordPayment", "RecordPaymentInput", given | {"amount": str(amount)})
