"""How a customer looks to callers."""

from typing import TYPE_CHECKING

import strawberry

from api.nodes import Node, id_field, node_type
from api.paging import Connection, connection
from crm.customers import models
from crm.kernel.ids import Kind

if TYPE_CHECKING:
    from tortoise.queryset import QuerySet


@node_type(
    model=models.Customer,
    description="A company or person the organisation does, or wants to do, business with.",
)
class Customer(Node):
    id: strawberry.ID = id_field(Kind.CUSTOMER)
    name: str = strawberry.field(description="Name, at most 200 characters.")
