"""Numbers without gaps, whatever happens beside and in the middle of issuing."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from factories import make_legal_entity, make_live_customer
from invoicing import LINE, Shop, make_draft, make_sent
from tortoise.connection import get_connection

from crm.invoices import drafts, issuing
from crm.invoices.models import Invoice, NumberCounter
from crm.invoices.rules import InvoiceState
from crm.kernel.clock import today
from crm.kernel.errors import InvalidTransition
from crm.kernel.models import OutboxJob
from crm.kernel.transaction import transaction

CHECKOUT = Path(__file__).resolve().parents[3]


class _Lost(Exception):
    pass


async def sequences(shop: Shop) -> list[int]:
    found = Invoice.filter(legal_entity_id=shop.entity.id, number__isnull=False).order_by("number_seq")
    return [seq for seq in await found.values_list("number_seq", flat=True) if seq is not None]


async def draft_of_new_customer(shop: Shop) -> Invoice:
    customer = await make_live_customer(unit=shop.unit, legal_entity=shop.entity)
    return await drafts.create_invoice(customer.id, {}, [LINE], actor=shop.manager.actor)


async def test_thirty_at_once_get_thirty_numbers_in_a_row_and_the_failing_ones_leave_no_gap(
    shop: Shop,
) -> None:
    waiting = [await draft_of_new_customer(shop) for _ in range(45)]

    async def send(place: int, invoice: Invoice) -> None:
        async with transaction():
            await issuing.send_invoice(invoice.id, actor=shop.manager.actor)
            if place % 3 == 0:
                raise _Lost  # after the number was taken

    results = await asyncio.gather(*(send(*each) for each in enumerate(waiting)), return_exceptions=True)

    assert sum(isinstance(result, _Lost) for result in results) == 15
    assert sum(result is None for result in results) == 30
    assert await sequences(shop) == list(range(1, 31))
    assert await Invoice.filter(state=InvoiceState.DRAFT).count() == 15
    assert (await NumberCounter.get()).next_seq == 31


async def test_a_cancelled_request_gives_its_number_back(shop: Shop) -> None:
    waiting = [await draft_of_new_customer(shop) for _ in range(12)]
    tasks = [asyncio.create_task(issuing.send_invoice(each.id, actor=shop.manager.actor)) for each in waiting]
    for delay, task in enumerate(tasks[::2]):
        await asyncio.sleep(0.003 * delay)
        task.cancel()

    await asyncio.gather(*tasks, return_exceptions=True)

    sent = await Invoice.filter(state=InvoiceState.SENT).count()
    assert sent >= 6
    assert await sequences(shop) == list(range(1, sent + 1))


_CRASH = """
import asyncio, sys
from uuid import UUID
sys.path[:0] = ["tests"]
from crm.invoices import issuing
from crm.kernel import database
from crm.kernel.actor import kith
from crm.kernel.transaction import transaction

async def main():
    await database.connect()
    async with transaction():
        invoice = await issuing.send_invoice(UUID(sys.argv[1]), actor=kith())
        print(invoice.number, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_process_killed_in_the_middle_gives_its_number_back(shop: Shop) -> None:
    dying, next_one = await draft_of_new_customer(shop), await draft_of_new_customer(shop)
    process = subprocess.Popen(  # noqa: ASYNC220  a process of its own is what is to die
        [sys.executable, "-c", _CRASH, str(dying.id)],
        cwd=CHECKOUT,
        env={**os.environ},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    number = (await asyncio.to_thread(process.stdout.readline)).decode().strip()
    assert number == f"INV-{today().year}-00001"
    waiting = asyncio.create_task(issuing.send_invoice(next_one.id, actor=shop.manager.actor))
    await asyncio.sleep(0.3)
    assert not waiting.done()  # the number is not free while its taker lives

    process.send_signal(signal.SIGKILL)
    await asyncio.to_thread(process.wait)
    process.stdout.close()

    assert (await asyncio.wait_for(waiting, 10)).number == number
    assert (await Invoice.get(id=dying.id)).state is InvoiceState.DRAFT


async def test_each_legal_entity_counts_by_itself(shop: Shop) -> None:
    other = await make_legal_entity()

    first = await make_sent(shop)
    second = await make_draft(shop, legal_entity_id=other.id)
    sent = await issuing.send_invoice(second.id, actor=shop.manager.actor)

    assert (first.number_seq, sent.number_seq) == (1, 1)


async def test_one_legal_entity_does_not_wait_for_another(shop: Shop) -> None:
    other = await make_legal_entity()
    slow, quick = await draft_of_new_customer(shop), await draft_of_new_customer(shop)
    await drafts.update_invoice(
        quick.id, {"legal_entity_id": other.id}, None, expected_version=1, actor=shop.manager.actor
    )

    async def hold() -> None:
        async with transaction():
            await issuing.send_invoice(slow.id, actor=shop.manager.actor)
            await asyncio.sleep(1)

    holding = asyncio.create_task(hold())
    await asyncio.sleep(0.2)
    begun = time.monotonic()
    await issuing.send_invoice(quick.id, actor=shop.manager.actor)
    waited = time.monotonic() - begun
    await holding

    assert waited < 0.7


async def test_the_later_number_never_has_the_earlier_day(shop: Shop) -> None:
    for days in (40, 40, 12, 3, 0):
        draft = await make_draft(shop)
        day = today() - timedelta(days=days)
        await issuing.send_invoice(draft.id, issue_date=day, actor=shop.manager.actor)

    issued = await Invoice.filter(state=InvoiceState.SENT).order_by("number_year", "number_seq")

    assert [i.issue_date for i in issued] == sorted(i.issue_date for i in issued if i.issue_date)


@pytest.mark.parametrize(
    "sql",
    [
        "update invoice set number_seq = number_seq + 1 where id = $1",
        "update invoice set number_year = 1999 where id = $1",
    ],
)
async def test_a_given_number_is_not_moved(shop: Shop, sql: str) -> None:
    invoice = await make_sent(shop)

    with pytest.raises(Exception, match="issued and cannot be changed"):
        await get_connection("default").execute_query(sql, [invoice.id])

    assert await sequences(shop) == [1]
    assert await OutboxJob.filter(kind="deliver_invoice").count() == 1


async def test_one_draft_sent_twice_at_once_is_issued_once(shop: Shop) -> None:
    draft = await make_draft(shop)

    results = await asyncio.gather(
        *(issuing.send_invoice(draft.id, actor=shop.manager.actor) for _ in range(5)), return_exceptions=True
    )

    assert sum(isinstance(result, InvalidTransition) for result in results) == 4
    assert await sequences(shop) == [1]
    assert await OutboxJob.filter(kind="deliver_invoice").count() == 1
