"""Writes the demo files anew: `python -m demo.generate`. The same bytes every time.

`products.csv`, `staff.csv`, `segments.json`, `company.json` and everything in `sources` are written by hand;
the generator reads them and makes the rest.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from demo.generator.activities import build_activities
from demo.generator.customers import build_customers
from demo.generator.directory import Directory
from demo.generator.inputs import FOLDER, read_inputs, stream
from demo.generator.logo import write_logo
from demo.generator.messy import build_messy
from demo.generator.orders import build_ledger
from demo.generator.outcomes import build_plan
from demo.generator.people import build_people
from demo.records import (
    Activity,
    Customer,
    CustomerPlan,
    ExpectedRow,
    InvoicePlan,
    MessyExpectation,
    Order,
    OrderLine,
    Person,
    Plan,
)
from demo.tables import json_object, json_rows, table_bytes


def generate() -> Mapping[str, bytes]:
    """Return every generated file but the logo: name → content."""
    inputs = read_inputs()
    directory = Directory(inputs.names, stream("directory"))
    customers = build_customers(inputs, directory)
    people = build_people(inputs, directory)
    ledger = build_ledger(inputs, customers)
    messy = build_messy(FOLDER / "sources" / "messy.csv", customers)
    return {
        "customers.csv": table_bytes(tuple(customers.values()), Customer),
        "people.csv": table_bytes(people, Person),
        "orders.csv": table_bytes(ledger.orders, Order),
        "order_lines.csv": table_bytes(ledger.lines, OrderLine),
        "activities.csv": table_bytes(build_activities(inputs, customers, people), Activity),
        "plan.json": _plan(build_plan(inputs, customers, ledger)),
        "customers-messy.csv": messy.content,
        "customers-messy.expected.json": _expectation(messy.expected),
    }


def _plan(plan: Plan) -> bytes:
    rows = {
        "customers": json_rows(plan.customers, CustomerPlan),
        "invoices": json_rows(plan.invoices, InvoicePlan),
    }
    return json_object({"anchor": plan.anchor.isoformat()}, rows)


def _expectation(expected: MessyExpectation) -> bytes:
    plain: dict[str, JsonValue] = {
        "encoding": expected.encoding,
        "delimiter": expected.delimiter,
        "mapping": dict(expected.mapping),
    }
    return json_object(plain, {"rows": json_rows(expected.rows, ExpectedRow)})


def main(folder: Path = FOLDER) -> None:
    for name, content in generate().items():
        (folder / name).write_bytes(content)
        sys.stdout.write(f"{name}: {len(content):,} bytes\n")
    write_logo(folder / "logo.png")


if __name__ == "__main__":
    main()
