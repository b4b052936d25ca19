"""The main job on somebody else's data: the trading company Northwind, where its files are at hand.

They have no e-mail addresses, which the preview says; the test then writes a copy with one per customer, and
with what going live needs besides. The files are read where they lie and never kept.
"""

import csv
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from stack.errors import CallFailed
from stack.importing import CustomerImport
from stack.mailbox import StoredMessage
from tests.e2e.conftest import PASSWORD, Running, until
from tests.e2e.expected import Expected, Row, expected

SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
ORDERS, PAID = 110, 3
FIRST = SHARED_DATA / "northwind-customers.csv"
RULE = {"and": [{"country": {"in": ["DE", "FR"]}}, {"status": {"eq": "ACTIVE"}}]}
NULL = "NULL"

pytestmark = [
    pytest.mark.skipif(not FIRST.exists(), reason=f"Northwind's files are not here ({FIRST})"),
    pytest.mark.timeout(300),
]


def read(name: str) -> list[Row]:
    with (SHARED_DATA / f"northwind-{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


async def test_the_main_job_on_northwind(running: Running, tmp_path: Path) -> None:
    unit = await made(running, "createBusinessUnit", {"name": "Northwind"}, "businessUnit { id }")
    users = await hire(running, unit["id"])
    entity = await found_company(running)
    await the_file_as_it_is_cannot_be_imported(running, unit["id"])

    customers = await import_customers(running, unit["id"], users, entity, tmp_path)
    orders = read("orders")[:ORDERS]
    accounts = {order["customerID"] for order in orders}
    for account in accounts:
        await running.kith.mutate("goLiveCustomer", "CustomerInput", {"id": customers[account]["id"]})
    await segment_holds_germans_and_french(running, accounts)
    invoices = await issue(running, customers, orders)
    await everything_arrives_and_shows(running, orders, customers, invoices)


async def made(running: Running, mutation: str, given: Mapping[str, object], selection: str) -> Any:
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    payload = await running.kith.mutate(mutation, kind, given, selection)
    return payload[selection.split(maxsplit=1)[0]]


# --- Who works there -------------------------------------------------------------------------------------------


async def hire(running: Running, unit: str) -> dict[str, str]:
    """Employees become users: id in the files → e-mail address. The vice president is a manager."""
    emails = {}
    for row in read("employees"):
        email = f"{row['firstName']}.{row['lastName']}@northwind.example".lower()
        given = {
            "email": email,
            "name": f"{row['firstName']} {row['lastName']}",
            "role": "MANAGER" if row["reportsTo"] == NULL or "President" in row["title"] else "AGENT",
            "password": PASSWORD,
            "unitIds": [unit],
        }
        await made(running, "createUser", given, "user { id }")
        emails[row["employeeID"]] = email
    return emails


async def found_company(running: Running) -> str:
    given = {
        "name": "Northwind Traders",
        "address": {"street": "1 Harbour Steps", "city": "Seattle", "postcode": "98101", "country": "US"},
        "currency": "USD",
        "timeZone": "America/Los_Angeles",
        "numberPattern": "NW-{year}-{seq:4}",
    }
    await made(running, "createLegalEntity", given, "legalEntity { id }")
    return given["name"]  # type: ignore[return-value]


# --- Customers -------------------------------------------------------------------------------------------------


async def the_file_as_it_is_cannot_be_imported(running: Running, unit: str) -> None:
    found = await CustomerImport.start(running.kith, FIRST, unit)

    assert [field["label"] for field in found.now["missingFields"]] == ["E-mail"]
    with pytest.raises(CallFailed, match="E-mail is required") as refusal:
        await found.preview()
    assert refusal.value.codes == ("REQUIRED_FIELD_NOT_MAPPED",)
    await found.cancel()
    assert await running.kith.nodes("customers", "id") == []


async def import_customers(
    running: Running, unit: str, users: dict[str, str], entity: str, place: Path
) -> dict[str, Any]:
    rows = read("customers")
    file = place / "northwind.csv"
    write(file, rows, users, entity)
    found = await CustomerImport.start(running.kith, file, unit)
    mapped = {column["name"]: (column["field"] or {}).get("key") for column in found.now["columns"]}
    assert mapped["customerID"] == "external_id"
    assert mapped["companyName"] == "name"
    assert mapped["contactName"] == "contact_name"
    assert mapped["country"] == "address_country"
    assert mapped["accountManager"] == "account_manager"

    await found.preview()
    preview = found.now["preview"]
    assert (preview["totalCount"], preview["newCount"], preview["badCount"]) == (len(rows), len(rows), 0)
    shares: list[float] = []
    await found.run(lambda now: shares.append(now["progress"]))
    assert shares == sorted(shares)
    assert (shares[-1], found.now["createdCount"], found.now["rowsDone"]) == (1.0, len(rows), len(rows))
    return await customers_are_as_written(running, rows)


def write(file: Path, rows: list[Row], users: dict[str, str], entity: str) -> None:
    """The customers as they are, and beside them what Kith wants to know before they go live."""
    manager = {order["customerID"]: users[order["employeeID"]] for order in read("orders")}
    with file.open("w", encoding="utf-8", newline="") as out:
        extra = ["email", "accountNumber", "registrationNumber", "contractStart", "contractEnd"]
        extra += ["contractReview", "accountManager", "legalEntity", "currency"]
        writer = csv.DictWriter(out, [*rows[0], *extra])
        writer.writeheader()
        for row in rows:
            key = row["customerID"]
            own = [
                f"{key.lower()}@{key.lower()}.example",
                f"NW-{key}",
                f"REG-{key}",
                "1996-01-01",
                "1999-12-31",
            ]
            own += ["1999-06-30", manager.get(key, next(iter(users.values()))), entity, "USD"]
            writer.writerow({**row, **dict(zip(extra, own, strict=True))})


async def customers_are_as_written(running: Running, rows: list[Row]) -> dict[str, Any]:
    selection = (
        "id externalId name email phone fax address { street city state postcode country } "
        "accountManager { email } primaryContact { name title email }"
    )
    found = {each["externalId"]: each for each in await running.kith.nodes("customers", selection)}
    assert found.keys() == {row["customerID"] for row in rows}
    for row in rows:
        customer = found[row["customerID"]]
        assert customer["name"] == row["companyName"]
        assert customer["primaryContact"]["name"] == row["contactName"]
        assert customer["primaryContact"]["email"] == customer["email"]
        assert customer["address"]["city"] == row["city"].strip()
        empty = {"state": "region", "postcode": "postalCode"}
        for field, column in empty.items():
            assert customer["address"][field] == (None if row[column] == NULL else row[column])
        assert (customer["fax"] is None) == (row["fax"] == NULL)
    names = {row["country"]: found[row["customerID"]]["address"]["country"] for row in rows}
    assert (names["UK"], names["USA"], names["Germany"], names["Brazil"]) == ("GB", "US", "DE", "BR")
    assert any(row["region"] == NULL for row in rows)
    return found


async def segment_holds_germans_and_french(running: Running, accounts: set[str]) -> None:
    given = {"name": "Germany and France, active", "rule": RULE}
    segment = await made(running, "createDynamicSegment", given, "segment { id }")
    wanted = {
        row["customerID"]
        for row in read("customers")
        if row["customerID"] in accounts and row["country"] in {"Germany", "France"}
    }
    assert len(wanted) > 1
    document = "query ($id: ID!) { segment(id: $id) { customers(first: 100) { nodes { externalId } } } }"

    async def holds() -> bool:
        found = (await running.kith.query(document, {"id": segment["id"]}))["segment"]["customers"]["nodes"]
        return {each["externalId"] for each in found} == wanted

    await until("the segment has its members", holds)


# --- Invoices --------------------------------------------------------------------------------------------------


def lines_of(order: Row, details: list[Row], products: dict[str, str]) -> list[Row]:
    """The order's lines as expected.py wants them; the freight is one of them."""
    goods = [
        {
            "description": products[row["productID"]],
            "quantity": row["quantity"],
            "unit_price": row["unitPrice"],
            "discount_percent": format((Decimal(row["discount"]) * 100).normalize(), "f"),
        }
        for row in details
        if row["orderID"] == order["orderID"]
    ]
    freight = {
        "description": "Freight",
        "quantity": "1",
        "unit_price": order["freight"],
        "discount_percent": "0",
    }
    return [{**line, "tax_category": "G", "tax_rate": "0"} for line in (*goods, freight)]


def total_of(lines: list[Row]) -> Expected:
    return expected({"currency": "USD", "discount_percent": "", "discount_amount": ""}, lines)


async def issue(running: Running, customers: dict[str, Any], orders: list[Row]) -> dict[str, Any]:
    """In the order of the files, which is that of the days; every amount as the files have it."""
    details = read("order_details")
    products = {row["productID"]: row["productName"] for row in read("products")}
    issued = {}
    for order in orders:
        lines = lines_of(order, details, products)
        given = {
            "customerId": customers[order["customerID"]]["id"],
            "customerReference": order["orderID"],
            "issueDate": order["orderDate"][:10],
            "lines": [line_input(line) for line in lines],
        }
        invoice = await made(
            running,
            "createAndSendInvoice",
            given,
            "invoice { id number issueDate currency gross { amount } lines { net { amount } } customer { externalId } }",
        )
        total = total_of(lines)
        assert invoice["gross"]["amount"] == total.amount(total.gross), order["orderID"]
        assert [line["net"]["amount"] for line in invoice["lines"]] == [
            total.amount(net) for net in total.lines
        ]
        issued[order["orderID"]] = invoice
    numbers = [invoice["number"] for invoice in issued.values()]
    assert numbers == [f"NW-1996-{place:04}" for place in range(1, len(orders) + 1)]
    assert any(Decimal(row["discount"]) for row in details if row["orderID"] in issued)
    return issued


def line_input(line: Row) -> Any:
    return {
        "description": line["description"],
        "quantity": line["quantity"],
        "unitPrice": line["unit_price"],
        "taxCategory": "EXPORT",
        "taxRate": line["tax_rate"],
        "discount": {"percent": line["discount_percent"]},
    }


async def everything_arrives_and_shows(
    running: Running, orders: list[Row], customers: dict[str, Any], invoices: dict[str, Any]
) -> None:
    async def delivered() -> bool:
        return len(running.mail.messages()) >= len(invoices)

    await until("every invoice is e-mailed", delivered)
    told = Counter(recipient for message in running.mail.messages() for recipient in message.envelope_to)
    assert told == Counter(customers[order["customerID"]]["email"] for order in orders)
    assert all(len(message.attachments()) == 1 for message in running.mail.messages())
    assert {number_in(message) for message in running.mail.messages()} == {
        invoice["number"] for invoice in invoices.values()
    }
    paid = [order["orderID"] for order in orders[:PAID]]
    for number in paid:
        settled = await made(running, "markInvoicePaid", {"id": invoices[number]["id"]}, "invoice { state }")
        assert settled == {"state": "PAID"}
    late = await running.kith.nodes("invoices", "isOverdue", "filter: { isOverdue: { eq: true } }")
    assert len(late) == len(invoices) - PAID
    busiest, count = Counter(order["customerID"] for order in orders).most_common(1)[0]
    own = [order["orderID"] for order in orders if order["customerID"] == busiest]
    outstanding = sum_of(invoices, [number for number in own if number not in paid])
    await customer_shows_it(running, customers[busiest]["id"], count, sum_of(invoices, own), outstanding)


def number_in(message: StoredMessage) -> str:
    return next(word for word in message.header("Subject").split() if word.startswith("NW-"))


def sum_of(invoices: dict[str, Any], numbers: list[str]) -> Decimal:
    return sum((Decimal(invoices[number]["gross"]["amount"]) for number in numbers), Decimal(0))


async def customer_shows_it(
    running: Running, customer_id: str, count: int, invoiced: Decimal, outstanding: Decimal
) -> None:
    document = (
        "query ($id: ID!) { customer(id: $id) { balances { invoiced { amount } overdue { amount } } "
        "activities(first: 100) { nodes { title } } history(first: 100) { nodes { action } } } }"
    )
    found = (await running.kith.query(document, {"id": customer_id}))["customer"]
    (balance,) = found["balances"]
    assert Decimal(balance["invoiced"]["amount"]) == invoiced
    assert Decimal(balance["overdue"]["amount"]) == outstanding
    assert sum(each["title"].endswith(" sent") for each in found["activities"]["nodes"]) == count
    actions = Counter(entry["action"] for entry in found["history"]["nodes"])
    assert actions["go_live"] == 1
    assert actions["send_invoice"] == count
