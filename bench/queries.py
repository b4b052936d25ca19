"""The reference queries: what is asked, in the words of each dialect, and with which values, always in the same order.

`kith` is spoken by Kith and by the raw limit, `plain` by the peers whose schema is written here, `postgraphile` by
PostGraphile. Where a dialect can ask for the same rows in a cheaper form, it does: lists instead of connections, one
list of 1,000 rows instead of ten pages of 100.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import asyncpg
import orjson

from bench.data import Size, customer_key
from crm.kernel.database import credentials
from crm.kernel.ids import Kind, encode

Dialect = Literal["kith", "plain", "postgraphile"]
Values = dict[str, Any]
Ask = Callable[[str, str, Values], Any]  # operation, document and variables → `data` of the answer

VARIATIONS = 200
PAGE = 100  # Kith's largest
ROWS = 1000
_CURSORS = ROWS // PAGE
_BY_NAME = "[SORT_NAME_ASC, PRIMARY_KEY_ASC]"


@dataclass(frozen=True, slots=True)
class Query:
    """A reference query. `values` names the list of Values it takes; "rows" are walked to through each server."""

    name: str
    title: str
    operation: str
    values: Literal["lists", "customers", "words", "rows"]
    documents: Mapping[Dialect, str]

    def body(self, dialect: Dialect, values: Values) -> bytes:
        asked = {"query": self.documents[dialect], "variables": values, "operationName": self.operation}
        return orjson.dumps(asked)


_FILTERED = {
    "kith": "filter: {country: {eq: $country}, status: {eq: $status}}",
    "plain": "country: $country, status: $status",
    "postgraphile": "condition: {addressCountry: $country, status: $status, archivedAt: null}, "
    f"orderBy: {_BY_NAME}",
}
_PAGE = (
    "query Page($country: String!, $status: %s!) { %s(first: 50, %s) { nodes { %s name email phone stage status "
    "%s accountManager%s { name } } pageInfo { hasNextPage endCursor } } }"
)
_ROWS = "nodes { id name email phone status accountNumber }"


def _pages() -> str:
    variables = ", ".join(f"$after{n}: String" for n in range(_CURSORS))
    pages = " ".join(
        f"p{n}: customers(first: {PAGE}, after: $after{n}) {{ {_ROWS} }}" for n in range(_CURSORS)
    )
    return f"query Rows({variables}) {{ {pages} }}"


QUERIES = (
    Query(
        "page",
        "Page of 50 customers",
        "Page",
        "lists",
        {
            "kith": _PAGE % ("CustomerStatus", "customers", _FILTERED["kith"], "id", "address { city }", ""),
            "plain": _PAGE % ("String", "customers", _FILTERED["plain"], "id", "city", ""),
            "postgraphile": _PAGE
            % (
                *("String", "customers: allCustomers", _FILTERED["postgraphile"], "id: rowId"),
                *("city: addressCity", ": staffUserByAccountManagerId"),
            ),
        },
    ),
    Query(
        "view",
        "360° view of a customer",
        "View",
        "customers",
        {
            "kith": "query View($id: ID!) { customer(id: $id) { id name email phone website stage status accountNumber "
            "createdAt accountManager { name } contacts(first: 10) { nodes { id name email phone title isPrimary } } "
            "activities(first: 10) { nodes { id type title occurredAt } } invoices(first: 5) { nodes { id number state "
            "currency issueDate dueDate gross { amount } lines { description quantity net { amount } } } } } }",
            "plain": "query View($id: ID!) { customer(id: $id) { id name email phone website stage status accountNumber "
            "createdAt accountManager { name } contacts(first: 10) { id name email phone title isPrimary } "
            "activities(first: 10) { id type title occurredAt } invoices(first: 5) { id number state "
            "currency issueDate dueDate gross lines { description quantity net } } } }",
            "postgraphile": "query View($id: UUID!) { customer: customerByRowId(rowId: $id) { id: rowId name email phone "
            "website stage status accountNumber createdAt accountManager: staffUserByAccountManagerId { name } contacts: "
            "contactsByCustomerIdList(first: 10, orderBy: [IS_PRIMARY_DESC, NAME_ASC, PRIMARY_KEY_ASC]) { id: rowId name "
            "email phone title isPrimary } activities: activitiesByCustomerIdList(first: 10, orderBy: [OCCURRED_AT_DESC, "
            "PRIMARY_KEY_DESC]) { id: rowId type title occurredAt } invoices: invoicesByCustomerIdList(first: 5, orderBy: "
            "[CREATED_AT_DESC, PRIMARY_KEY_DESC]) { id: rowId number state currency issueDate dueDate gross: grossTotal "
            "lines: invoiceLinesByInvoiceIdList(orderBy: POSITION_ASC) { description quantity net } } } }",
        },
    ),
    Query(
        "nested",
        "50 customers with contacts and invoices",
        "Nested",
        "lists",
        {
            "kith": "query Nested($country: String!, $status: CustomerStatus!) { customers(first: 50, "
            + _FILTERED["kith"]
            + ") { nodes { id name email status contacts(first: 10) { nodes { name email phone } } "
            "invoices(first: 10) { nodes { number state issueDate gross { amount } } } } } }",
            "plain": "query Nested($country: String!, $status: String!) { customers(first: 50, "
            + _FILTERED["plain"]
            + ") { nodes { id name email status contacts(first: 10) { name email phone } "
            "invoices(first: 10) { number state issueDate gross } } } }",
            "postgraphile": "query Nested($country: String!, $status: String!) { customers: allCustomersList(first: 50, "
            + _FILTERED["postgraphile"]
            + ") { id: rowId name email status contacts: contactsByCustomerIdList(first: 10, orderBy: [IS_PRIMARY_DESC, "
            "NAME_ASC, PRIMARY_KEY_ASC]) { name email phone } invoices: invoicesByCustomerIdList(first: 10, orderBy: "
            "[CREATED_AT_DESC, PRIMARY_KEY_DESC]) { number state issueDate gross: grossTotal } } }",
        },
    ),
    Query(
        "rows",
        "1,000 flat rows",
        "Rows",
        "rows",
        {
            "kith": _pages(),
            "plain": f"query Rows($after: String) {{ customers(first: {ROWS}, after: $after) {{ {_ROWS} }} }}",
            "postgraphile": "query Rows($after: Cursor) { customers: allCustomers(first: "
            f"{ROWS}, after: $after, condition: {{archivedAt: null}}, orderBy: {_BY_NAME}) "
            f"{{ {_ROWS.replace(' id ', ' id: rowId ')} }} }}",
        },
    ),
    Query(
        "search",
        "Text search, best 25",
        "Search",
        "words",
        {
            "kith": "query Search($word: String!) { customers(first: 25, search: $word) "
            "{ nodes { id name email phone status accountManager { name } } } }",
            "plain": "query Search($word: String!) { search(first: 25, word: $word) "
            "{ id name email phone status accountManager { name } } }",
            "postgraphile": "query Search($word: String!) { customers: benchSearchCustomersList(first: 25, word: $word) "
            "{ id: rowId name email phone status accountManager: staffUserByAccountManagerId { name } } }",
        },
    ),
    Query(
        "timeline",
        "Timeline: 25 newest activities",
        "Timeline",
        "customers",
        {
            "kith": "query Timeline($id: ID!) { customer(id: $id) { activities(first: 25) "
            "{ nodes { id type title description occurredAt user { name } } } } }",
            "plain": "query Timeline($id: ID!) { customer(id: $id) { activities(first: 25) "
            "{ id type title description occurredAt user { name } } } }",
            "postgraphile": "query Timeline($id: UUID!) { customer: customerByRowId(rowId: $id) { activities: "
            "activitiesByCustomerIdList(first: 25, orderBy: [OCCURRED_AT_DESC, PRIMARY_KEY_DESC]) "
            "{ id: rowId type title description occurredAt user: staffUserByUserId { name } } } }",
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """The values of every variation."""

    lists: Sequence[Values]
    customers: Sequence[int]
    words: Sequence[str]


async def sample(url: str, size: Size) -> Sample:
    """The same for every server and every run: countries by status, big customers, and words out of names."""
    chance = random.Random(7)  # noqa: S311  no secret
    customers = [10 * n for n in chance.sample(range(1, size.customers // 10 + 1), VARIATIONS)]
    named = [customer_key(n) for n in chance.sample(range(1, size.customers + 1), VARIATIONS)]
    connection = await asyncpg.connect(**credentials(url))
    try:
        countries = await connection.fetch("select distinct address_country as code from customer order by 1")
        rows = await connection.fetch("select name from customer where id = any($1) order by id", named)
    finally:
        await connection.close()
    lists = [{"country": row["code"], "status": s} for row in countries for s in ("ACTIVE", "PROSPECT")]
    chance.shuffle(lists)
    return Sample(lists, customers, [row["name"].split()[0].lower() for row in rows])


def bodies(query: Query, dialect: Dialect, values: Sample, ask: Ask, size: Size) -> list[bytes]:
    """One request body a variation, in the order in which they are sent."""
    return [query.body(dialect, each) for each in _values(query, dialect, values, ask, size)]


def _values(query: Query, dialect: Dialect, values: Sample, ask: Ask, size: Size) -> list[Values]:
    match query.values:
        case "lists":
            return list(values.lists)
        case "words":
            return [{"word": word} for word in values.words]
        case "customers":
            keys = [customer_key(number) for number in values.customers]
            return [{"id": encode(Kind.CUSTOMER, key) if dialect == "kith" else str(key)} for key in keys]
        case "rows":
            return _walk(dialect, ask, blocks=min(20, size.customers // (ROWS + ROWS // 10)))


def _walk(dialect: Dialect, ask: Ask, blocks: int) -> list[Values]:
    """The cursors of consecutive blocks of 1,000 rows, as the server itself gives them out."""
    size = PAGE if dialect == "kith" else ROWS
    field = {
        "kith": f"customers(first: {size}, after: $after)",
        "plain": f"customers(first: {size}, after: $after)",
        "postgraphile": f"customers: allCustomers(first: {size}, after: $after, condition: {{archivedAt: null}}, "
        f"orderBy: {_BY_NAME})",
    }[dialect]
    kind = "Cursor" if dialect == "postgraphile" else "String"
    document = f"query Walk($after: {kind}) {{ {field} {{ pageInfo {{ endCursor }} }} }}"
    cursors: list[str | None] = [None]
    while len(cursors) < blocks * ROWS // size:
        found = ask("Walk", document, {"after": cursors[-1]})
        cursors.append(found["customers"]["pageInfo"]["endCursor"])
    if dialect != "kith":
        return [{"after": cursor} for cursor in cursors]
    starts = range(0, len(cursors), _CURSORS)
    return [{f"after{n}": cursors[start + n] for n in range(_CURSORS)} for start in starts]
