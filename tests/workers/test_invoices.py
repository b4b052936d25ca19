"""E-mailing invoices by real worker processes: killed in the middle, without a mail server, without a Redis."""

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path

import pytest
from aiosmtpd.smtp import Envelope
from invoicing import Shop, mail, make_draft, make_sent, shop
from redis.asyncio import Redis

from crm.invoices import deliveries, issuing
from crm.invoices.models import Delivery, DeliveryState, Invoice
from crm.invoices.recipients import Recipient
from crm.invoices.rules import InvoiceState
from stack.mail_catcher import MailCatcher
from stack.sockets import listen
from tests.workers.conftest import StartWorker
from tests.workers.outbox_watch import until, until_all_done

__all__ = ["mail", "shop"]  # fixtures

QUEUED, SENT, FAILED = DeliveryState
PEOPLE = [f"person{number}@customer.example" for number in range(1, 6)]


async def send_to_all(shop: Shop) -> Invoice:
    draft = await make_draft(shop)
    chosen = [Recipient(email=each) for each in PEOPLE]
    return await issuing.send_invoice(draft.id, recipients=chosen, actor=shop.manager.actor)


async def until_settled(invoice: Invoice) -> list[Delivery]:
    async def settled() -> bool:
        return not await Delivery.exists(invoice_id=invoice.id, state=QUEUED)

    await until(settled)
    return await Delivery.filter(invoice_id=invoice.id).order_by("id")


@pytest.mark.parametrize("place", [1, 4])
async def test_a_worker_killed_while_it_sends_skips_nobody(
    shop: Shop, mail: MailCatcher, start_worker: StartWorker, place: int
) -> None:
    doomed = start_worker(KITH_JOB_CONCURRENCY="1", KITH_DATABASE_POOL="3")
    seen: list[str] = []

    def kill_it(envelope: Envelope) -> None:
        seen.append(envelope.rcpt_tos[0])
        if len(seen) == place:
            os.kill(doomed.process.pid, signal.SIGKILL)

    mail.refuse = kill_it
    invoice = await send_to_all(shop)
    await asyncio.to_thread(doomed.process.wait, 30)
    start_worker(KITH_JOB_CONCURRENCY="1", KITH_DATABASE_POOL="3")

    settled = await until_settled(invoice)
    await until_all_done()

    assert [(d.recipient, d.state) for d in settled] == [(each, SENT) for each in PEOPLE]
    arrived = Counter(kept.envelope_to[0] for kept in mail.messages())
    in_flight = seen[place - 1]
    assert set(arrived) == set(PEOPLE)
    assert all(count == 1 for person, count in arrived.items() if person != in_flight)
    assert arrived[in_flight] <= 2
    ids = {(kept.envelope_to[0], kept.header("Message-ID")) for kept in mail.messages()}
    assert ids == {(d.recipient, f"<{d.message_id}>") for d in settled}


async def test_a_dead_mail_server_fails_the_delivery_not_the_invoice_and_a_retry_sends_it(
    shop: Shop, start_worker: StartWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = listen(0)
    port = listener.getsockname()[1]
    listener.close()
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{port}")
    start_worker()
    invoice = await make_sent(shop)

    (failed,) = await until_settled(invoice)
    await until_all_done()

    assert (failed.state, failed.attempts) == (FAILED, 5)
    assert (failed.reason or "").startswith("The mail server does not answer")
    assert (await Invoice.get(id=invoice.id)).state is InvoiceState.SENT
    catcher = MailCatcher(tmp_path / "mail")
    await asyncio.to_thread(catcher.start, listen(port))
    try:
        await deliveries.retry_delivery(failed.id, actor=shop.manager.actor)
        (sent,) = await until_settled(invoice)
        (kept,) = catcher.messages()
    finally:
        await asyncio.to_thread(catcher.stop)
    assert (sent.state, sent.reason) == (SENT, None)
    assert kept.header("Message-ID") == f"<{failed.message_id}>"


async def test_a_wiped_redis_costs_no_email_and_two_workers_double_none(
    shop: Shop, mail: MailCatcher, start_worker: StartWorker, redis_url: str
) -> None:
    start_worker()
    start_worker()
    invoices = []
    async with Redis.from_url(redis_url) as redis:
        for _ in range(4):
            invoices.append(await send_to_all(shop))
            await redis.flushdb()

    for invoice in invoices:
        assert {d.state for d in await until_settled(invoice)} == {SENT}
    await until_all_done()

    arrived = Counter(kept.header("Message-ID") for kept in mail.messages())
    assert len(arrived) == 4 * len(PEOPLE)
    assert set(arrived.values()) == {1}
