"""Reads of customers."""

from typing import cast

import strawberry

from api.context import Info, actor_of
from api.customers.types import Customer
from api.ids import key_of
from api.nodes import fetches
from api.paging import Connection, connection
from crm.customers import queries
from crm.kernel.ids import Kind

fetches(Kind.CUSTOMER)(queries.by_id)


@strawberry.type
class CustomerQuery:
    @strawberry.field(description="A customer by its id; null when there is none, or none you may see.")
    def customer(self, info: Info, id: strawberry.ID) -> Customer | None:
        return cast("Customer | None", queries.by_id(actor_of(info), key_of(Kind.CUSTOMER, id)))

    @connection(description="Customers.")
    def customers(self, info: Info) -> Connection[Customer]:
        return cast("Connection[Customer]", queries.visible_to(actor_of(info)).order_by("name"))
