"""The table of DOMAIN §8, row by row, on real invoices: what is allowed happens, what is not changes nothing."""

from collections.abc import Awaitable, Callable
from itertools import product

import pytest
from factories import make_user
from invoicing import LINE, PAYMENT, Shop, make_draft, make_in_state, nothing_changes

from crm.invoices import deliveries, drafts, issuing, payments, pdfs, voiding
from crm.invoices.models import Invoice
from crm.invoices.rules import InvoiceAction, InvoiceState
from crm.kernel.actor import Actor, Role, Scope
from crm.kernel.errors import Forbidden, InvalidTransition, NotFound, VersionConflict
from crm.kernel.ids import uuid7

DRAFT, SENT, PAID, VOID = InvoiceState
A = InvoiceAction

Call = Callable[[Invoice, Actor], Awaitable[object]]

CALLS: dict[InvoiceAction, Call] = {
    A.UPDATE: lambda i, who: drafts.update_invoice(
        i.id, {"notes": "x"}, [LINE], expected_version=None, actor=who
    ),
    A.DELETE: lambda i, who: drafts.delete_invoice(i.id, actor=who),
    A.PREVIEW: lambda i, who: pdfs.preview_invoice(i.id, actor=who),
    A.SEND: lambda i, who: issuing.send_invoice(i.id, actor=who),
    A.RESEND: lambda i, who: deliveries.resend_invoice(i.id, actor=who),
    A.RECORD_PAYMENT: lambda i, who: payments.record_payment(i.id, dict(PAYMENT), actor=who),
    A.MARK_PAID: lambda i, who: payments.mark_invoice_paid(i.id, {}, actor=who),
    A.VOID: lambda i, who: voiding.void_invoice(i.id, "By mistake", actor=who),
    A.DUPLICATE: lambda i, who: drafts.duplicate_invoice(i.id, actor=who),
}
# None: the invoice is gone.
ALLOWED: dict[tuple[InvoiceState, InvoiceAction], InvoiceState | None] = {
    (DRAFT, A.UPDATE): DRAFT,
    (DRAFT, A.DELETE): None,
    (DRAFT, A.PREVIEW): DRAFT,
    (DRAFT, A.SEND): SENT,
    (DRAFT, A.DUPLICATE): DRAFT,
    (SENT, A.RESEND): SENT,
    (SENT, A.RECORD_PAYMENT): SENT,
    (SENT, A.MARK_PAID): PAID,
    (SENT, A.VOID): VOID,
    (SENT, A.DUPLICATE): SENT,
    (PAID, A.DUPLICATE): PAID,
    (VOID, A.DUPLICATE): VOID,
}
REFUSED = [row for row in product(InvoiceState, CALLS) if row not in ALLOWED]


@pytest.mark.parametrize(("state", "action"), ALLOWED)
async def test_what_the_table_allows_is_done(shop: Shop, state: InvoiceState, action: InvoiceAction) -> None:
    invoice = await make_in_state(shop, state)

    await CALLS[action](invoice, shop.manager.actor)

    after = await Invoice.get_or_none(id=invoice.id)
    assert (after.state if after else None) == ALLOWED[state, action]


@pytest.mark.parametrize(("state", "action"), REFUSED)
async def test_what_it_does_not_allow_is_refused_and_changes_nothing(
    shop: Shop, state: InvoiceState, action: InvoiceAction
) -> None:
    invoice = await make_in_state(shop, state)

    async with nothing_changes():
        with pytest.raises(InvalidTransition) as refused:
            await CALLS[action](invoice, shop.manager.actor)

    assert (refused.value.action, refused.value.state) == (action.value, state.value)
    assert action.value not in refused.value.allowed


@pytest.mark.parametrize("action", CALLS)
async def test_an_invoice_of_another_unit_is_not_there(shop: Shop, action: InvoiceAction) -> None:
    invoice = await make_draft(shop)
    stranger = (await make_user(Role.MANAGER)).actor

    async with nothing_changes():
        with pytest.raises(NotFound):
            await CALLS[action](invoice, stranger)
        with pytest.raises(NotFound):
            await CALLS[action](Invoice(id=uuid7()), shop.manager.actor)


@pytest.mark.parametrize("action", [action for action in CALLS if action is not A.PREVIEW])
async def test_analysts_and_read_only_tokens_change_nothing(shop: Shop, action: InvoiceAction) -> None:
    state = next(state for state, allowed in ALLOWED if allowed is action)
    invoice = await make_in_state(shop, state)
    analyst = (await make_user(Role.ANALYST, [shop.unit])).actor
    manager = shop.manager.actor
    token = Actor(manager.user_id, manager.name, manager.role, manager.unit_ids, scope=Scope.READ)

    async with nothing_changes():
        for who in (analyst, token):
            with pytest.raises(Forbidden):
                await CALLS[action](invoice, who)


async def test_analysts_may_look_at_a_draft(shop: Shop) -> None:
    invoice = await make_draft(shop)
    analyst = (await make_user(Role.ANALYST, [shop.unit])).actor

    assert (await pdfs.preview_invoice(invoice.id, actor=analyst)).id == invoice.id


async def test_only_managers_void(shop: Shop) -> None:
    invoice = await make_in_state(shop, SENT)
    agent = await make_user(Role.AGENT, [shop.unit])
    shop.customer.service_manager_id = agent.user.id
    await shop.customer.save(update_fields=["service_manager_id"])

    async with nothing_changes():
        with pytest.raises(Forbidden):
            await CALLS[A.VOID](invoice, agent.actor)
    await CALLS[A.RECORD_PAYMENT](invoice, agent.actor)


@pytest.mark.parametrize("action", [A.RECORD_PAYMENT, A.MARK_PAID, A.VOID])
async def test_an_expected_version_that_is_over_is_refused(shop: Shop, action: InvoiceAction) -> None:
    invoice = await make_in_state(shop, SENT)
    call: dict[InvoiceAction, Callable[[], Awaitable[object]]] = {
        A.RECORD_PAYMENT: lambda: payments.record_payment(
            invoice.id, dict(PAYMENT), expected_version=1, actor=shop.manager.actor
        ),
        A.MARK_PAID: lambda: payments.mark_invoice_paid(
            invoice.id, {}, expected_version=1, actor=shop.manager.actor
        ),
        A.VOID: lambda: voiding.void_invoice(
            invoice.id, "Twice", expected_version=1, actor=shop.manager.actor
        ),
    }

    async with nothing_changes():
        with pytest.raises(VersionConflict):
            await call[action]()
