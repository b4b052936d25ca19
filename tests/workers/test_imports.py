"""Imports in real worker processes: killed, told to stop, without Redis's memory; nothing lost, nothing twice."""

import signal
from uuid import UUID

import pytest
from factories import Person, make_unit, make_user
from import_runs import check_account, preview, start
from redis.asyncio import Redis

from crm.contacts.models import Contact
from crm.customers.models import Customer
from crm.imports import service
from crm.imports.models import Import, ImportRejectedRow, ImportState
from crm.imports.views import ImportedRow
from crm.kernel.actor import Role
from tests.workers.conftest import StartWorker
from tests.workers.outbox_watch import until

ROWS = 1500
SMALL = {"KITH_IMPORT_CHUNK_ROWS": "25"}

pytestmark = pytest.mark.usefixtures("db")


def big_file() -> bytes:
    """Every tenth row repeats an address, every fiftieth has none."""
    lines = ["Company,E-mail,Account number,Contact name,Contact e-mail"]
    for n in range(ROWS):
        address = f"c{n - 1}@x.example" if n % 10 == 9 else "none" if n % 50 == 5 else f"c{n}@x.example"
        lines.append(f"Company {n},{address},A-{n},Ann {n},ann{n}@x.example")
    return "\n".join(lines).encode()


async def running() -> tuple[Import, Person]:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    found = await preview(await start(big_file(), manager), manager)
    await service.run_import(found.id, actor=manager.actor)
    return found, manager


async def came_as_far_as(import_id: UUID, rows: int) -> None:
    await until(lambda: Import.exists(id=import_id, rows_done__gte=rows))


async def completed(import_id: UUID) -> Import:
    await until(lambda: Import.exists(id=import_id, state=ImportState.COMPLETED), seconds=60)
    done = await Import.get(id=import_id)
    await check_account(done)
    return done


async def check_everything_is_in_once(import_id: UUID) -> None:
    done = await completed(import_id)
    counts = (done.rows_done, done.created_count, done.skipped_count, done.failed_count)
    assert counts == (ROWS, ROWS * 88 // 100, ROWS // 10, ROWS // 50)
    assert await Customer.all().count() == await Contact.all().count() == done.created_count
    made = await ImportedRow.filter(run_id=import_id, outcome="CREATED").values_list("customer_id", flat=True)
    assert set(made) == set(await Customer.all().values_list("id", flat=True))
    assert await ImportRejectedRow.filter(run_id=import_id).count() == done.failed_count


async def test_an_import_goes_on_where_its_killed_worker_stopped(start_worker: StartWorker) -> None:
    found, _ = await running()
    for rows in (100, 400):
        worker = start_worker(**SMALL)
        await came_as_far_as(found.id, rows)
        worker.end(signal.SIGKILL)
    reached = await Import.get(id=found.id)
    assert reached.state is ImportState.RUNNING
    assert reached.rows_done < ROWS

    start_worker()

    await check_everything_is_in_once(found.id)


async def test_an_import_survives_the_loss_of_everything_in_redis(
    start_worker: StartWorker, redis_url: str
) -> None:
    found, _ = await running()
    start_worker(**SMALL)
    async with Redis.from_url(redis_url) as redis:
        for rows in (50, 500):
            await came_as_far_as(found.id, rows)
            await redis.flushdb()

    await check_everything_is_in_once(found.id)


async def test_a_cancelled_import_keeps_what_is_in_and_reports_it(start_worker: StartWorker) -> None:
    found, manager = await running()
    start_worker(**SMALL)
    await came_as_far_as(found.id, 200)

    cancelled = await service.cancel_import(found.id, actor=manager.actor)

    await until(lambda: Import.exists(id=found.id, rejected_key__isnull=False))
    after = await Import.get(id=found.id)
    assert (after.state, after.rows_done) == (ImportState.CANCELLED, cancelled.rows_done)
    assert 200 <= after.rows_done < ROWS
    await check_account(after)
    assert await Customer.all().count() == after.created_count


async def test_a_worker_told_to_stop_hands_its_import_over(start_worker: StartWorker) -> None:
    found, _ = await running()
    first = start_worker(**SMALL, KITH_JOB_LEASE_SECONDS="600")
    await came_as_far_as(found.id, 100)

    first.end(signal.SIGTERM)
    start_worker(KITH_JOB_LEASE_SECONDS="600")

    await check_everything_is_in_once(found.id)
