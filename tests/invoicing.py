"""What tests of invoices share: a small shop, its drafts and sent invoices, and delivering what is queued.

Fixtures, for a conftest.py to import: `shop`, and `mail`, a real SMTP server that this process and its children
send to.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from factories import Person, make_legal_entity, make_live_customer, make_unit, make_user
from tortoise.connection import get_connection

from crm.accounts.models import BusinessUnit
from crm.customers.models import Customer
from crm.invoices import drafts, issuing, payments, voiding
from crm.invoices.contents import LineDraft
from crm.invoices.deliveries import DELIVER
from crm.invoices.models import Invoice, LegalEntity
from crm.invoices.rules import InvoiceState
from crm.kernel import jobs
from crm.kernel.actor import Role
from crm.kernel.models import JobState, OutboxJob
from crm.kernel.settings import settings
from stack.mail_catcher import MailCatcher
from workers import handlers
from workers.runner import perform

LINE = LineDraft("Coffee, 1 kg", Decimal(2), Decimal("50.00"), tax_rate=Decimal(19))
PAYMENT = {"amount": Decimal(19), "method": "CASH"}
_TABLES = (
    *("invoice", "invoice_line", "invoice_tax", "payment", "delivery", "number_counter", "number_series"),
    *("legal_entity", "email_template", "activity", "history_entry", "outbox", "customer"),
)


@dataclass(frozen=True, slots=True)
class Shop:
    """A unit with a manager, a LIVE customer with a primary contact, and a legal entity that bills it."""

    unit: BusinessUnit
    manager: Person
    customer: Customer
    entity: LegalEntity


async def make_shop(**customer: Any) -> Shop:
    unit, entity = await make_unit(), await make_legal_entity()
    manager = await make_user(Role.MANAGER, [unit])
    given = {"legal_entity": entity, "tax_rate": Decimal(19)} | customer
    return Shop(unit, manager, await make_live_customer(unit=unit, **given), entity)


@pytest.fixture
async def shop(db: None) -> Shop:
    return await make_shop()


@pytest.fixture
def mail(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailCatcher]:
    with MailCatcher(tmp_path / "mail") as catcher:
        monkeypatch.setenv("SMTP_URL", catcher.url)
        settings.cache_clear()
        yield catcher
    monkeypatch.undo()
    settings.cache_clear()


async def make_draft(shop: Shop, *lines: LineDraft, **values: Any) -> Invoice:
    """119.00 EUR, 19.00 of them tax, unless lines are given."""
    return await drafts.create_invoice(shop.customer.id, values, lines or [LINE], actor=shop.manager.actor)


async def make_sent(shop: Shop, *lines: LineDraft, **values: Any) -> Invoice:
    draft = await make_draft(shop, *lines, **values)
    return await issuing.send_invoice(draft.id, actor=shop.manager.actor)


async def make_in_state(shop: Shop, state: InvoiceState) -> Invoice:
    if state is InvoiceState.DRAFT:
        return await make_draft(shop)
    invoice = await make_sent(shop)
    if state is InvoiceState.PAID:
        return await payments.mark_invoice_paid(invoice.id, {}, actor=shop.manager.actor)
    if state is InvoiceState.VOID:
        return await voiding.void_invoice(invoice.id, "By mistake", actor=shop.manager.actor)
    return invoice


_DIGEST = (
    "select '{0}' as name, coalesce(md5(string_agg(t::text, '|' order by t.id)), '') as digest from {0} t"
)
_DIGESTS = " union all ".join(_DIGEST.format(table) for table in _TABLES)


async def fingerprint() -> dict[str, str]:
    """A digest of each table an invoice could leave a trace in."""
    rows = await get_connection("default").execute_query_dict(_DIGESTS)
    return {row["name"]: row["digest"] for row in rows}


@asynccontextmanager
async def nothing_changes() -> AsyncIterator[None]:
    before = await fingerprint()
    yield
    assert await fingerprint() == before


async def deliver_queued(*, tries: int = 1) -> None:
    """Do the delivery jobs that are due, in this process, as a worker would."""
    handlers.load()
    for _ in range(tries):
        for job in await OutboxJob.filter(kind=DELIVER, state=JobState.PENDING).order_by("id"):
            await OutboxJob.filter(id=job.id).update(run_after=job.created_at)  # no pause between tries
            claim = await jobs.claim(job.id)
            if claim is None:
                continue
            try:
                await perform(claim)
            except Exception as error:  # noqa: BLE001  as the runner does
                await jobs.fail(claim, error)
