"""Importing in tests: the services, and the jobs they promise, done in this process by the workers' own code."""

from collections.abc import AsyncIterator
from typing import Any

from factories import Person

from crm.imports import service
from crm.imports.configuring import Configuration
from crm.imports.models import Import, ImportProblem, ImportRejectedRow
from crm.imports.views import ImportedRow
from crm.kernel import jobs
from crm.kernel.models import JobState, OutboxJob
from workers import handlers
from workers.runner import perform


async def pieces(content: bytes, size: int = 50_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def start(
    content: bytes, person: Person, *, unit_id: Any = None, name: str = "customers.csv"
) -> Import:
    return await service.start_import(pieces(content), filename=name, unit_id=unit_id, actor=person.actor)


async def work() -> None:
    """Does every import job that waits."""
    handlers.load()
    while job := await OutboxJob.filter(state=JobState.PENDING, kind__startswith="imports.").first():
        claim = await jobs.claim(job.id)
        assert claim is not None
        await perform(claim)


async def preview(found: Import, person: Person) -> Import:
    await service.preview_import(found.id, actor=person.actor)
    await work()
    return await Import.get(id=found.id)


async def run(found: Import, person: Person, *, confirm_repeat: bool = False) -> Import:
    """Previews and runs; checks what holds of every import."""
    ready = await preview(found, person)
    assert ready.failure is None, ready.failure
    await service.run_import(found.id, confirm_repeat=confirm_repeat, actor=person.actor)
    await work()
    done = await Import.get(id=found.id)
    await check_account(done)
    return done


async def import_file(content: bytes, person: Person, *, unit_id: Any = None, **configuration: Any) -> Import:
    found = await start(content, person, unit_id=unit_id)
    if configuration:
        found = await service.configure_import(found.id, Configuration(**configuration), actor=person.actor)
    return await run(found, person)


async def check_account(done: Import) -> None:
    """Each row has exactly one outcome, and the counters say the same."""
    outcomes = await account(done)
    counts = [list(outcomes.values()).count(each) for each in ("CREATED", "UPDATED", "SKIPPED", "FAILED")]
    assert counts == [done.created_count, done.updated_count, done.skipped_count, done.failed_count]
    assert sum(counts) == done.rows_done == len(outcomes)


async def account(done: Import) -> dict[int, str]:
    """The outcome of each row by its physical line."""
    accepted = await ImportedRow.filter(run_id=done.id).values_list("line", "outcome")
    rejected = await ImportRejectedRow.filter(run_id=done.id).values_list("line", flat=True)
    found = dict([*accepted, *((line, "FAILED") for line in rejected)])
    assert len(found) == len(accepted) + len(rejected)
    return dict(sorted(found.items()))


async def problems(done: Import) -> list[tuple[int, str | None, str]]:
    rows = await ImportProblem.filter(run_id=done.id).order_by("line", "id")
    return [(row.line, row.column, row.code) for row in rows]
