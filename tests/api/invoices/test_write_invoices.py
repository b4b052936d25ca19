"""Writing invoices through HTTP: drafts, previews, and every refusal with its code and nothing changed."""

from decimal import Decimal
from typing import Any

import httpx
import pytest
from factories import make_contact, make_live_customer, make_pick, make_user
from invoicing import LINE, Shop, make_draft, make_in_state, make_sent, make_shop, nothing_changes
from kith_client import GraphQLFailed, Kith

from crm.customers.models import Customer, PickList
from crm.invoices.contents import LineDraft
from crm.invoices.models import Invoice
from crm.invoices.rules import InvoiceState
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode, uuid7

LINES = [
    {"description": "Coffee\nwhole beans", "quantity": "2.5", "unitPrice": "10.123456", "unit": "KGM"},
    {
        "description": "Roasting",
        "quantity": "1",
        "unitPrice": "50",
        "taxRate": "7",
        "discount": {"percent": "10"},
    },
]
SELECTION = """
  invoice {
    id state number currency language issueDate dueDate deliveryDate paymentTermsDays customerReference notes version
    isOverdue customer { name } legalEntity { name } invoiceType { name } sentBy { name } createdBy { name }
    discount { percent amount { amount } } linesTotal { amount } discountTotal { amount }
    net { amount } tax { amount } gross { amount currency } paid { amount } due { amount }
    lines { position description quantity unit unitPrice { amount currency } discount { percent amount { amount } }
            discountTotal { amount } taxCategory taxRate net { amount } }
    taxGroups { category rate base { amount } tax { amount } }
    payments { amount { amount } } deliveries { recipient } seller { name } buyer { name } pdf { url } voided { reason }
    duplicateOf { id } history(first: 5) { nodes { action } }
  }
"""


def invoice_id(invoice: Invoice) -> str:
    return encode(Kind.INVOICE, invoice.id)


def customer_id(shop: Shop) -> str:
    return encode(Kind.CUSTOMER, shop.customer.id)


def api(server: str, shop: Shop) -> Kith:
    return Kith(server, shop.manager.token)


async def create(kith: Kith, shop: Shop, **given: Any) -> dict[str, Any]:
    values = {"customerId": customer_id(shop), "lines": LINES} | given
    return await kith.mutate("createInvoice", "CreateInvoiceInput", SELECTION, values)


async def test_a_draft_is_answered_with_everything_it_says(server: str, shop: Shop) -> None:
    kind = await make_pick(PickList.INVOICE_TYPE, name="Goods")
    given = {
        "invoiceTypeId": encode(Kind.PICK_LIST_ITEM, kind.id),
        "currency": "GBP",
        "language": "fr",
        "paymentTermsDays": 7,
        "deliveryDate": "2026-05-04",
        "customerReference": "PO 1",
        "notes": "Merci",
        "discount": {"amount": "5"},
    }

    payload = await create(api(server, shop), shop, **given)

    assert payload["errors"] == []
    told = payload["invoice"]
    assert told["id"].startswith("inv_")
    del told["id"]
    assert told == {
        "state": "DRAFT",
        "number": None,
        "currency": "GBP",
        "language": "fr",
        "issueDate": None,
        "dueDate": None,
        "deliveryDate": "2026-05-04",
        "paymentTermsDays": 7,
        "customerReference": "PO 1",
        "notes": "Merci",
        "version": 1,
        "isOverdue": False,
        "customer": {"name": shop.customer.name},
        "legalEntity": {"name": shop.entity.name},
        "invoiceType": {"name": "Goods"},
        "sentBy": None,
        "createdBy": {"name": shop.manager.user.name},
        "discount": {"percent": None, "amount": {"amount": "5.00"}},
        "linesTotal": {"amount": "70.31"},
        "discountTotal": {"amount": "5.00"},
        "net": {"amount": "65.31"},
        "tax": {"amount": "7.40"},
        "gross": {"amount": "72.71", "currency": "GBP"},
        "paid": {"amount": "0.00"},
        "due": {"amount": "72.71"},
        "lines": [
            {
                "position": 1,
                "description": "Coffee\nwhole beans",
                "quantity": "2.5",
                "unit": "KGM",
                "unitPrice": {"amount": "10.123456", "currency": "GBP"},
                "discount": None,
                "discountTotal": {"amount": "0.00"},
                "taxCategory": "STANDARD",
                "taxRate": "19",
                "net": {"amount": "25.31"},
            },
            {
                "position": 2,
                "description": "Roasting",
                "quantity": "1",
                "unit": "C62",
                "unitPrice": {"amount": "50.00", "currency": "GBP"},
                "discount": {"percent": "10", "amount": None},
                "discountTotal": {"amount": "5.00"},
                "taxCategory": "STANDARD",
                "taxRate": "7",
                "net": {"amount": "45.00"},
            },
        ],
        "taxGroups": [
            {"category": "STANDARD", "rate": "19", "base": {"amount": "23.51"}, "tax": {"amount": "4.47"}},
            {"category": "STANDARD", "rate": "7", "base": {"amount": "41.80"}, "tax": {"amount": "2.93"}},
        ],
        "payments": [],
        "deliveries": [],
        "seller": None,
        "buyer": None,
        "pdf": None,
        "voided": None,
        "duplicateOf": None,
        "history": {"nodes": [{"action": "create_invoice"}]},
    }


async def test_money_has_the_digits_of_its_currency(server: str, shop: Shop) -> None:
    for currency, gross, price in (("JPY", "119", "100"), ("KWD", "119.000", "100.000")):
        lines = [{"description": "A", "quantity": "1", "unitPrice": "100", "taxRate": "19"}]
        payload = await create(api(server, shop), shop, currency=currency, lines=lines)
        assert payload["invoice"]["gross"]["amount"] == gross
        assert payload["invoice"]["lines"][0]["unitPrice"]["amount"] == price


async def test_an_update_changes_what_is_given_and_empties_what_is_null(server: str, shop: Shop) -> None:
    draft = await make_draft(shop, customer_reference="PO 1", notes="Old")
    given = {"id": invoice_id(draft), "expectedVersion": 1, "notes": None, "discount": {"percent": "50"}}

    payload = await api(server, shop).mutate("updateInvoice", "UpdateInvoiceInput", SELECTION, given)

    told = payload["invoice"]
    assert (told["version"], told["notes"], told["customerReference"]) == (2, None, "PO 1")
    assert told["gross"]["amount"] == "59.50"
    assert [line["description"] for line in told["lines"]] == [LINE.description]


async def test_an_update_of_an_older_version_is_answered_with_the_current_one(
    server: str, shop: Shop
) -> None:
    draft = await make_draft(shop, notes="Newest")
    await Invoice.filter(id=draft.id).update(version=5)
    document = """mutation ($input: UpdateInvoiceInput!) { updateInvoice(input: $input) { invoice { id } errors {
      __typename ... on VersionConflict { currentVersion current { ... on Invoice { notes } } } } } }"""

    async with nothing_changes():
        answer = await api(server, shop).graphql(
            document, {"input": {"id": invoice_id(draft), "expectedVersion": 4, "notes": "x"}}
        )

    assert answer["updateInvoice"] == {
        "invoice": None,
        "errors": [{"__typename": "VersionConflict", "currentVersion": 5, "current": {"notes": "Newest"}}],
    }


async def test_every_wrong_field_is_named_at_once(server: str, shop: Shop) -> None:
    lines = [
        {"description": "", "quantity": "0.0000001", "unitPrice": "-1", "unit": "?", "taxRate": "101"},
        {"description": "B", "quantity": "1", "unitPrice": "1", "taxRate": "0"},
    ]

    async with nothing_changes():
        payload = await create(api(server, shop), shop, lines=lines, language="xx", paymentTermsDays=9999)

    assert payload["invoice"] is None
    assert {tuple(e["path"]): e["code"] for e in payload["errors"]} == {
        ("language",): "INVALID_LANGUAGE",
        ("paymentTermsDays",): "OUT_OF_RANGE",
        ("lines", "0", "description"): "REQUIRED",
        ("lines", "0", "quantity"): "TOO_MANY_DECIMALS",
        ("lines", "0", "unitPrice"): "NEGATIVE",
        ("lines", "0", "unit"): "INVALID_UNIT",
        ("lines", "0", "taxRate"): "PERCENT_OUT_OF_RANGE",
        ("lines", "1", "taxRate"): "RATE_MISSING",
    }
    assert {e["__typename"] for e in payload["errors"]} == {"InputError"}


async def test_a_discount_is_a_percentage_or_an_amount(server: str, shop: Shop) -> None:
    async with nothing_changes():
        for discount in ({"percent": "1", "amount": "1"}, {}):
            with pytest.raises(GraphQLFailed) as refused:
                await create(api(server, shop), shop, discount=discount)
            assert set(refused.value.codes) <= {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"}


async def test_a_discount_of_nothing_is_a_discount(server: str, shop: Shop) -> None:
    payload = await create(api(server, shop), shop, discount={"percent": "0"})

    assert payload["errors"] == []
    assert payload["invoice"]["discount"] == {"percent": "0", "amount": None}


async def test_customers_who_may_not_be_billed_are_refused_by_name(server: str, shop: Shop) -> None:
    kith = api(server, shop)
    await Customer.filter(id=shop.customer.id).update(blocked_at=now(), blocked_reason="Fraud")

    async with nothing_changes():
        payload = await create(kith, shop)

    (error,) = payload["errors"]
    assert (error["__typename"], error["code"], error["path"]) == (
        "RuleError",
        "CUSTOMER_BLOCKED",
        ["customerId"],
    )
    assert "Fraud" in error["message"]


@pytest.mark.parametrize("wrong", ["cus_" + "0" * 32, "inv_" + "0" * 32, "nonsense", ""])
async def test_ids_that_name_nothing_are_not_found(server: str, shop: Shop, wrong: str) -> None:
    kith = api(server, shop)

    async with nothing_changes():
        for given in ({"customerId": wrong}, {"legalEntityId": wrong}, {"invoiceTypeId": wrong}):
            payload = await create(kith, shop, **given)
            (error,) = payload["errors"]
            assert (error["__typename"], error["code"]) == ("NotFoundError", "NOT_FOUND")
            assert error["path"] == list(given)


async def test_what_belongs_to_another_unit_is_not_there(server: str, shop: Shop) -> None:
    other = await make_shop()
    theirs, stranger = await make_draft(other), await make_contact(other.customer)
    mine, kith = await make_draft(shop), api(server, shop)

    async with nothing_changes():
        refusals = [
            await create(kith, other),
            await kith.mutate(
                "updateInvoice", "UpdateInvoiceInput", "", {"id": invoice_id(theirs), "expectedVersion": 1}
            ),
            await kith.mutate("deleteInvoice", "InvoiceInput", "deletedId", {"id": invoice_id(theirs)}),
            await kith.mutate("previewInvoice", "InvoiceInput", "url", {"id": invoice_id(theirs)}),
            await kith.mutate("sendInvoice", "SendInvoiceInput", "", {"id": invoice_id(theirs)}),
            await kith.mutate(
                "sendInvoice",
                "SendInvoiceInput",
                "",
                {"id": invoice_id(mine), "recipients": [{"contactId": encode(Kind.CONTACT, stranger.id)}]},
            ),
        ]

    assert [[e["code"] for e in refusal["errors"]] for refusal in refusals] == [["NOT_FOUND"]] * 6


async def test_a_draft_is_deleted(server: str, shop: Shop) -> None:
    draft = await make_draft(shop)

    payload = await api(server, shop).mutate(
        "deleteInvoice", "InvoiceInput", "deletedId", {"id": invoice_id(draft)}
    )

    assert payload == {"deletedId": invoice_id(draft), "errors": []}
    assert not await Invoice.exists(id=draft.id)


async def test_a_duplicate_names_what_it_was_copied_from(server: str, shop: Shop) -> None:
    sent = await make_sent(shop)

    payload = await api(server, shop).mutate(
        "duplicateInvoice", "InvoiceInput", SELECTION, {"id": invoice_id(sent)}
    )

    told = payload["invoice"]
    assert (told["state"], told["duplicateOf"]) == ("DRAFT", {"id": invoice_id(sent)})
    assert told["gross"]["amount"] == "119.00"


@pytest.mark.parametrize("state", [InvoiceState.SENT, InvoiceState.PAID, InvoiceState.VOID])
@pytest.mark.parametrize(
    ("name", "input_type", "more"),
    [
        ("updateInvoice", "UpdateInvoiceInput", {"expectedVersion": 1, "notes": "x"}),
        ("deleteInvoice", "InvoiceInput", {}),
        ("previewInvoice", "InvoiceInput", {}),
        ("sendInvoice", "SendInvoiceInput", {}),
    ],
)
async def test_an_issued_invoice_refuses_and_says_what_it_allows(
    server: str, shop: Shop, state: InvoiceState, name: str, input_type: str, more: dict[str, Any]
) -> None:
    invoice = await make_in_state(shop, state)
    document = (
        f"mutation ($input: {input_type}!) {{ {name}(input: $input) {{ errors {{ __typename code "
        "... on InvalidTransition { action state allowed } } } }"
    )

    async with nothing_changes():
        answer = await api(server, shop).graphql(document, {"input": {"id": invoice_id(invoice)} | more})

    (error,) = answer[name]["errors"]
    assert (error["__typename"], error["code"]) == ("InvalidTransition", "INVALID_TRANSITION")
    assert (error["action"], error["state"]) == (name, state.value)
    assert ("recordPayment" in error["allowed"]) is (state is InvoiceState.SENT)


@pytest.mark.parametrize(
    ("role", "code"), [(Role.ANALYST, "FORBIDDEN"), (Role.AGENT, "FORBIDDEN"), (None, "UNAUTHENTICATED")]
)
async def test_who_may_not_write_is_refused(server: str, shop: Shop, role: Role | None, code: str) -> None:
    person = await make_user(role, [shop.unit]) if role else None
    kith = Kith(server, person.token if person else None)

    async with nothing_changes():
        if person is None:
            with pytest.raises(GraphQLFailed) as refused:
                await create(kith, shop)
            assert refused.value.codes == [code]
        else:
            payload = await create(kith, shop)
            assert [error["code"] for error in payload["errors"]] == [code]


async def test_a_preview_is_a_pdf_behind_a_link_that_lasts_as_long_as_the_draft(
    server: str, shop: Shop
) -> None:
    draft = await make_draft(shop, LineDraft("Ünïcødé 茶", Decimal(1), Decimal(1), tax_rate=Decimal(7)))
    async with nothing_changes():
        payload = await api(server, shop).mutate(
            "previewInvoice", "InvoiceInput", "url", {"id": invoice_id(draft)}
        )
        shown = await _open(server, payload["url"])

    assert (shown.status_code, shown.headers["content-type"]) == (200, "application/pdf")
    assert shown.content.startswith(b"%PDF-")
    assert shown.headers["cache-control"] == "private, no-store"
    await api(server, shop).mutate("sendInvoice", "SendInvoiceInput", "", {"id": invoice_id(draft)})
    assert (await _open(server, payload["url"])).status_code == 404
    assert (await _open(server, payload["url"][:-1] + "0")).status_code == 404


async def _open(server: str, url: str) -> httpx.Response:
    """The link, at the address the test's server really has."""
    async with httpx.AsyncClient(base_url=server, verify=False) as client:  # noqa: S501  there is no TLS
        return await client.get(url.partition("/files/")[1] + url.partition("/files/")[2])


async def test_a_repeated_request_with_the_same_key_makes_one_draft(server: str, shop: Shop) -> None:
    kith = Kith(server, shop.manager.token, {"idempotency-key": uuid7().hex})

    first, second = await create(kith, shop), await create(kith, shop)

    assert first["invoice"]["id"] == second["invoice"]["id"]
    assert await Invoice.all().count() == 1


async def test_a_customer_of_another_stage_is_not_billed(server: str, shop: Shop) -> None:
    other = await make_live_customer(unit=shop.unit)
    await Customer.filter(id=other.id).update(stage="PROPOSAL", status="PROSPECT")

    async with nothing_changes():
        payload = await api(server, shop).mutate(
            "createAndSendInvoice",
            "CreateAndSendInvoiceInput",
            "",
            {"customerId": encode(Kind.CUSTOMER, other.id), "lines": LINES},
        )

    assert [e["code"] for e in payload["errors"]] == ["CUSTOMER_NOT_LIVE"]
