"""The plain way: Strawberry and Tortoise as their manuals show them, with data loaders, on Kith's own models.

The schema is that of the Node peers (peers/schema.mjs). Parsing and validation are cached.
"""

import base64
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import orjson
import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache
from tortoise import Model
from tortoise.connection import get_connection
from tortoise.expressions import Q

from crm.accounts import models as accounts
from crm.activities import models as activities
from crm.contacts import models as contacts
from crm.customers import models as customers
from crm.invoices import models as invoices
from crm.kernel import database

Load = Callable[[list[UUID]], Awaitable[Sequence[Any]]]


async def _users(keys: list[UUID]) -> list[accounts.User | None]:
    found = await accounts.User.in_bulk(keys, "id")
    return [found.get(key) for key in keys]


def _grouped(model: type[Model], column: str, *order: str) -> Load:
    async def load(keys: list[UUID]) -> list[list[Any]]:
        groups = defaultdict(list)
        wanted: dict[str, Any] = {f"{column}__in": keys}
        for row in await model.filter(**wanted).order_by(*order):
            groups[getattr(row, column)].append(row)
        return [groups[key] for key in keys]

    return load


LOADS: dict[str, Load] = {
    "users": _users,
    "contacts": _grouped(contacts.Contact, "customer_id", "-is_primary", "name", "id"),
    "activities": _grouped(activities.Activity, "customer_id", "-occurred_at", "-id"),
    "invoices": _grouped(invoices.Invoice, "customer_id", "-created_at", "-id"),
    "lines": _grouped(invoices.InvoiceLine, "invoice_id", "position"),
}


async def _load(info: strawberry.Info, name: str, key: UUID | None) -> Any:
    return None if key is None else await info.context[name].load(key)


@strawberry.type
class User:
    id: strawberry.ID
    name: str


@strawberry.type
class Contact:
    id: strawberry.ID
    name: str
    email: str
    phone: str | None
    title: str | None
    is_primary: bool


@strawberry.type
class Activity:
    id: strawberry.ID
    type: str
    title: str
    description: str | None
    occurred_at: datetime

    @strawberry.field
    async def user(self, info: strawberry.Info) -> User | None:
        return cast("User | None", await _load(info, "users", cast("activities.Activity", self).user_id))


@strawberry.type
class InvoiceLine:
    description: str
    quantity: Decimal
    net: Decimal


@strawberry.type
class Invoice:
    id: strawberry.ID
    number: str | None
    state: str
    currency: str
    issue_date: date | None
    due_date: date | None

    @strawberry.field
    def gross(self) -> Decimal:
        return cast("Decimal", cast("invoices.Invoice", self).gross_total)

    @strawberry.field
    async def lines(self, info: strawberry.Info) -> list[InvoiceLine]:
        return cast("list[InvoiceLine]", await _load(info, "lines", cast("invoices.Invoice", self).id))


@strawberry.type
class Customer:
    id: strawberry.ID
    name: str
    email: str
    phone: str | None
    website: str | None
    stage: str
    status: str
    account_number: str | None
    created_at: datetime

    @strawberry.field
    def city(self) -> str | None:
        return cast("customers.Customer", self).address_city

    @strawberry.field
    async def account_manager(self, info: strawberry.Info) -> User | None:
        key = cast("customers.Customer", self).account_manager_id
        return cast("User | None", await _load(info, "users", key))

    @strawberry.field
    async def contacts(self, info: strawberry.Info, first: int = 10) -> list[Contact]:
        found = await _load(info, "contacts", cast("customers.Customer", self).id)
        return cast("list[Contact]", found[:first])

    @strawberry.field
    async def activities(self, info: strawberry.Info, first: int = 10) -> list[Activity]:
        found = await _load(info, "activities", cast("customers.Customer", self).id)
        return cast("list[Activity]", found[:first])

    @strawberry.field
    async def invoices(self, info: strawberry.Info, first: int = 10) -> list[Invoice]:
        found = await _load(info, "invoices", cast("customers.Customer", self).id)
        return cast("list[Invoice]", found[:first])


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class CustomerPage:
    nodes: list[Customer]
    page_info: PageInfo


@strawberry.type
class Query:
    @strawberry.field
    async def customers(
        self, first: int = 50, after: str | None = None, country: str | None = None, status: str | None = None
    ) -> CustomerPage:
        found = customers.Customer.filter(archived_at=None)
        if country is not None:
            found = found.filter(address_country=country)
        if status is not None:
            found = found.filter(status=status)
        if after is not None:
            name, key = orjson.loads(base64.urlsafe_b64decode(after))
            found = found.filter(Q(sort_name__gt=name) | Q(sort_name=name, id__gt=key))
        rows = await found.order_by("sort_name", "id").limit(first + 1)
        page = rows[:first]
        cursor = (
            base64.urlsafe_b64encode(orjson.dumps([page[-1].sort_name, str(page[-1].id)])).decode()
            if page
            else None
        )
        info = PageInfo(has_next_page=len(rows) > first, end_cursor=cursor)
        return CustomerPage(nodes=cast("list[Customer]", page), page_info=info)

    @strawberry.field
    async def customer(self, id: strawberry.ID) -> Customer | None:
        return cast("Customer | None", await customers.Customer.get_or_none(id=id))

    @strawberry.field
    async def search(self, word: str, first: int = 25) -> list[Customer]:
        sql = "select * from bench.search_customers($1) limit $2"
        rows = await get_connection("default").execute_query_dict(sql, [word, first])
        return cast("list[Customer]", [customers.Customer._init_from_db(**row) for row in rows])  # noqa: SLF001


class _View(GraphQL[dict[str, Any], None]):
    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> dict[str, Any]:
        del request, response
        return {name: DataLoader(load_fn=load) for name, load in LOADS.items()}


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    del app
    await database.connect()
    yield
    await database.close()


_schema = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache])
app = Starlette(routes=[Route("/graphql", _View(_schema, graphql_ide=None))], lifespan=_lifespan)
