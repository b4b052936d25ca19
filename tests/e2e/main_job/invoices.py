"""Orders become drafts, one of which is looked at, and invoices with a number and a day."""

import asyncio
from contextlib import aclosing
from datetime import timedelta
from typing import Any

from tests.e2e.conftest import until
from tests.e2e.expected import Expected, Row
from tests.e2e.main_job.documents import holds, text_of
from tests.e2e.main_job.job import INVOICE, Job

CATEGORIES = {"S": "STANDARD", "Z": "ZERO_RATED", "K": "INTRA_COMMUNITY", "G": "EXPORT"}


async def save(job: Job) -> None:
    """A draft of every order, that comes to what the file comes to."""
    assert any(order["discount_percent"] for order in job.orders)
    assert any(order["discount_amount"] for order in job.orders)
    for order in job.orders:
        given = invoice_input(job, order) | {
            "customerId": job.customers[order["account_number"]],
            "invoiceTypeId": job.company.choices["INVOICE_TYPE", "Goods"],
        }
        payload = await job.kith.mutate(
            "createInvoice", "CreateInvoiceInput", given, f"invoice {{ {INVOICE} }}"
        )
        draft = job.invoices[order["order_number"]] = payload["invoice"]
        assert (draft["state"], draft["number"], draft["pdf"], draft["deliveries"]) == (
            "DRAFT",
            None,
            None,
            [],
        )
        comes_to(draft, job.book.total_of(order))
    assert {draft["currency"] for draft in job.invoices.values()} >= {"EUR", "GBP", "JPY", "KWD", "USD"}


def invoice_input(job: Job, order: Row) -> Any:
    return {
        "currency": order["currency"],
        "customerReference": order["customer_reference"] or None,
        "notes": order["order_number"],
        "discount": discount(order["discount_percent"], order["discount_amount"]),
        "lines": [
            {
                "description": line["description"],
                "quantity": line["quantity"],
                "unit": line["unit"],
                "unitPrice": line["unit_price"],
                "taxCategory": CATEGORIES[line["tax_category"]],
                "taxRate": line["tax_rate"],
                "discount": discount(line["discount_percent"], ""),
            }
            for line in job.book.lines[order["order_number"]]
        ],
    }


def discount(percent: str, amount: str) -> Any:
    return {"percent": percent} if percent else {"amount": amount} if amount else None


def comes_to(invoice: Any, total: Expected) -> None:
    told = {name: invoice[name]["amount"] for name in ("discountTotal", "net", "tax", "gross")}
    assert [line["net"]["amount"] for line in invoice["lines"]] == [total.amount(net) for net in total.lines]
    assert told == {
        "discountTotal": total.amount(total.discount),
        "net": total.amount(total.net),
        "tax": total.amount(total.tax),
        "gross": total.amount(total.gross),
    }


async def preview(job: Job) -> None:
    """The PDF as it would be, marked; nothing is kept of it."""
    order = next(o for o in job.orders if job.book.customers[o["account_number"]]["Language"] == "en")
    draft = job.invoices[order["order_number"]]
    payload = await job.kith.mutate("previewInvoice", "InvoiceInput", {"id": draft["id"]}, "url")
    text = text_of(await job.kith.download(payload["url"]))

    assert "DRAFT" in text
    assert holds(text, job.book.total_of(order).amount(job.book.total_of(order).gross))
    assert await job.read(draft["id"]) == draft
    assert job.mail.messages() == []


async def send(job: Job) -> None:
    """All but the last, on the days of the orders; the first is watched until its e-mail is out."""
    heard: list[Any] = []
    watching = asyncio.create_task(watch(job, job.sent[0]["order_number"], heard))
    try:
        await until("somebody listens", lambda: change_until_heard(job, job.sent[0]["order_number"], heard))
        for order in job.sent:
            await issue(job, order)
        await asyncio.wait_for(watching, 60)
    finally:
        watching.cancel()

    actions = [change["action"] for change in heard if change["action"] != "update_invoice"]
    assert actions[0] == "send_invoice"
    assert actions.index("render_invoice") < actions.index("deliver_invoice")
    assert heard[-1]["invoice"]["state"] == "SENT"


async def watch(job: Job, number: str, heard: list[Any]) -> None:
    document = "subscription ($id: ID!) { invoiceChanged(id: $id) { action invoice { number state } } }"
    async with aclosing(job.kith.subscribe(document, {"id": job.invoices[number]["id"]})) as changes:
        async for change in changes:
            heard.append(change["invoiceChanged"])
            if change["invoiceChanged"]["action"] == "deliver_invoice":
                return


async def change_until_heard(job: Job, number: str, heard: list[Any]) -> bool:
    """A draft may be changed as often as one likes; who listens hears of it."""
    draft = job.invoices[number]
    given = {"id": draft["id"], "expectedVersion": draft["version"], "notes": f"{number}, checked"}
    payload = await job.kith.mutate("updateInvoice", "UpdateInvoiceInput", given, f"invoice {{ {INVOICE} }}")
    job.invoices[number] = payload["invoice"]
    return bool(heard)


async def issue(job: Job, order: Row) -> None:
    draft = job.invoices[order["order_number"]]
    day = job.book.day_of(order)
    terms = job.book.customers[order["account_number"]]["Payment terms (days)"]
    given = {"id": draft["id"], "expectedVersion": draft["version"], "issueDate": day.isoformat()}
    payload = await job.kith.mutate("sendInvoice", "SendInvoiceInput", given, f"invoice {{ {INVOICE} }}")
    invoice = job.invoices[order["order_number"]] = payload["invoice"]
    assert invoice["state"] == "SENT"
    assert str(day.year) in invoice["number"]
    assert invoice["issueDate"] == day.isoformat()
    assert invoice["dueDate"] == (day + timedelta(days=int(terms))).isoformat()
    comes_to(invoice, job.book.total_of(order))
