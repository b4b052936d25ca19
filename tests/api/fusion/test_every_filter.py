"""Whatever customers, invoices and activities are filtered or sorted by: a page of few or none of them reads no table from end to
end. What is missing (`isNull: true`) is another matter: docs/decisions/0011-indexes-of-a-large-table.md.

What counts is the pages that PostgreSQL reads for it, by the plan that Fusion has it make.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from graphql import build_schema
from kith_client import Kith

from api.schema import schema
from bench.data import Size
from crm.activities.filters import ACTIVITY_FILTERS
from crm.customers.filters import CUSTOMER_FILTERS
from crm.invoices.filters import INVOICE_FILTERS
from crm.kernel.filtering import OPERATORS, FilterField, FilterSet, Operand
from crm.kernel.ids import encode, uuid7
from tests.api.fusion.explained_reads import filled, plan_with, reader_of_plans

SIZE = Size(10_000, big=12, small=2)
SMALLEST = 700  # pages, of the tables that are asked
MOST = 500

Rule = dict[str, Any]
LISTS = {
    "customers": ("CustomerFilter", CUSTOMER_FILTERS),
    "invoices": ("InvoiceFilter", INVOICE_FILTERS),
    "activities": ("ActivityFilter", ACTIVITY_FILTERS),
}
SORTED = {"customers": "CustomerOrder", "invoices": "InvoiceOrder"}
NOBODYS = {
    Operand.TEXT: "zqx7",
    Operand.NUMBER: "123456789.12",
    Operand.WHOLE: 30_000,
    Operand.DATE: "2051-01-01",
    Operand.INSTANT: "2051-01-01T00:00:00Z",
    Operand.TAGS: "zqx7",
}
CODES = {"language": "is", "currency": "CHF", "address_country": "KP"}


@pytest.fixture
async def many_customers(database: str, db: None) -> AsyncIterator[None]:
    """Tables that are worth an index."""
    async with filled(database, SIZE) as connection:
        for table in ("customer", "contact", "activity", "invoice"):
            pages = "select relpages from pg_class where oid = $1::text::regclass"
            assert await connection.fetchval(pages, table) > SMALLEST, table
        yield


def _value(field: FilterField, operator: str) -> Any:
    """Nobody's; as `ne` and so on everybody's."""
    if operator in {"isNull", "isEmpty"}:
        return False
    match field.operand:
        case Operand.ID:
            assert field.kind is not None
            value: Any = encode(field.kind, uuid7())
        case Operand.ENUM:
            assert field.choices is not None
            value = list(field.choices)[-1].value
        case Operand.FLAG:
            value = True
        case operand:
            value = CODES.get(field.column, NOBODYS[operand]) if field.means else NOBODYS[operand]
    if field.column == "language" and operator == "contains":
        value = "is-"  # two letters alone are in no index
    if operator == "between":
        return [value, value]
    return [value] if operator in {"in", "notIn", "hasAny", "hasAll"} else value


def _rules(filters: FilterSet, kind: Any) -> Iterator[tuple[str, Rule]]:
    """Each field with each operator that the API's input type of the filter has."""
    for name, field in filters.fields.items():
        for operator in sorted(kind.fields[name].type.fields.keys() & OPERATORS[field.operand]):
            yield f"{name}.{operator}", {name: {operator: _value(field, operator)}}
    for relation, spec in filters.relations.items():
        for label, rule in _rules(spec.filters(), kind.fields[relation].type.fields["some"].type):
            yield f"{relation}.{label}", {relation: {"some": rule}}


async def _pages(kith: Kith, document: str, **variables: Any) -> int:
    body = {"query": document, "variables": variables, "extensions": {"explain": True}}
    answer = (await kith.post(body)).json()
    assert "errors" not in answer, (variables, answer)
    (plan,) = (each["plan"]["Plan"] for each in answer["extensions"]["explain"])
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def test_no_filter_or_order_reads_a_table_from_end_to_end(
    server: str, many_customers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_with(monkeypatch, "analyze, buffers, format json")
    kith = await reader_of_plans(server)
    types = build_schema(schema.as_str()).type_map
    read: dict[str, int] = {}
    for name, (kind, filters) in LISTS.items():
        page = f"{name}(first: 50, filter: $filter) {{ nodes {{ id }} }}"
        for label, rule in _rules(filters, types[kind]):
            read[f"{name}.{label}"] = await _pages(kith, f"query ($filter: {kind}) {{ {page} }}", filter=rule)
    for name, kind in SORTED.items():
        page = f"{name}(first: 50, orderBy: $order) {{ nodes {{ id }} }}"
        for field in types[f"{kind}Field"].values:  # type: ignore[attr-defined]
            for direction in ("ASC", "DESC"):
                order = [{"field": field, "direction": direction}]
                document = f"query ($order: [{kind}!]) {{ {page} }}"
                read[f"{name} by {field} {direction}"] = await _pages(kith, document, order=order)

    assert len(read) > 280
    assert {label: pages for label, pages in read.items() if pages > MOST} == {}
