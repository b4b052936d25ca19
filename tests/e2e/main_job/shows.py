"""Lists, timelines, balances, segments and history tell of all that was done."""

from collections import Counter
from typing import Any

from tests.e2e.expected import Row, amount_in
from tests.e2e.main_job.job import Job
from tests.e2e.main_job.money import HALF_PAID, PAID, VOIDED


async def everything_shows(job: Job) -> None:
    await lists_show_it(job)
    by_account: dict[str, list[Row]] = {}
    for order in job.orders:
        by_account.setdefault(order["account_number"], []).append(order)
    for account, of_customer in by_account.items():
        await customer_shows_it(job, job.customers[account], of_customer)
    first = job.invoices[job.orders[0]["order_number"]]["id"]
    history = list(dict.fromkeys(reversed(await history_of(job, "invoice", first))))
    steps = ["create_invoice", "update_invoice", "send_invoice", "mark_invoice_paid"]
    assert [action for action in history if action in steps] == steps


async def lists_show_it(job: Job) -> None:
    wanted = {"PAID": PAID, "VOID": VOIDED, "DRAFT": 1}
    wanted["SENT"] = len(job.orders) - sum(wanted.values())
    for state, count in wanted.items():
        such = f"filter: {{ state: {{ eq: {state} }} }}"
        assert len(await job.kith.nodes("invoices", "id", such)) == count, state
    name = job.book.customers[job.orders[0]["account_number"]]["Company name"]
    document = "query ($words: String!) { customers(first: 1, search: $words) { nodes { name } } }"
    assert (await job.kith.query(document, {"words": name.upper()}))["customers"]["nodes"] == [{"name": name}]


async def customer_shows_it(job: Job, customer_id: str, own: list[Row]) -> None:
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
    found = (await job.kith.query(document, {"id": customer_id}))["customer"]
    sent = [order for order in own if order in job.sent]
    logged = [activity for activity in found["activities"]["nodes"] if activity["type"] == "EMAIL"]
    assert len(logged) == len(sent)
    assert all(f"Invoice {each['invoice']['number']} sent" == each["title"] for each in logged)
    assert found["invoices"]["totalCount"] == len(own)
    row = job.book.customers[found["accountNumber"]]
    german = row["Country"] == "DE" and row["Business unit"] == "Central and Northern Europe"
    assert [each["name"] for each in found["segments"]["nodes"]] == (["Ours"] if german else [])
    assert found["balances"] == balances(job, sent)
    history = await history_of(job, "customer", customer_id)
    assert {"go_live", "create_invoice", "send_invoice"} <= set(history)


def balances(job: Job, sent: list[Row]) -> list[Any]:
    """By currency; what was taken back does not count, what fell due yesterday or before is overdue."""
    numbers = [order["order_number"] for order in job.orders]
    sums: dict[str, Counter[str]] = {}
    for order in sent:
        place, total = numbers.index(order["order_number"]), job.book.total_of(order)
        if PAID + HALF_PAID <= place < PAID + HALF_PAID + VOIDED:
            continue
        half = total.gross // 2 if place < PAID + HALF_PAID else 0
        paid = total.gross if place < PAID else half
        into = sums.setdefault(order["currency"], Counter())
        into.update(invoiced=total.gross, paid=paid, outstanding=total.gross - paid)
        into["overdue"] += total.gross - paid if job.book.is_late(order) else 0
    names = ("invoiced", "paid", "outstanding", "overdue")
    return [
        {"currency": currency, **{name: {"amount": amount_in(currency, into[name])} for name in names}}
        for currency, into in sorted(sums.items())
    ]


async def history_of(job: Job, field: str, record_id: str) -> list[str]:
    """What was done to it, newest first."""
    document = f"query ($id: ID!) {{ {field}(id: $id) {{ history(first: 100) {{ nodes {{ action }} }} }} }}"
    found = (await job.kith.query(document, {"id": record_id}))[field]["history"]["nodes"]
    return [entry["action"] for entry in found]
