"""From an empty database to paid invoices, through the public doors only, on the demo company's own files.

What must come out is reckoned from the CSV files, independently (book.py, expected.py).
"""

import asyncio
import hashlib
import io
import re
from collections import Counter
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from demo import files
from demo.files import load
from stack.importing import CustomerImport
from stack.mailbox import StoredMessage
from stack.seed.company import make_company
from stack.seed.context import Seeding
from tests.e2e.book import Book
from tests.e2e.conftest import PASSWORD, Running, until
from tests.e2e.expected import Expected, Row, amount_in
from tests.e2e.silence import Silence

RULE = {"and": [{"country": {"in": ["DE", "FR"]}}, {"status": {"eq": "ACTIVE"}}]}
INVOICE = """
id number state issueDate dueDate version currency notes
lines { net { amount } discountTotal { amount } }
discountTotal { amount } net { amount } tax { amount } gross { amount } paid { amount } due { amount }
pdf { sha256 size url } deliveries { recipient state reason messageId }
"""
CATEGORIES = {"S": "STANDARD", "Z": "ZERO_RATED", "K": "INTRA_COMMUNITY", "G": "EXPORT"}

Invoices = dict[str, Any]
"""By the number of the order."""


@pytest.mark.timeout(300)
async def test_the_main_job(running: Running, tmp_path: Path) -> None:
    book = Book.read()
    orders = book.some_orders()
    company = Seeding(running.kith, load(book.today), Silence(), PASSWORD)
    await make_company(company)

    customers = await import_customers(running, company, book, tmp_path)
    segment, germans = await make_segments(running, company)
    await go_live(running, customers, {order["account_number"] for order in orders})
    await segments_hold_who_they_should(running, book, orders, segment, germans)
    drafts = await save(running, company, book, orders, customers)
    await preview(running, book, orders, drafts)
    issued = await send(running, book, orders[:-1], drafts)
    await documents_arrive_and_are_right(running, book, orders, issued)
    await pay(running, book, orders, issued)
    await everything_shows(running, book, orders, customers, drafts)
    await who_leaves_us_leaves_the_segment(running, book, orders, customers, segment)


# --- Customers -------------------------------------------------------------------------------------------------


async def import_customers(running: Running, company: Seeding, book: Book, place: Path) -> dict[str, str]:
    """Account number → id. The first unit's file with all there is to see, the others' as a matter of course."""
    first, *others = company.demo.company.business_units
    rows = len(book.of_unit(first.name))
    file = write(place, book, first.name)
    found = await CustomerImport.start(running.kith, file, company.units[first.name])
    mapped = {column["name"]: (column["field"] or {}).get("key") for column in found.now["columns"]}
    assert mapped["Company name"] == "name"
    assert mapped["Contact e-mail"] == "contact_email"
    assert mapped["VAT id"] == "vat_id"

    heard: list[Any] = []
    await found.preview(heard.append)
    preview = found.now["preview"]
    assert heard[-1]["state"] == "READY"
    assert (preview["totalCount"], preview["newCount"]) == (rows, rows)
    assert (preview["duplicateCount"], preview["badCount"]) == (0, 0)
    assert await running.kith.nodes("customers", "id") == []

    await run_live(running, found, rows)
    for unit in others:
        other = await CustomerImport.start(
            running.kith, write(place, book, unit.name), company.units[unit.name]
        )
        await other.preview()
        await other.run()
        assert other.now["createdCount"] == other.now["rowsDone"] == len(book.of_unit(unit.name))

    await repeat(running, company, file, rows)
    return await customers_are_those_of_the_file(running, book)


def write(place: Path, book: Book, unit: str) -> Path:
    file = place / f"{unit}.csv"
    file.write_bytes(files.customers_csv(book.today, unit))
    return file


async def run_live(running: Running, found: CustomerImport, rows: int) -> None:
    """Watched over a socket of our own: it only ever grows, adds up at every moment, and ends with every row."""
    heard: list[Any] = []
    await found.run(heard.append)
    done = [event["rowsDone"] for event in heard]
    shares = [event["progress"] for event in heard]
    assert done == sorted(done)
    assert shares == sorted(shares)
    assert (shares[-1], done[-1], heard[-1]["state"]) == (1.0, rows, "COMPLETED")
    assert len(heard) > 1
    for event in heard:
        parts = (event[f"{part}Count"] for part in ("created", "updated", "skipped", "failed"))
        assert sum(parts) == event["rowsDone"]
    assert found.now["createdCount"] == rows
    assert found.now["rejectedRowsUrl"] is None


async def repeat(running: Running, company: Seeding, file: Path, rows: int) -> None:
    """The same file again is noticed, and when it must be, changes nobody."""
    again = await CustomerImport.start(
        running.kith, file, company.units[company.demo.company.business_units[0].name]
    )
    await again.preview()
    assert again.now["preview"]["duplicateCount"] == rows
    assert again.now["sameFileAs"] is not None
    await again.run(again=True)
    assert (again.now["skippedCount"], again.now["createdCount"]) == (rows, 0)


async def customers_are_those_of_the_file(running: Running, book: Book) -> dict[str, str]:
    selection = (
        "id accountNumber name email stage status currency vatId paymentTermsDays contractEnd "
        "unit { name } accountManager { email } industry { name } legalEntity { name } "
        "address { street city postcode country } primaryContact { name email }"
    )
    found = {each["accountNumber"]: each for each in await running.kith.nodes("customers", selection)}
    assert found.keys() == book.customers.keys()
    for account, row in book.customers.items():
        customer = found[account]
        assert (customer["stage"], customer["status"]) == ("PROSPECT", "PROSPECT")
        told = {
            "Company name": customer["name"],
            "E-mail": customer["email"],
            "Currency": customer["currency"],
            "VAT id": customer["vatId"] or "",
            "Contract end": customer["contractEnd"] or "",
            "Business unit": customer["unit"]["name"],
            "Account manager": (customer["accountManager"] or {}).get("email", ""),
            "Industry": customer["industry"]["name"],
            "Legal entity": customer["legalEntity"]["name"],
            "Street": customer["address"]["street"],
            "City": customer["address"]["city"],
            "Country": customer["address"]["country"],
            "Contact name": customer["primaryContact"]["name"],
            "Contact e-mail": customer["primaryContact"]["email"],
        }
        assert told == {heading: row[heading] for heading in told}
    return {account: customer["id"] for account, customer in found.items()}


async def go_live(running: Running, customers: dict[str, str], accounts: set[str]) -> None:
    for account in accounts:
        payload = await running.kith.mutate(
            "goLiveCustomer", "CustomerInput", {"id": customers[account]}, "customer { stage status }"
        )
        assert payload["customer"] == {"stage": "LIVE", "status": "ACTIVE"}


# --- Segments --------------------------------------------------------------------------------------------------


async def make_segments(running: Running, company: Seeding) -> tuple[str, str]:
    """Over every unit, and in one unit; while nobody is ACTIVE they want nobody."""
    document = "query ($rule: CustomerFilter!) { previewSegment(rule: $rule) { count sample { id } } }"
    preview = await running.kith.query(document, {"rule": RULE})
    assert preview["previewSegment"] == {"count": 0, "sample": []}
    unit = company.units[company.demo.company.business_units[0].name]
    made = [
        await running.kith.mutate(
            "createDynamicSegment", "CreateDynamicSegmentInput", given | {"rule": RULE}, "segment { id }"
        )
        for given in ({"name": "Germany and France, active"}, {"name": "Ours", "unitId": unit})
    ]
    return made[0]["segment"]["id"], made[1]["segment"]["id"]


def active_in_germany_or_france(book: Book, orders: list[Row]) -> set[str]:
    """By the file: those who went live, of the two countries."""
    live = {order["account_number"] for order in orders}
    return {account for account in live if book.customers[account]["Country"] in {"DE", "FR"}}


async def segments_hold_who_they_should(
    running: Running, book: Book, orders: list[Row], segment: str, germans: str
) -> None:
    wanted = active_in_germany_or_france(book, orders)
    assert {book.customers[account]["Country"] for account in wanted} == {"DE", "FR"}

    async def settled() -> bool:
        return await members(running, segment) == wanted

    await until("the segment has its members", settled)
    ours = {a for a in wanted if book.customers[a]["Country"] == "DE"}

    async def settled_too() -> bool:
        return await members(running, germans) == ours

    await until("the unit's segment has its members", settled_too)


async def members(running: Running, segment: str) -> set[str]:
    document = "query ($id: ID!) { segment(id: $id) { memberCount customers(first: 100) { nodes { accountNumber } } } }"
    found = (await running.kith.query(document, {"id": segment}))["segment"]
    nodes = {each["accountNumber"] for each in found["customers"]["nodes"]}
    return nodes if found["memberCount"] == len(nodes) else set()


async def who_leaves_us_leaves_the_segment(
    running: Running, book: Book, orders: list[Row], customers: dict[str, str], segment: str
) -> None:
    wanted = active_in_germany_or_france(book, orders)
    lost = min(wanted)
    reason = {"id": customers[lost], "reason": "Bought elsewhere"}
    await running.kith.mutate("churnCustomer", "CustomerReasonInput", reason)

    async def left() -> bool:
        return await members(running, segment) == wanted - {lost}

    await until("who churned has left the segment", left)
    document = (
        "query ($id: ID!) { segment(id: $id) { memberships(first: 100, current: false) "
        "{ nodes { enteredAt leftAt customer { accountNumber } } } } }"
    )
    stays = (await running.kith.query(document, {"id": segment}))["segment"]["memberships"]["nodes"]
    over = [stay for stay in stays if stay["leftAt"] is not None]
    assert [stay["customer"]["accountNumber"] for stay in over] == [lost]
    assert over[0]["enteredAt"] < over[0]["leftAt"]
    assert len(stays) == len(wanted)


# --- Invoices --------------------------------------------------------------------------------------------------


async def save(
    running: Running, company: Seeding, book: Book, orders: list[Row], customers: dict[str, str]
) -> Invoices:
    """A draft of every order, that comes to what the file comes to."""
    assert any(order["discount_percent"] for order in orders)
    assert any(order["discount_amount"] for order in orders)
    drafts: Invoices = {}
    for order in orders:
        given = invoice_input(book, order) | {
            "customerId": customers[order["account_number"]],
            "invoiceTypeId": company.choices["INVOICE_TYPE", "Goods"],
        }
        payload = await running.kith.mutate(
            "createInvoice", "CreateInvoiceInput", given, f"invoice {{ {INVOICE} }}"
        )
        draft = drafts[order["order_number"]] = payload["invoice"]
        assert (draft["state"], draft["number"], draft["pdf"], draft["deliveries"]) == (
            "DRAFT",
            None,
            None,
            [],
        )
        comes_to(draft, book.total_of(order))
    assert {draft["currency"] for draft in drafts.values()} >= {"EUR", "GBP", "JPY", "KWD", "USD"}
    return drafts


def invoice_input(book: Book, order: Row) -> Any:
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
            for line in book.lines[order["order_number"]]
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


async def preview(running: Running, book: Book, orders: list[Row], drafts: Invoices) -> None:
    """The PDF as it would be, marked; nothing is kept of it."""
    order = next(o for o in orders if book.customers[o["account_number"]]["Language"] == "en")
    draft = drafts[order["order_number"]]
    payload = await running.kith.mutate("previewInvoice", "InvoiceInput", {"id": draft["id"]}, "url")
    text = text_of(await running.kith.download(payload["url"]))

    assert "DRAFT" in text
    assert holds(text, book.total_of(order).amount(book.total_of(order).gross))
    assert await read(running, draft["id"]) == draft
    assert running.mail.messages() == []


async def send(running: Running, book: Book, orders: list[Row], drafts: Invoices) -> Invoices:
    """All but the last, on the days of the orders; one of them is watched until its e-mail is out."""
    watched = drafts[orders[0]["order_number"]]["id"]
    document = "subscription ($id: ID!) { invoiceChanged(id: $id) { action invoice { number state } } }"
    heard: list[Any] = []

    async def watch() -> None:
        async with aclosing(running.kith.subscribe(document, {"id": watched})) as changes:
            async for change in changes:
                heard.append(change["invoiceChanged"])
                if change["invoiceChanged"]["action"] == "deliver_invoice":
                    return

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.5)  # the socket is there
    issued = {o["order_number"]: await issue(running, book, o, drafts) for o in orders}
    await asyncio.wait_for(watching, 60)

    actions = [change["action"] for change in heard]
    assert actions[0] == "send_invoice"
    assert actions.index("render_invoice") < actions.index("deliver_invoice")
    assert {change["invoice"]["state"] for change in heard} == {"SENT"}
    return issued


async def issue(running: Running, book: Book, order: Row, drafts: Invoices) -> Any:
    draft = drafts[order["order_number"]]
    day, terms = book.day_of(order), book.customers[order["account_number"]]["Payment terms (days)"]
    given = {"id": draft["id"], "expectedVersion": draft["version"], "issueDate": day.isoformat()}
    payload = await running.kith.mutate("sendInvoice", "SendInvoiceInput", given, f"invoice {{ {INVOICE} }}")
    invoice = payload["invoice"]
    assert invoice["state"] == "SENT"
    assert str(day.year) in invoice["number"]
    assert invoice["issueDate"] == day.isoformat()
    assert invoice["dueDate"] == (day + timedelta(days=int(terms))).isoformat()
    comes_to(invoice, book.total_of(order))
    return invoice


async def documents_arrive_and_are_right(
    running: Running, book: Book, orders: list[Row], issued: Invoices
) -> None:
    async def delivered() -> bool:
        states = await running.kith.nodes("invoices", "deliveries { state }")
        told = Counter(delivery["state"] for each in states for delivery in each["deliveries"])
        return told == {"SENT": len(issued)}

    await until("every invoice is delivered", delivered)
    by_id = {message.header("Message-ID").strip("<>"): message for message in running.mail.messages()}
    assert len(by_id) == len(issued)
    for order in orders[:-1]:
        invoice = await read(running, issued[order["order_number"]]["id"])
        (delivery,) = invoice["deliveries"]
        message = by_id[delivery["messageId"]]
        contact = book.customers[order["account_number"]]["Contact e-mail"]
        assert message.envelope_to == [contact] == [delivery["recipient"]]
        assert invoice["number"] in message.header("Subject")
        document = attachment(message)
        assert hashlib.sha256(document).hexdigest() == invoice["pdf"]["sha256"]
        assert len(document) == invoice["pdf"]["size"]
        says_what_it_should(text_of(document), invoice, book.total_of(order))
        issued[order["order_number"]] = invoice
    some = issued[orders[0]["order_number"]]
    stored = await running.kith.download(some["pdf"]["url"])
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


async def read(running: Running, invoice_id: str) -> Any:
    document = f"query ($id: ID!) {{ invoice(id: $id) {{ {INVOICE} }} }}"
    return (await running.kith.query(document, {"id": invoice_id}))["invoice"]


# --- Money -----------------------------------------------------------------------------------------------------

PAID, HALF_PAID, VOIDED = 10, 3, 2


async def pay(running: Running, book: Book, orders: list[Row], issued: Invoices) -> None:
    """The first ten are paid, three of the next in part, two are taken back; one is sent again."""
    numbers = [order["order_number"] for order in orders[:-1]]
    for number in numbers[:PAID]:
        await settle(
            running, issued, number, "markInvoicePaid", "MarkInvoicePaidInput", {"reference": "Bank"}
        )
    for order in orders[PAID : PAID + HALF_PAID]:
        total = book.total_of(order)
        half = {"amount": total.amount(total.gross // 2), "method": "CARD"}
        await settle(running, issued, order["order_number"], "recordPayment", "RecordPaymentInput", half)
    for number in numbers[PAID + HALF_PAID : PAID + HALF_PAID + VOIDED]:
        await settle(running, issued, number, "voidInvoice", "VoidInvoiceInput", {"reason": "Sent twice"})
    last = issued[numbers[-1]]
    before = len(running.mail.messages())
    await running.kith.mutate("resendInvoice", "ResendInvoiceInput", {"id": last["id"]})

    async def arrived() -> bool:
        return len(running.mail.messages()) == before + 1

    await until("the invoice that was sent again arrives", arrived)
    again = attachment(running.mail.messages()[-1])
    assert hashlib.sha256(again).hexdigest() == last["pdf"]["sha256"]


async def settle(
    running: Running, issued: Invoices, number: str, mutation: str, kind: str, more: dict[str, str]
) -> None:
    given = {"id": issued[number]["id"], **more}
    payload = await running.kith.mutate(mutation, kind, given, f"invoice {{ {INVOICE} }}")
    issued[number] = payload["invoice"]


# --- What can be seen afterwards -------------------------------------------------------------------------------


async def everything_shows(
    running: Running, book: Book, orders: list[Row], customers: dict[str, str], drafts: Invoices
) -> None:
    await lists_show_it(running, book, orders)
    by_account: dict[str, list[Row]] = {}
    for order in orders:
        by_account.setdefault(order["account_number"], []).append(order)
    for account, of_customer in by_account.items():
        await customer_shows_it(running, book, orders, customers[account], of_customer)
    first = drafts[orders[0]["order_number"]]["id"]
    history = await history_of(running, "invoice", first)
    assert [action for action in history if action.endswith("invoice") or "paid" in action][::-1][:2] == [
        "create_invoice",
        "send_invoice",
    ]
    assert "mark_invoice_paid" in history


async def lists_show_it(running: Running, book: Book, orders: list[Row]) -> None:
    wanted = {"PAID": PAID, "VOID": VOIDED, "DRAFT": 1}
    wanted["SENT"] = len(orders) - sum(wanted.values())
    for state, count in wanted.items():
        such = f"filter: {{ state: {{ eq: {state} }} }}"
        assert len(await running.kith.nodes("invoices", "id", such)) == count, state
    name = book.customers[orders[0]["account_number"]]["Company name"]
    document = "query ($words: String!) { customers(first: 1, search: $words) { nodes { name } } }"
    assert (await running.kith.query(document, {"words": name.upper()}))["customers"]["nodes"] == [
        {"name": name}
    ]


async def customer_shows_it(
    running: Running, book: Book, orders: list[Row], customer_id: str, own: list[Row]
) -> None:
    """Timeline, balances, segments and history of one customer, against the file and what was done to it."""
    document = """
    query ($id: ID!) { customer(id: $id) {
      accountNumber
      activities(first: 100) { nodes { type title invoice { number } } }
      balances { currency invoiced { amount } paid { amount } outstanding { amount } overdue { amount } }
      invoices(first: 100) { totalCount }
      segments(first: 10) { nodes { name } }
    } }
    """
    found = (await running.kith.query(document, {"id": customer_id}))["customer"]
    sent = [order for order in own if order is not orders[-1]]
    logged = [activity for activity in found["activities"]["nodes"] if activity["type"] == "EMAIL"]
    assert len(logged) == len(sent)
    assert all(f"Invoice {each['invoice']['number']} sent" == each["title"] for each in logged)
    assert found["invoices"]["totalCount"] == len(own)
    row = book.customers[found["accountNumber"]]
    german = row["Country"] == "DE" and row["Business unit"] == "Central and Northern Europe"
    assert [each["name"] for each in found["segments"]["nodes"]] == (["Ours"] if german else [])
    assert found["balances"] == balances(book, orders, sent)
    history = await history_of(running, "customer", customer_id)
    assert {"go_live", "create_invoice", "send_invoice"} <= set(history)


def balances(book: Book, orders: list[Row], sent: list[Row]) -> list[Any]:
    """By currency; what was taken back does not count, what fell due yesterday or before is overdue."""
    numbers = [order["order_number"] for order in orders]
    sums: dict[str, Counter[str]] = {}
    for order in sent:
        place, total = numbers.index(order["order_number"]), book.total_of(order)
        if PAID + HALF_PAID <= place < PAID + HALF_PAID + VOIDED:
            continue
        half = total.gross // 2 if place < PAID + HALF_PAID else 0
        paid = total.gross if place < PAID else half
        into = sums.setdefault(order["currency"], Counter())
        into.update(invoiced=total.gross, paid=paid, outstanding=total.gross - paid)
        into["overdue"] += total.gross - paid if book.is_late(order) else 0
    names = ("invoiced", "paid", "outstanding", "overdue")
    return [
        {"currency": currency, **{name: {"amount": amount_in(currency, into[name])} for name in names}}
        for currency, into in sorted(sums.items())
    ]


async def history_of(running: Running, field: str, record_id: str) -> list[str]:
    """What was done to it, newest first."""
    document = f"query ($id: ID!) {{ {field}(id: $id) {{ history(first: 100) {{ nodes {{ action }} }} }} }}"
    found = (await running.kith.query(document, {"id": record_id}))[field]["history"]["nodes"]
    return [entry["action"] for entry in found]
