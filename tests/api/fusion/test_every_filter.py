"""Whatever customers, invoices and activities are filtered by: a list of few or none of them reads no table from end to end.

What counts is the pages that PostgreSQL reads for it, by the plan that Fusion has it make.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from graphql import build_schema
from kith_client import Kith

from api.fusion import ReadPool
from api.fusion.pool import explained
from api.schema import schema
from bench.data import READER, Size, fill_sql
from crm.accounts.models import User
from crm.accounts.tokens import create_token
from crm.activities.filters import ACTIVITY_FILTERS
from crm.customers.filters import CUSTOMER_FILTERS
from crm.invoices.filters import INVOICE_FILTERS
from crm.kernel import database as database_connection
from crm.kernel.actor import Actor, Role
from crm.kernel.clock import now
from crm.kernel.database import credentials
from crm.kernel.filtering import OPERATORS, FilterField, FilterSet, Operand
from crm.kernel.ids import encode, uuid7

SIZE = Size(10_000, big=12, small=2)
SMALLEST = 700  # pages, of the tables that are asked
MOST = 500

Rule = dict[str, Any]
LISTS = {
    "customers": ("CustomerFilter", CUSTOMER_FILTERS),
    "invoices": ("InvoiceFilter", INVOICE_FILTERS),
    "activities": ("ActivityFilter", ACTIVITY_FILTERS),
}
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
async def filled(database: str, db: None) -> AsyncIterator[None]:
    """Tables that are worth an index."""
    connection = await asyncpg.connect(**credentials(database), timeout=120)
    try:
        await connection.execute(fill_sql(SIZE))
        await connection.execute("vacuum analyze")
        for table in ("customer", "contact", "activity", "invoice"):
            pages = "select relpages from pg_class where oid = $1::text::regclass"
            assert await connection.fetchval(pages, table) > SMALLEST, table
        yield
    finally:
        await connection.execute("drop schema if exists bench cascade")
        await connection.close()


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for plans gets them with the pages that were read."""

    async def plan_of(_pool: ReadPool, sql: str, values: Sequence[Any], *, varies: bool) -> str:
        link = await asyncpg.connect(**database_connection.reading())
        try:
            if varies:
                await link.execute("set plan_cache_mode = force_custom_plan")
            return await explained(link, sql, values, "analyze, buffers, format json")
        finally:
            await link.close()

    monkeypatch.setattr(ReadPool, "plan_of", plan_of)


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


async def test_no_filter_reads_a_table_from_end_to_end(server: str, filled: None, counting: None) -> None:
    user = await User.get(email=READER)
    await User.filter(id=user.id).update(role=Role.ADMIN)  # who may see plans
    made = await create_token(
        actor=Actor(user.id, user.name, Role.ADMIN), name="plans", expires_at=now() + timedelta(days=1)
    )
    kith = Kith(server, made.secret)
    inputs = build_schema(schema.as_str()).type_map
    read: dict[str, int] = {}
    for name, (kind, filters) in LISTS.items():
        document = f"query ($filter: {kind}) {{ {name}(first: 50, filter: $filter) {{ nodes {{ id }} }} }}"
        for label, rule in _rules(filters, inputs[kind]):
            body = {"query": document, "variables": {"filter": rule}, "extensions": {"explain": True}}
            answer = (await kith.post(body)).json()
            assert "errors" not in answer, (label, answer)
            (plan,) = (each["plan"]["Plan"] for each in answer["extensions"]["explain"])
            read[f"{name}.{label}"] = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]

    assert len(read) > 250
    assert {label: pages for label, pages in read.items() if pages > MOST} == {}
