"""The demo's files as rows of text, and which part of them the main job is done on."""

import csv
import io
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from demo import files
from tests.e2e.expected import Expected, Row, expected

CUSTOMERS, ORDERS = 12, 40


@dataclass(frozen=True)
class Book:
    """Dates of customers are moved so that the last order is of `today`; orders get theirs from `day_of`."""

    today: date
    customers: dict[str, Row]
    orders: list[Row]
    lines: dict[str, list[Row]]

    @classmethod
    def read(cls) -> "Book":
        today = datetime.now(UTC).date()
        customers = csv.DictReader(io.StringIO(files.customers_csv(today).decode()))
        lines: dict[str, list[Row]] = {}
        for line in table("order_lines.csv"):
            lines.setdefault(line["order_number"], []).append(line)
        return cls(today, {row["Account number"]: row for row in customers}, table("orders.csv"), lines)

    def of_unit(self, unit: str) -> list[Row]:
        return [row for row in self.customers.values() if row["Business unit"] == unit]

    def day_of(self, order: Row) -> date:
        last = date.fromisoformat(self.orders[-1]["order_date"])
        return date.fromisoformat(order["order_date"]) + (self.today - last)

    def is_late(self, order: Row) -> bool:
        """Whether its due day has ended where the seller is."""
        row = self.customers[order["account_number"]]
        zone = ZoneInfo("Europe/Berlin" if "GmbH" in row["Legal entity"] else "Europe/London")
        due = self.day_of(order) + timedelta(days=int(row["Payment terms (days)"]))
        return due < datetime.now(zone).date()

    def total_of(self, order: Row) -> Expected:
        return expected(order, self.lines[order["order_number"]])

    def some_orders(self) -> list[Row]:
        """Forty orders of twelve customers, oldest first: every currency, most of them with discounts."""
        chosen = self._some_customers()
        discounted = sorted(self.orders, key=lambda order: not self._discounts(order))
        each = Counter[str]()
        found = []
        for order in discounted:
            account = order["account_number"]
            if account in chosen and each[account] < 1 + ORDERS // CUSTOMERS and len(found) < ORDERS:
                each[account] += 1
                found.append(order)
        return sorted(found, key=lambda order: order["order_number"])

    def _some_customers(self) -> set[str]:
        """Those with the most orders in Germany, in France and in each currency; then the next best."""
        counts = Counter(order["account_number"] for order in self.orders)
        best = [account for account, _ in counts.most_common()]
        by_country, by_currency = dict[str, str](), dict[str, str]()
        for account in best:
            by_country.setdefault(self.customers[account]["Country"], account)
            by_currency.setdefault(self.customers[account]["Currency"], account)
        wanted = [by_country["DE"], by_country["FR"], *by_currency.values(), *best]
        return set(list(dict.fromkeys(wanted))[:CUSTOMERS])

    def _discounts(self, order: Row) -> bool:
        lines = self.lines[order["order_number"]]
        return bool(order["discount_percent"] or order["discount_amount"]) and any(
            line["discount_percent"] for line in lines
        )


def table(name: str) -> list[Row]:
    text = (files.FOLDER / name).read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))
