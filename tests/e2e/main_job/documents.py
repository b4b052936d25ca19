"""Every invoice arrives once, at the right person, as the very bytes that are kept, with the right amounts in it."""

import hashlib
import io
import re
from collections import Counter
from typing import Any

from pypdf import PdfReader

from stack.mailbox import StoredMessage
from tests.e2e.conftest import until
from tests.e2e.expected import Expected
from tests.e2e.main_job.job import Job


async def documents_arrive_and_are_right(job: Job) -> None:
    async def delivered() -> bool:
        states = await job.kith.nodes("invoices", "deliveries { state }")
        told = Counter(delivery["state"] for each in states for delivery in each["deliveries"])
        return told == {"SENT": len(job.sent)}

    await until("every invoice is delivered", delivered)
    by_id = {message.header("Message-ID").strip("<>"): message for message in job.mail.messages()}
    assert len(by_id) == len(job.sent)
    for order in job.sent:
        invoice = await job.read(job.invoices[order["order_number"]]["id"])
        (delivery,) = invoice["deliveries"]
        message = by_id[delivery["messageId"]]
        contact = job.book.customers[order["account_number"]]["Contact e-mail"]
        assert message.envelope_to == [contact] == [delivery["recipient"]]
        assert invoice["number"] in message.header("Subject")
        document = attachment(message)
        assert hashlib.sha256(document).hexdigest() == invoice["pdf"]["sha256"]
        assert len(document) == invoice["pdf"]["size"]
        says_what_it_should(text_of(document), invoice, job.book.total_of(order))
        job.invoices[order["order_number"]] = invoice
    some = job.invoices[job.orders[0]["order_number"]]
    stored = await job.kith.download(some["pdf"]["url"])
    assert hashlib.sha256(stored).hexdigest() == some["pdf"]["sha256"]


def attachment(message: StoredMessage) -> bytes:
    (part,) = message.attachments()
    assert part.content_type == "application/pdf"
    found = message.part(part.number)
    assert found is not None
    return found[1]


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def says_what_it_should(text: str, invoice: Any, total: Expected) -> None:
    assert invoice["number"] in text
    for units in (total.gross, total.net, *total.lines):
        assert holds(text, total.amount(units)), (invoice["number"], total.amount(units))


def holds(text: str, amount: str) -> bool:
    """Whether the amount stands there, however its language groups digits and writes the decimal mark."""
    whole, _, decimals = amount.partition(".")
    groups = f"{int(whole):,}".split(",")
    number = r"[.,'’\s]?".join(groups) + (f"[.,]{decimals}" if decimals else "")
    return re.search(rf"(?<!\d){number}(?!\d)", text) is not None
