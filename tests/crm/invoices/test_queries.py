"""Lists of invoices: what is seen, filtered, searched and in which order."""

from datetime import timedelta
from typing import Any

import pytest
from factories import make_user
from invoicing import Shop, make_draft, make_in_state, make_sent, make_shop
from tortoise.connection import get_connection

from crm.customers.models import Customer
from crm.invoices import issuing, payments, queries
from crm.invoices.models import Delivery, Invoice, Payment
from crm.invoices.rules import InvoiceState, is_overdue
from crm.kernel.actor import Role, kith
from crm.kernel.clock import now, today
from crm.kernel.errors import InvalidInput
from crm.kernel.ids import Kind, encode


async def found(rule: dict[str, Any] | None = None, search: str | None = None) -> set[Any]:
    return {
        invoice.id for invoice in await queries.listed(queries.visible_to(kith()), rule=rule, search=search)
    }


async def test_each_sees_the_invoices_of_their_units_only(shop: Shop) -> None:
    mine, other = await make_sent(shop), await make_shop()
    theirs = await make_sent(other)

    for who, seen in (
        (shop.manager.actor, {mine.id}),
        (other.manager.actor, {theirs.id}),
        ((await make_user(Role.ANALYST, [shop.unit, other.unit])).actor, {mine.id, theirs.id}),
        ((await make_user(Role.AGENT)).actor, set()),
        (kith(), {mine.id, theirs.id}),
    ):
        assert {invoice.id for invoice in await queries.visible_to(who)} == seen


async def test_invoices_follow_their_customer_to_another_unit(shop: Shop) -> None:
    invoice, other = await make_sent(shop), await make_shop()

    await Customer.filter(id=shop.customer.id).update(
        unit_id=other.unit.id, account_manager_id=other.customer.account_manager_id
    )

    assert await queries.by_id(shop.manager.actor, invoice.id) is None
    assert await queries.by_id(other.manager.actor, invoice.id) is not None


async def test_what_hangs_on_an_invoice_is_seen_with_it(shop: Shop) -> None:
    invoice, stranger = await make_in_state(shop, InvoiceState.PAID), (await make_shop()).manager
    line, payment = await queries.lines_of(invoice).first(), await Payment.get(invoice_id=invoice.id)
    delivery = await Delivery.get(invoice_id=invoice.id)
    assert line is not None

    for who, there in ((shop.manager, True), (stranger, False)):
        assert (await queries.line_by_id(who.actor, line.id) is not None) is there
        assert (await queries.payment_by_id(who.actor, payment.id) is not None) is there
        assert (await queries.delivery_by_id(who.actor, delivery.id) is not None) is there


async def test_the_filter_knows_every_field(shop: Shop) -> None:
    draft, sent = await make_draft(shop), await make_sent(shop, customer_reference="PO 5", currency="USD")
    paid = await make_in_state(shop, InvoiceState.PAID)
    day, moment = today().isoformat(), now().isoformat()
    expected: list[tuple[dict[str, Any], set[Any]]] = [
        ({"state": {"eq": "DRAFT"}}, {draft.id}),
        ({"state": {"in": ["SENT", "PAID"]}}, {sent.id, paid.id}),
        ({"customer": {"eq": encode(Kind.CUSTOMER, shop.customer.id)}}, {draft.id, sent.id, paid.id}),
        ({"legalEntity": {"ne": encode(Kind.LEGAL_ENTITY, shop.entity.id)}}, set()),
        ({"invoiceType": {"isNull": True}}, {draft.id, sent.id, paid.id}),
        ({"number": {"contains": "-00002"}}, {paid.id}),
        ({"number": {"isNull": True}}, {draft.id}),
        ({"customerReference": {"startsWith": "po"}}, {sent.id}),
        ({"currency": {"eq": "USD"}}, {sent.id}),
        ({"issueDate": {"lte": day}}, {sent.id, paid.id}),
        ({"dueDate": {"lt": day}}, set()),
        (
            {"net": {"eq": "100"}, "tax": {"eq": "19"}, "gross": {"between": ["118", "120"]}},
            {draft.id, sent.id, paid.id},
        ),
        ({"paid": {"gt": "0"}}, {paid.id}),
        ({"due": {"gt": "0"}}, {draft.id, sent.id}),
        ({"createdAt": {"lt": moment}}, {draft.id, sent.id, paid.id}),
        ({"sentAt": {"lt": moment}}, {sent.id, paid.id}),
        ({"paidAt": {"lt": moment}}, {paid.id}),
        ({"or": [{"state": {"eq": "PAID"}}, {"not": {"number": {"isNull": False}}}]}, {draft.id, paid.id}),
    ]
    for rule, ids in expected:
        assert await found(rule) == ids, rule


async def test_a_filter_by_something_unknown_is_refused(shop: Shop) -> None:
    del shop
    for rule in ({"frozen": {"eq": "x"}}, {"state": {"eq": "LOST"}}, {"gross": {"contains": "1"}}):
        with pytest.raises(InvalidInput):
            await found(rule)


async def _due(shop: Shop, days: int, zone: str = "UTC") -> Invoice:
    """Sent so that it falls due that many days after today."""
    await get_connection("default").execute_query(
        "update legal_entity set time_zone = $2 where id = $1", [shop.entity.id, zone]
    )
    draft = await make_draft(shop, payment_terms_days=30)
    day = today(zone) + timedelta(days=days - 30)
    return await issuing.send_invoice(draft.id, issue_date=day, actor=shop.manager.actor)


async def test_overdue_means_sent_past_its_day_and_not_paid(shop: Shop) -> None:
    late, paid, part, last_day, later = [await _due(shop, days) for days in (-1, -1, -1, 0, 1)]
    draft = await make_draft(shop)
    await payments.mark_invoice_paid(paid.id, {}, actor=shop.manager.actor)
    await payments.record_payment(part.id, {"amount": 1, "method": "CASH"}, actor=shop.manager.actor)

    overdue = await found({"isOverdue": {"eq": True}})

    assert overdue == {late.id, part.id}
    assert await found({"isOverdue": {"eq": False}}) == {paid.id, last_day.id, later.id, draft.id}
    assert await found({"not": {"isOverdue": {"eq": True}}}) == {paid.id, last_day.id, later.id, draft.id}


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin"])
@pytest.mark.parametrize("days", [-1, 0])
async def test_the_database_and_the_rule_agree_on_what_is_overdue_where_the_issuer_is(
    shop: Shop, zone: str, days: int
) -> None:
    invoice = await _due(shop, days, zone)

    by_rule = is_overdue(
        state=invoice.state,
        due_on=invoice.due_date,  # type: ignore[arg-type]
        due=invoice.due_total,
        time_zone=invoice.time_zone,
        now=now(),
    )

    assert by_rule is (days < 0)
    assert (await found({"isOverdue": {"eq": True}}) == {invoice.id}) is by_rule


async def test_search_finds_numbers_references_and_customers_names(shop: Shop) -> None:
    await Customer.filter(id=shop.customer.id).update(name="Café Müller", phone="+49301234567")
    first, second = await make_sent(shop), await make_sent(shop, customer_reference="Bestellung Ä-77")
    await make_sent(await make_shop())

    assert await found(search="cafe MULLER") == {first.id, second.id}
    assert await found(search=(first.number or "").lower()) >= {first.id}
    assert await found(search="00002") == {second.id}
    assert await found(search="bestellung a-77") == {second.id}
    assert await found(search="nobody") == set()
    assert await found(search="3012345") == set()  # of a telephone
    assert await found(search="100% _") == set()
    assert len(await found(search="  ")) == 3


async def test_a_customers_invoices_come_newest_first(shop: Shop) -> None:
    made = [await make_draft(shop) for _ in range(3)]

    assert [i.id for i in await queries.of_customer(shop.customer.id)] == [i.id for i in reversed(made)]
