"""Reads of customers and of what they are made of."""

from typing import Annotated, cast

import strawberry

from api.context import Info, actor_of
from api.customers.filters import ORDER_COLUMNS, CustomerFilter, CustomerOrder
from api.customers.types import Customer, CustomerField, PickListItem, RequiredField
from api.filters import ordering, to_rule
from api.ids import key_of
from api.nodes import fetches
from api.paging import Connection, connection
from crm.customers import queries
from crm.customers.fields import CUSTOMER_FIELDS
from crm.customers.models import Phase, PickList
from crm.customers.requirements import BUILT_IN
from crm.kernel.ids import Kind

fetches(Kind.CUSTOMER)(queries.by_id)
fetches(Kind.PICK_LIST_ITEM)(queries.pick_list_item)

CustomerId = Annotated[strawberry.ID, strawberry.argument(description="The customer's id, `cus_…`.")]
FilterArgument = Annotated[CustomerFilter | None, strawberry.argument(description="Conditions they meet.")]
SearchArgument = Annotated[
    str | None,
    strawberry.argument(
        description="Words to find among those of name, e-mail and contacts, as they begin (of names also from within), case "
        "and accents apart; numbers by how a phone number begins or ends, in any form. One whole e-mail address or number "
        "finds those who have it; typos are forgiven when nothing is found letter by letter. "
        "Without `orderBy` the best come first."
    ),
]
OrderArgument = Annotated[
    list[CustomerOrder] | None, strawberry.argument(description="The order; by name if left out.")
]


@strawberry.type
class CustomerQuery:
    @strawberry.field(description="A customer by its id; null when there is none, or none you may see.")
    def customer(self, info: Info, id: CustomerId) -> Customer | None:
        return cast("Customer | None", queries.by_id(actor_of(info), key_of(Kind.CUSTOMER, id)))

    @connection(
        description="The customers of your business units. Archived ones only if the filter speaks of them."
    )
    def customers(
        self,
        info: Info,
        filter: FilterArgument = None,
        search: SearchArgument = None,
        order_by: OrderArgument = None,
    ) -> Connection[Customer]:
        found = queries.list_customers(
            actor_of(info),
            rule=to_rule(filter) if filter else None,
            search=search,
            order=ordering(order_by, ORDER_COLUMNS, ()),
        )
        return cast("Connection[Customer]", found)

    @connection(description="The choices of a pick list, in its order.")
    def pick_list_items(
        self,
        info: Info,
        list: Annotated[PickList, strawberry.argument(description="The list.")],
        search: Annotated[str | None, strawberry.argument(description="Part of the name.")] = None,
        archived: Annotated[bool, strawberry.argument(description="true: those out of use as well.")] = False,
    ) -> Connection[PickListItem]:
        actor_of(info)
        return cast("Connection[PickListItem]", queries.pick_list(list, search=search, archived=archived))

    @strawberry.field(description="Every field of a customer that can be set.")
    def customer_fields(self, info: Info) -> list[CustomerField]:
        actor_of(info)
        return [
            CustomerField(
                name=field.name,
                label=field.label,
                kind=field.kind,
                max_length=field.max_length,
                pick_list=field.pick_list,
                required_from=next((phase for phase in Phase if key in BUILT_IN[phase]), None),
                requirable=field.requirable,
            )
            for key, field in CUSTOMER_FIELDS.items()
        ]

    @strawberry.field(description="What admins require of every customer beyond the built-in fields.")
    def required_fields(self, info: Info) -> list[RequiredField]:
        actor_of(info)
        return cast("list[RequiredField]", queries.required_fields())
