"""Reads of invoices and legal entities."""

from typing import Annotated, cast

import strawberry

from api.context import Info, actor_of
from api.files import renders
from api.filters import ordering, to_rule
from api.ids import key_of
from api.invoices.entity_types import LegalEntity
from api.invoices.filters import ORDER_COLUMNS, InvoiceFilter, InvoiceOrder
from api.invoices.types import Invoice
from api.nodes import fetches
from api.paging import Connection, connection
from crm.invoices import pdfs, queries
from crm.kernel.ids import Kind, decode

fetches(Kind.INVOICE)(queries.by_id)
fetches(Kind.INVOICE_LINE)(queries.line_by_id)
fetches(Kind.PAYMENT)(queries.payment_by_id)
fetches(Kind.DELIVERY)(queries.delivery_by_id)
fetches(Kind.LEGAL_ENTITY)(queries.legal_entity_by_id)
fetches(Kind.NUMBER_SERIES)(queries.number_series_by_id)
fetches(Kind.EMAIL_TEMPLATE)(queries.email_template_by_id)


@renders(pdfs.PREVIEW)
async def _preview(invoice_id: str) -> bytes:
    return await pdfs.preview_pdf(decode(Kind.INVOICE, invoice_id))


@strawberry.type
class InvoiceQuery:
    @strawberry.field(description="An invoice by its id; null when there is none, or none you may see.")
    def invoice(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> Invoice | None:
        return cast("Invoice | None", queries.by_id(actor_of(info), key_of(Kind.INVOICE, id)))

    @connection(
        description="Invoices of all customers you may see, the newest first unless ordered otherwise."
    )
    def invoices(
        self,
        info: Info,
        filter: Annotated[
            InvoiceFilter | None, strawberry.argument(description="Only such invoices.")
        ] = None,
        order_by: Annotated[
            list[InvoiceOrder] | None,
            strawberry.argument(description="What to sort by, the first counting most."),
        ] = None,
        search: Annotated[
            str | None,
            strawberry.argument(
                description="Only those with all these words in number and customer's reference, or in the customer's name; case and accents do not matter."
            ),
        ] = None,
    ) -> Connection[Invoice]:
        rule = to_rule(filter) if filter else None
        found = queries.listed(queries.visible_to(actor_of(info)), rule=rule, search=search)
        return cast(
            "Connection[Invoice]", found.order_by(*ordering(order_by, ORDER_COLUMNS, queries.NEWEST_FIRST))
        )

    @strawberry.field(description="A legal entity by its id; null when there is none.")
    def legal_entity(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> LegalEntity | None:
        found = queries.legal_entity_by_id(actor_of(info), key_of(Kind.LEGAL_ENTITY, id))
        return cast("LegalEntity | None", found)

    @connection(description="The companies that issue invoices, by name.")
    def legal_entities(
        self,
        info: Info,
        include_archived: Annotated[
            bool, strawberry.argument(description="Whether to list those that issue nothing any more.")
        ] = False,
    ) -> Connection[LegalEntity]:
        found = queries.legal_entities(actor_of(info), archived=include_archived).order_by("name", "id")
        return cast("Connection[LegalEntity]", found)
