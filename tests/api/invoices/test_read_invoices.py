"""Lists, filters, orders and nodes of invoices through HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from factories import make_user
from invoicing import Shop, make_draft, make_in_state, make_sent, make_shop
from kith_client import GraphQLFailed, Kith

from crm.customers.models import Customer
from crm.invoices import issuing, queries
from crm.invoices.models import Delivery, EmailTemplate, Invoice, NumberSeries, Payment
from crm.invoices.rules import InvoiceState
from crm.kernel.actor import Role
from crm.kernel.clock import today
from crm.kernel.ids import Kind, encode

LIST = """query ($filter: InvoiceFilter, $orderBy: [InvoiceOrder!], $search: String, $first: Int, $after: String) {
  invoices(filter: $filter, orderBy: $orderBy, search: $search, first: $first, after: $after) {
    totalCount nodes { id isOverdue number } pageInfo { hasNextPage endCursor } } }"""


def ids(*invoices: Invoice) -> list[str]:
    return [encode(Kind.INVOICE, invoice.id) for invoice in invoices]


async def listed(server: str, shop: Shop, **variables: Any) -> list[str]:
    answer = await Kith(server, shop.manager.token).graphql(LIST, variables)
    return [node["id"] for node in answer["invoices"]["nodes"]]


async def overdue(shop: Shop) -> Invoice:
    draft = await make_draft(shop, payment_terms_days=5)
    day = today() - timedelta(days=6)
    return await issuing.send_invoice(draft.id, issue_date=day, actor=shop.manager.actor)


async def test_invoices_are_filtered_and_sorted(server: str, shop: Shop) -> None:
    late = await overdue(shop)
    sent, draft = await make_sent(shop, customer_reference="PO 12"), await make_draft(shop)
    paid = await make_in_state(shop, InvoiceState.PAID)
    customer = encode(Kind.CUSTOMER, shop.customer.id)

    for variables, expected in (
        ({}, ids(paid, draft, sent, late)),
        ({"filter": {"isOverdue": {"eq": True}}}, ids(late)),
        ({"filter": {"state": {"in": ["DRAFT", "PAID"]}}}, ids(paid, draft)),
        ({"filter": {"customer": {"eq": customer}, "due": {"eq": "0"}}}, ids(paid)),
        ({"filter": {"or": [{"number": {"isNull": True}}, {"paid": {"gt": "1"}}]}}, ids(paid, draft)),
        ({"filter": {"not": {"state": {"eq": "SENT"}}}}, ids(paid, draft)),
        ({"filter": {"issueDate": {"lt": str(today())}}}, ids(late)),
        ({"search": "po 12"}, ids(sent)),
        ({"search": shop.customer.name}, ids(paid, draft, sent, late)),
        ({"orderBy": [{"field": "NUMBER", "direction": "ASC"}]}, ids(late, sent, paid, draft)),
        (
            {"orderBy": [{"field": "DUE_DATE", "direction": "DESC"}, {"field": "CREATED_AT"}]},
            ids(draft, sent, paid, late),
        ),
    ):
        assert await listed(server, shop, **variables) == expected, variables


async def test_pages_meet_every_invoice_once(server: str, shop: Shop) -> None:
    made = [await make_draft(shop) for _ in range(7)]
    seen: list[str] = []
    after = None
    while True:
        answer = await Kith(server, shop.manager.token).graphql(
            LIST, {"first": 3, "after": after, "orderBy": [{"field": "GROSS"}]}
        )
        page = answer["invoices"]
        seen += [node["id"] for node in page["nodes"]]
        assert page["totalCount"] == 7
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]

    assert sorted(seen) == sorted(ids(*made))


async def test_other_units_invoices_are_not_there(server: str, shop: Shop) -> None:
    theirs = await make_sent(await make_shop())
    stranger = Kith(server, shop.manager.token)
    (key,) = ids(theirs)
    hanging = [
        encode(Kind.INVOICE_LINE, (await queries.lines_of(theirs))[0].id),
        encode(Kind.DELIVERY, (await Delivery.get(invoice_id=theirs.id)).id),
    ]

    answer = await stranger.graphql(
        "query ($id: ID!, $ids: [ID!]!) { invoice(id: $id) { number } nodes(ids: $ids) { id } "
        "invoices { totalCount nodes { id } } }",
        {"id": key, "ids": [key, *hanging]},
    )

    assert answer == {"invoice": None, "nodes": [None] * 3, "invoices": {"totalCount": 0, "nodes": []}}


async def test_nobody_reads_without_a_login(server: str, shop: Shop) -> None:
    await make_sent(shop)

    for document in ("{ invoices { totalCount } }", "{ legalEntities { totalCount } }"):
        with pytest.raises(GraphQLFailed) as refused:
            await Kith(server).graphql(document)
        assert refused.value.codes == ["UNAUTHENTICATED"]


async def test_every_part_of_an_invoice_is_a_node(server: str, shop: Shop) -> None:
    invoice = await make_in_state(shop, InvoiceState.PAID)
    template = await EmailTemplate.create(
        legal_entity_id=shop.entity.id, language="en", subject="S", body="B"
    )
    wanted = [
        *ids(invoice),
        encode(Kind.INVOICE_LINE, (await queries.lines_of(invoice))[0].id),
        encode(Kind.PAYMENT, (await Payment.get(invoice_id=invoice.id)).id),
        encode(Kind.DELIVERY, (await Delivery.get(invoice_id=invoice.id)).id),
        encode(Kind.LEGAL_ENTITY, shop.entity.id),
        encode(Kind.NUMBER_SERIES, (await NumberSeries.get(legal_entity_id=shop.entity.id)).id),
        encode(Kind.EMAIL_TEMPLATE, template.id),
    ]

    answer = await Kith(server, shop.manager.token).graphql(
        """query ($ids: [ID!]!) { nodes(ids: $ids) { id __typename
             ... on Payment { invoice { number } } ... on Delivery { invoice { number } } } }""",
        {"ids": wanted},
    )

    assert [node["id"] for node in answer["nodes"]] == wanted
    assert [node["__typename"] for node in answer["nodes"]] == [
        "Invoice",
        "InvoiceLine",
        "Payment",
        "Delivery",
        "LegalEntity",
        "NumberSeries",
        "EmailTemplate",
    ]
    assert answer["nodes"][2]["invoice"] == answer["nodes"][3]["invoice"] == {"number": invoice.number}


async def test_analysts_read_everything_in_their_units(server: str, shop: Shop) -> None:
    await overdue(shop)
    analyst = await make_user(Role.ANALYST, [shop.unit])

    answer = await Kith(server, analyst.token).graphql(LIST, {"filter": {"isOverdue": {"eq": True}}})

    (node,) = answer["invoices"]["nodes"]
    assert node["isOverdue"] is True


async def test_an_issued_invoice_keeps_its_names_when_everybody_is_renamed(server: str, shop: Shop) -> None:
    invoice = await make_sent(shop)
    await Customer.filter(id=shop.customer.id).update(name="Renamed")

    answer = await Kith(server, shop.manager.token).graphql(
        "query ($id: ID!) { invoice(id: $id) { customer { name } buyer { name accountNumber } } }",
        {"id": ids(invoice)[0]},
    )

    assert answer["invoice"] == {
        "customer": {"name": "Renamed"},
        "buyer": {"name": shop.customer.name, "accountNumber": shop.customer.account_number},
    }


async def test_an_id_of_another_kind_is_refused(server: str, shop: Shop) -> None:
    with pytest.raises(GraphQLFailed) as refused:
        await Kith(server, shop.manager.token).graphql('{ invoice(id: "cus_0") { id } }')

    assert refused.value.codes == ["NOT_FOUND"]
