"""The database itself refuses to change what was issued, whoever asks and however."""

import asyncpg
import pytest
from invoicing import PAYMENT, Shop, make_draft, make_in_state, make_sent, nothing_changes
from tortoise.connection import get_connection
from tortoise.exceptions import IntegrityError

from crm.invoices import payments
from crm.invoices.models import Invoice
from crm.invoices.rules import InvoiceState
from crm.kernel.integrity import constraint_of

SENT, PAID, VOID = InvoiceState.SENT, InvoiceState.PAID, InvoiceState.VOID

MORE = (
    "insert into invoice_line (id, invoice_id, position, description, quantity, unit_code, unit_price,"
    " tax_category, tax_rate, currency, discount_total, net)"
    " values (uuidv7(), $1, 99, 'more', 1, 'C62', 1, 'S', 19, 'EUR', 0, 1)"
)
CHANGES = [
    "update invoice set number = 'X-1' where id = $1",
    "update invoice set number = null, number_seq = null where id = $1",
    "update invoice set frozen = '{}' where id = $1",
    "update invoice set tax_total = tax_total + 1, gross_total = gross_total + 1, due_total = due_total + 1 where id = $1",
    "update invoice set issue_date = issue_date - 1 where id = $1",
    "update invoice set due_date = due_date + 90 where id = $1",
    "update invoice set currency = 'USD' where id = $1",
    "update invoice set notes = 'something else' where id = $1",
    "update invoice set customer_reference = 'other' where id = $1",
    "update invoice set customer_id = uuidv7() where id = $1",
    "update invoice set legal_entity_id = uuidv7() where id = $1",
    "update invoice set time_zone = 'Asia/Tokyo' where id = $1",
    "update invoice set state = 'DRAFT' where id = $1",
    "delete from invoice where id = $1",
    "update invoice_line set net = 0 where invoice_id = $1",
    "update invoice_line set description = 'other' where invoice_id = $1",
    "delete from invoice_line where invoice_id = $1",
    MORE,
    "update invoice_tax set tax = 0 where invoice_id = $1",
    "delete from invoice_tax where invoice_id = $1",
]


async def refuses(sql: str, invoice: Invoice, *constraints: str) -> None:
    async with nothing_changes():
        with pytest.raises((IntegrityError, asyncpg.PostgresError)) as refused:
            await get_connection("default").execute_query(sql, [invoice.id])
    assert constraint_of(refused.value) in constraints


@pytest.mark.parametrize("state", [SENT, PAID, VOID])
@pytest.mark.parametrize("sql", CHANGES)
async def test_an_issued_invoice_cannot_be_changed_by_any_statement(
    shop: Shop, sql: str, state: InvoiceState
) -> None:
    await refuses(sql, await make_in_state(shop, state), "invoice_frozen")


@pytest.mark.parametrize(
    ("state", "sql"),
    [
        (PAID, "update invoice set state = 'SENT', paid_at = null where id = $1"),
        (PAID, "update invoice set state = 'VOID', void_reason = 'x' where id = $1"),
        (VOID, "update invoice set state = 'SENT', void_reason = null where id = $1"),
        (
            PAID,
            "update invoice set state = 'SENT', paid_total = 0, due_total = gross_total where id = $1",
        ),
    ],
)
async def test_paid_and_void_are_final(shop: Shop, state: InvoiceState, sql: str) -> None:
    await refuses(sql, await make_in_state(shop, state), "invoice_frozen")


@pytest.mark.parametrize(
    "sql",
    ["update payment set amount = 1 where invoice_id = $1", "delete from payment where invoice_id = $1"],
)
async def test_a_recorded_payment_stays_as_it_is(shop: Shop, sql: str) -> None:
    invoice = await make_sent(shop)
    await payments.record_payment(invoice.id, dict(PAYMENT), actor=shop.manager.actor)

    await refuses(sql, invoice, "payment_kept")


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("update invoice set state = 'SENT' where id = $1", "invoice_numbered_when_issued"),
        ("update invoice set number = 'X', number_seq = 1 where id = $1", "invoice_numbered_when_issued"),
        ("update invoice set gross_total = 1, due_total = 1 where id = $1", "invoice_gross_adds_up"),
        ("update invoice set due_total = 1 where id = $1", "invoice_due_adds_up"),
        ("update invoice set void_reason = 'x' where id = $1", "invoice_void_has_reason"),
        (
            "update invoice set discount_percent = 1, discount_amount = 1 where id = $1",
            "invoice_one_discount",
        ),
        ("update invoice_line set unit_price = -1 where invoice_id = $1", "invoice_line_price_not_negative"),
    ],
)
async def test_even_a_draft_must_add_up(shop: Shop, sql: str, constraint: str) -> None:
    await refuses(sql, await make_draft(shop), constraint)


async def test_the_stored_pdf_is_set_once(shop: Shop) -> None:
    invoice = await make_sent(shop)
    store = "update invoice set pdf_key = $2, pdf_sha256 = $2, pdf_size = 1 where id = $1"
    await get_connection("default").execute_query(store, [invoice.id, "first"])

    with pytest.raises(IntegrityError) as refused:
        await get_connection("default").execute_query(store, [invoice.id, "second"])

    assert constraint_of(refused.value) == "invoice_frozen"
    assert (await Invoice.get(id=invoice.id)).pdf_key == "first"
