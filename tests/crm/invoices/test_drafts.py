"""Drafts: what they take from the customer, what they add up to, and what is refused."""

from datetime import date
from decimal import Decimal

import pytest
from factories import make_legal_entity, make_pick, make_user
from invoicing import LINE, Shop, make_draft, make_sent, nothing_changes

from crm.audit.models import HistoryEntry
from crm.customers.models import Customer, PickList, Stage, Status
from crm.invoices import drafts, issuing
from crm.invoices.contents import LineDraft
from crm.invoices.errors import CustomerBlocked, CustomerNotLive, LegalEntityArchived
from crm.invoices.lines import Discount, TaxCategory
from crm.invoices.models import Invoice, InvoiceLine, InvoiceTax
from crm.invoices.queries import lines_of
from crm.invoices.rules import InvoiceState
from crm.kernel.actor import Actor, Role
from crm.kernel.clock import now
from crm.kernel.errors import Forbidden, InvalidInput, NotFound, VersionConflict
from crm.kernel.ids import uuid7
from crm.kernel.models import OutboxJob

D = Decimal


def problems(error: pytest.ExceptionInfo[InvalidInput]) -> dict[str, str]:
    return {".".join(p.path): p.code for p in error.value.problems}


async def test_a_draft_takes_what_is_left_out_from_customer_and_legal_entity(shop: Shop) -> None:
    await Customer.filter(id=shop.customer.id).update(
        currency="GBP", language="de", discount_percent=D(10), payment_terms_days=None
    )

    invoice = await make_draft(shop, LineDraft("Tea", D(1), D(100)))

    assert (invoice.state, invoice.number, invoice.issue_date) == (InvoiceState.DRAFT, None, None)
    assert (invoice.currency, invoice.language) == ("GBP", "de")
    assert invoice.payment_terms_days == shop.entity.payment_terms_days
    assert invoice.legal_entity_id == shop.entity.id
    assert (invoice.lines_total, invoice.discount_total) == (D("100.00"), D("10.00"))
    assert (invoice.net_total, invoice.tax_total, invoice.gross_total) == (D(90), D("17.10"), D("107.10"))
    assert invoice.due_total == invoice.gross_total


async def test_what_is_given_wins_over_every_default(shop: Shop) -> None:
    other = await make_legal_entity(time_zone="Asia/Tokyo")
    await Customer.filter(id=shop.customer.id).update(discount_percent=D(10), payment_terms_days=5)

    invoice = await make_draft(
        shop,
        LineDraft("Tea", D(1), D(100), tax_category=TaxCategory.EXPORT),
        legal_entity_id=other.id,
        currency="JPY",
        language="fr",
        payment_terms_days=0,
        discount=None,
        delivery_date=date(2026, 5, 1),
        customer_reference="  PO 7 ",
        notes="Danke\r\nschön",
    )

    stored = await Invoice.get(id=invoice.id)
    assert (stored.currency, stored.language, stored.payment_terms_days) == ("JPY", "fr", 0)
    assert (stored.legal_entity_id, stored.time_zone) == (other.id, "Asia/Tokyo")
    assert (stored.customer_reference, stored.notes) == ("PO 7", "Danke\nschön")
    assert (stored.discount_total, stored.tax_total, stored.gross_total) == (0, 0, 100)
    assert stored.delivery_date == date(2026, 5, 1)


async def test_a_draft_keeps_its_lines_in_order_with_their_amounts_and_taxes(shop: Shop) -> None:
    invoice = await make_draft(
        shop,
        LineDraft("A", D("2.5"), D("9.999999"), "kgm", Discount(percent=D(10)), D(19)),
        LineDraft("B", D(-1), D("1.00"), tax_rate=D(7)),
        LineDraft("C", D(3), D("2.00"), tax_rate=D(7), discount=Discount(amount=D("0.50"))),
    )

    lines = await lines_of(invoice)
    assert [(x.position, x.description, x.unit_code, x.net) for x in lines] == [
        (1, "A", "KGM", D("22.50")),
        (2, "B", "C62", D("-1.00")),
        (3, "C", "C62", D("5.50")),
    ]
    assert [x.discount_total for x in lines] == [D("2.50"), D(0), D("0.50")]
    taxes = await InvoiceTax.filter(invoice_id=invoice.id).order_by("id")
    assert [(t.category, t.rate, t.base, t.tax) for t in taxes] == [
        (TaxCategory.STANDARD, D(19), D("22.50"), D("4.28")),
        (TaxCategory.STANDARD, D(7), D("4.50"), D("0.32")),
    ]


async def test_a_customers_fixed_discount_counts_in_its_own_currency_only(shop: Shop) -> None:
    await Customer.filter(id=shop.customer.id).update(discount_amount=D(10))

    own, foreign = await make_draft(shop), await make_draft(shop, currency="USD")

    assert (own.discount_total, foreign.discount_total) == (D(10), D(0))


async def test_everything_wrong_is_said_at_once_and_nothing_is_kept(shop: Shop) -> None:
    await Customer.filter(id=shop.customer.id).update(tax_rate=None)
    lines = [
        LineDraft("A\x07", D(1), D(1), tax_rate=D(19)),
        LineDraft(" ", D(1), D(1), tax_rate=D(19)),
        LineDraft("C", D("1.0000001"), D(-1), "piece", tax_rate=D(19)),
        LineDraft("D", D(1), D(1)),
        LineDraft("E", D(1), D(1), tax_rate=D(0)),
        LineDraft("F", D(1), D(1), tax_rate=D(7), tax_category=TaxCategory.EXEMPT),
        LineDraft("G", D(1), D(1), discount=Discount(), tax_rate=D(19)),
    ]

    async with nothing_changes():
        with pytest.raises(InvalidInput) as refused:
            await make_draft(shop, *lines, language="klingon", payment_terms_days=-1, notes="x" * 6000)

    assert problems(refused) == {
        "language": "INVALID_LANGUAGE",
        "paymentTermsDays": "OUT_OF_RANGE",
        "notes": "TOO_LONG",
        "lines.0.description": "CONTROL_CHARACTERS",
        "lines.1.description": "REQUIRED",
        "lines.2.quantity": "TOO_MANY_DECIMALS",
        "lines.2.unitPrice": "NEGATIVE",
        "lines.2.unit": "INVALID_UNIT",
        "lines.3.taxRate": "REQUIRED",
        "lines.4.taxRate": "RATE_MISSING",
        "lines.5.taxRate": "RATE_NOT_ALLOWED",
        "lines.6.discount": "TWO_DISCOUNTS",
    }


@pytest.mark.parametrize(
    ("lines", "values", "expected"),
    [
        ([], {}, {"lines": "NO_LINES"}),
        ([LINE], {"currency": "XXQ"}, {"currency": "INVALID_CURRENCY"}),
        ([LineDraft("A", D(-1), D(5), tax_rate=D(19))], {}, {"lines": "NEGATIVE_TOTAL"}),
        ([LINE], {"discount": Discount(amount=D(101))}, {"discount.amount": "DISCOUNT_TOO_LARGE"}),
        ([LINE], {"discount": Discount(percent=D(101))}, {"discount.percent": "PERCENT_OUT_OF_RANGE"}),
        (
            [LineDraft("A", D(1), D("1.005"), tax_rate=D(19))],
            {"discount": Discount(amount=D("0.001"))},
            {"discount.amount": "TOO_MANY_DECIMALS"},
        ),
    ],
)
async def test_contents_that_make_no_invoice_are_refused(
    shop: Shop, lines: list[LineDraft], values: dict[str, object], expected: dict[str, str]
) -> None:
    async with nothing_changes():
        with pytest.raises(InvalidInput) as refused:
            await drafts.create_invoice(shop.customer.id, values, lines, actor=shop.manager.actor)

    assert problems(refused) == expected


async def test_only_live_unblocked_customers_can_be_invoiced(shop: Shop) -> None:
    for change, error in (
        ({"blocked_at": now(), "blocked_reason": "Does not pay"}, CustomerBlocked),
        (
            {"blocked_at": None, "blocked_reason": None, "stage": Stage.PROPOSAL, "status": Status.PROSPECT},
            CustomerNotLive,
        ),
    ):
        await Customer.filter(id=shop.customer.id).update(**change)
        async with nothing_changes():
            with pytest.raises(error):
                await make_draft(shop)


async def test_the_issuer_must_be_known_and_in_use(shop: Shop) -> None:
    archived = await make_legal_entity(archived_at=now())
    for entity_id, error in ((archived.id, LegalEntityArchived), (uuid7(), NotFound)):
        async with nothing_changes():
            with pytest.raises(error):
                await make_draft(shop, legal_entity_id=entity_id)


async def test_without_a_legal_entity_of_the_customers_the_only_one_there_is_issues(shop: Shop) -> None:
    await Customer.filter(id=shop.customer.id).update(legal_entity_id=None)
    assert (await make_draft(shop)).legal_entity_id == shop.entity.id
    await make_legal_entity()

    async with nothing_changes():
        with pytest.raises(InvalidInput) as refused:
            await make_draft(shop)

    assert problems(refused) == {"legalEntityId": "REQUIRED"}


async def test_a_customer_gets_only_the_invoice_types_it_may(shop: Shop) -> None:
    goods, services, rent = [await make_pick(PickList.INVOICE_TYPE) for _ in range(3)]
    assert (await make_draft(shop, invoice_type_id=rent.id)).invoice_type_id == rent.id
    await shop.customer.invoice_types.add(goods)
    assert (await make_draft(shop)).invoice_type_id == goods.id
    await shop.customer.invoice_types.add(services)
    industry = await make_pick(PickList.INDUSTRY)

    async with nothing_changes():
        with pytest.raises(InvalidInput) as not_allowed:
            await make_draft(shop, invoice_type_id=rent.id)
        with pytest.raises(InvalidInput) as none_chosen:
            await make_draft(shop)
        with pytest.raises(NotFound):
            await make_draft(shop, invoice_type_id=industry.id)

    assert problems(not_allowed) == {"invoiceTypeId": "INVOICE_TYPE_NOT_ALLOWED"}
    assert problems(none_chosen) == {"invoiceTypeId": "REQUIRED"}


async def test_an_update_changes_what_is_given_and_adds_up_anew(shop: Shop) -> None:
    invoice = await make_draft(shop, customer_reference="PO 1")

    changed = await drafts.update_invoice(
        invoice.id,
        {"notes": "New", "discount": Discount(percent=D(50))},
        None,
        expected_version=1,
        actor=shop.manager.actor,
    )

    assert (changed.version, changed.notes, changed.customer_reference) == (2, "New", "PO 1")
    assert (changed.gross_total, changed.due_total) == (D("59.50"), D("59.50"))
    assert [line.description for line in await lines_of(changed)] == [LINE.description]


async def test_given_lines_replace_all_there_were_and_history_says_which(shop: Shop) -> None:
    invoice = await make_draft(shop, LINE, LineDraft("Tea", D(1), D(5)))

    await drafts.update_invoice(invoice.id, {}, [LINE], expected_version=None, actor=shop.manager.actor)

    assert await InvoiceLine.filter(invoice_id=invoice.id).count() == 1
    entry = await HistoryEntry.filter(subject_id=invoice.id, action="update_invoice").get()
    told = {change["field"]: change for change in entry.changes}
    assert "lines.1" not in told
    assert told["lines.2"]["before"]["description"] == "Tea"
    assert told["lines.2"]["after"] is None


async def test_an_update_of_an_older_version_is_refused(shop: Shop) -> None:
    invoice = await make_draft(shop)
    await drafts.update_invoice(
        invoice.id, {"notes": "1"}, None, expected_version=1, actor=shop.manager.actor
    )

    async with nothing_changes():
        with pytest.raises(VersionConflict) as refused:
            await drafts.update_invoice(
                invoice.id, {"notes": "2"}, None, expected_version=1, actor=shop.manager.actor
            )

    assert refused.value.current == 2


@pytest.mark.parametrize("field", ["currency", "language", "payment_terms_days"])
async def test_what_an_invoice_must_have_cannot_be_emptied(shop: Shop, field: str) -> None:
    invoice = await make_draft(shop)

    async with nothing_changes():
        with pytest.raises(InvalidInput):
            await drafts.update_invoice(
                invoice.id, {field: None}, None, expected_version=1, actor=shop.manager.actor
            )


async def test_a_deleted_draft_is_gone_with_its_lines_and_remembered_in_history(shop: Shop) -> None:
    invoice = await make_draft(shop)

    await drafts.delete_invoice(invoice.id, actor=shop.manager.actor)

    assert not await Invoice.exists(id=invoice.id)
    assert not await InvoiceLine.exists(invoice_id=invoice.id)
    assert await HistoryEntry.exists(
        subject_id=invoice.id, action="delete_invoice", customer_id=shop.customer.id
    )


async def test_a_duplicate_is_a_new_draft_with_the_same_lines_and_terms(shop: Shop) -> None:
    sent = await make_sent(
        shop,
        LineDraft("A", D(1), D(10), tax_rate=D(7), discount=Discount(percent=D(5))),
        LINE,
        customer_reference="PO 9",
        delivery_date=date(2026, 1, 5),
        discount=Discount(amount=D(3)),
    )

    copy = await drafts.duplicate_invoice(sent.id, actor=shop.manager.actor)

    assert (copy.state, copy.number, copy.duplicate_of_id) == (InvoiceState.DRAFT, None, sent.id)
    assert (copy.customer_reference, copy.delivery_date) == ("PO 9", None)
    assert (copy.gross_total, copy.discount_amount) == (sent.gross_total, D(3))
    same = ("position", "description", "quantity", "unit_price", "discount_percent", "tax_rate", "net")
    assert [[getattr(x, n) for n in same] for x in await lines_of(copy)] == [
        [getattr(x, n) for n in same] for x in await lines_of(sent)
    ]


async def test_a_draft_whose_copy_was_sent_can_still_be_deleted(shop: Shop) -> None:
    draft = await make_draft(shop)
    copy = await drafts.duplicate_invoice(draft.id, actor=shop.manager.actor)
    await issuing.send_invoice(copy.id, actor=shop.manager.actor)

    await drafts.delete_invoice(draft.id, actor=shop.manager.actor)

    assert (await Invoice.get(id=copy.id)).duplicate_of_id is None


async def test_a_blocked_customers_invoice_is_not_duplicated(shop: Shop) -> None:
    invoice = await make_draft(shop)
    await Customer.filter(id=shop.customer.id).update(blocked_at=now(), blocked_reason="Fraud")

    async with nothing_changes():
        with pytest.raises(CustomerBlocked):
            await drafts.duplicate_invoice(invoice.id, actor=shop.manager.actor)


async def actors(shop: Shop) -> dict[str, Actor]:
    owner = await make_user(Role.AGENT, [shop.unit])
    await Customer.filter(id=shop.customer.id).update(service_manager_id=owner.user.id)
    return {
        "owner": owner.actor,
        "colleague": (await make_user(Role.AGENT, [shop.unit])).actor,
        "analyst": (await make_user(Role.ANALYST, [shop.unit])).actor,
        "stranger": (await make_user(Role.MANAGER)).actor,
    }


async def test_agents_bill_customers_they_own_and_nobody_else_does(shop: Shop) -> None:
    who = await actors(shop)
    made = await drafts.create_invoice(shop.customer.id, {}, [LINE], actor=who["owner"])
    assert made.created_by_id == who["owner"].user_id

    for name, error in (("colleague", Forbidden), ("analyst", Forbidden), ("stranger", NotFound)):
        async with nothing_changes():
            with pytest.raises(error):
                await drafts.create_invoice(shop.customer.id, {}, [LINE], actor=who[name])
            with pytest.raises(error):
                await drafts.update_invoice(made.id, {}, None, expected_version=1, actor=who[name])
            with pytest.raises(error):
                await drafts.delete_invoice(made.id, actor=who[name])
            with pytest.raises(error):
                await drafts.duplicate_invoice(made.id, actor=who[name])


async def test_a_draft_is_announced_and_kept_in_the_customers_history(shop: Shop) -> None:
    invoice = await make_draft(shop)

    entry = await HistoryEntry.filter(subject_id=invoice.id).get()
    assert (entry.action, entry.customer_id, entry.unit_id) == (
        "create_invoice",
        shop.customer.id,
        shop.unit.id,
    )
    assert {"field": "gross_total", "before": None, "after": "119.00"} in entry.changes
    event = await OutboxJob.filter(kind="event").order_by("-id").first()
    assert event is not None
    assert event.payload["type"] == "InvoiceChanged"
    assert event.payload["data"]["action"] == "create_invoice"
