"""Files that do not fit into memory: chunks of few bytes, and a preview that knows what it decided long before."""

from itertools import pairwise

import pytest
from factories import Person, make_unit, make_user
from import_runs import account, preview, problems, run, start

from crm.customers.models import Customer
from crm.imports import prepared, service
from crm.imports.chunks import FileReader, Pace, Reader, read_chunks, sample_of
from crm.imports.configuring import Configuration
from crm.imports.csv_format import Checkpoint
from crm.imports.models import DuplicateRule, Import
from crm.imports.plan import make_plan
from crm.kernel.actor import Role

pytestmark = pytest.mark.usefixtures("db")

_MOST = 2_000_000  # bytes of the file in a chunk, whatever the length of its rows


async def _manager() -> Person:
    return await make_user(Role.MANAGER, [await make_unit()])


def _file(rows: int, *others: str) -> bytes:
    made = [f"C{n},c{n}@x.example,A-{n},{'some words ' * 10}" for n in range(rows)]
    return "\n".join(["Company,E-mail,Account number,Description", *made, *others]).encode()


@pytest.mark.parametrize(
    ("rule", "created", "updated", "skipped"),
    [
        (DuplicateRule.SKIP, 3001, 0, 1),
        (DuplicateRule.UPDATE, 3001, 1, 0),
        (DuplicateRule.CREATE_NEW, 3002, 0, 0),
    ],
)
async def test_a_preview_knows_what_it_decided_many_chunks_before(
    rule: DuplicateRule, created: int, updated: int, skipped: int
) -> None:
    manager = await _manager()
    again = ("Same address,C7@X.example,,", "Same number,other@x.example,A-8,", "New,new@x.example,A-new,")
    found = await start(_file(3000, *again), manager)
    found = await service.configure_import(found.id, Configuration(duplicate_rule=rule), actor=manager.actor)

    done = await run(found, manager)

    assert done.preview is not None
    counts = [done.preview[name] for name in ("created", "updated", "skipped", "failed")]
    assert counts == [created, updated, skipped, 1]
    assert counts == [done.created_count, done.updated_count, done.skipped_count, done.failed_count]
    assert await problems(done) == [(3003, "Account number", "ALREADY_TAKEN")]


async def test_a_chunk_of_long_rows_holds_few_of_them() -> None:
    manager = await _manager()
    rows = [f"C{n},c{n}@x.example,{'ten signs ' * 900}" for n in range(1200)]
    content = "\n".join(["Company,E-mail,Description", *rows]).encode()

    found = await preview(await start(content, manager), manager)

    plan = await make_plan(found, await sample_of(found))
    beginning = plan.sniffed.start
    ready = await prepared.reader_of(found, plan, beginning, _fast())
    assert ready is not None
    for reader in (FileReader(found.storage_key, plan, beginning, _fast()), ready):
        ends = await _ends(reader)
        sizes = [after.offset - before.offset for before, after in pairwise([beginning, *ends])]
        assert ends[-1] == Checkpoint(len(content), 1202)
        assert len(sizes) > 5
        assert max(sizes) <= _MOST


def _fast() -> Pace:
    """As it is where a chunk took no time: the most rows that are allowed."""
    pace = Pace()
    for _ in range(10):
        pace.note(1_000_000)
    return pace


async def _ends(reader: Reader) -> list[Checkpoint]:
    return [chunk.end async for chunk in read_chunks(reader)]


async def test_megabytes_of_blank_lines_are_no_end() -> None:
    manager = await _manager()
    content = b"Company,E-mail\nFirst,a@x.example\n" + b"\n" * 2 * _MOST + b"Last,b@x.example\n"

    done: Import = await run(await start(content, manager), manager)

    assert await account(done) == {2: "CREATED", 2 * _MOST + 3: "CREATED"}
    assert {customer.name for customer in await Customer.all()} == {"First", "Last"}
