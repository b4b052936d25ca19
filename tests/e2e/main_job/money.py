"""Payments, whole and in part; an invoice taken back; one sent again."""

import hashlib

from tests.e2e.conftest import until
from tests.e2e.main_job.documents import attachment
from tests.e2e.main_job.job import INVOICE, Job

PAID, HALF_PAID, VOIDED = 10, 3, 2


async def pay(job: Job) -> None:
    """The first ten are paid, three of the next in part, two are taken back; one is sent again."""
    numbers = [order["order_number"] for order in job.sent]
    for number in numbers[:PAID]:
        await settle(job, number, "markInvoicePaid", "MarkInvoicePaidInput", {"reference": "Bank"})
    for order in job.orders[PAID : PAID + HALF_PAID]:
        total = job.book.total_of(order)
        half = {"amount": total.amount(total.gross // 2), "method": "CARD"}
        await settle(job, order["order_number"], "recordPayment", "RecordPaymentInput", half)
    for number in numbers[PAID + HALF_PAID : PAID + HALF_PAID + VOIDED]:
        await settle(job, number, "voidInvoice", "VoidInvoiceInput", {"reason": "Sent twice"})
    last = job.invoices[numbers[-1]]
    before = len(job.mail.messages())
    await job.kith.mutate("resendInvoice", "ResendInvoiceInput", {"id": last["id"]})

    async def arrived() -> bool:
        return len(job.mail.messages()) == before + 1

    await until("the invoice that was sent again arrives", arrived)
    again = attachment(job.mail.messages()[-1])
    assert hashlib.sha256(again).hexdigest() == last["pdf"]["sha256"]


async def settle(job: Job, number: str, mutation: str, kind: str, more: dict[str, str]) -> None:
    given = {"id": job.invoices[number]["id"], **more}
    payload = await job.kith.mutate(mutation, kind, given, f"invoice {{ {INVOICE} }}")
    job.invoices[number] = payload["invoice"]
