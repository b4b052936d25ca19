"""Imports: 100,000 customers with their contacts through a real worker, every rule on; beside COPY of the same file.

`BENCH_ROWS` changes the number of rows. Of ten rows one repeats an earlier address, of a hundred one is wrong.
"""

import asyncio
import csv
import io
import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import asyncpg

from bench.servers import keep, servers
from crm.accounts.models import BusinessUnit, UnitMembership, User
from crm.customers import letters
from crm.customers.models import Customer
from crm.customers.search_indexes import file_entries
from crm.imports import service
from crm.imports.models import Import, ImportState
from crm.kernel import database
from crm.kernel.actor import Actor, Role
from crm.kernel.settings import settings
from crm.kernel.transaction import transaction
from workers.housekeeping import LETTERS_AT_ONCE

ROWS = int(os.environ.get("BENCH_ROWS", "100000"))
RUNS = 2
COLUMNS = (
    *("Company", "E-mail", "Phone", "Website", "Street", "City", "Postcode", "Country", "Account number"),
    *("Payment terms (days)", "Currency", "Tags", "Contact name", "Contact e-mail", "Contact phone"),
    "Contact title",
)
_BUSY = (ImportState.PREVIEWING, ImportState.RUNNING)


def main() -> None:
    with servers("imports") as url, _worker() as worker:
        runs, filed = asyncio.run(_measure(url, [_file(run) for run in range(RUNS)]))
        memory = _peak_megabytes(worker)
    best = max(runs, key=lambda run: run["import_rows_per_second"])
    print(f"\nImports: {ROWS} rows of {len(COLUMNS)} columns, every rule on, one worker; best of {RUNS} runs")
    print(f"  preview       {best['preview_rows_per_second']:9,.0f} rows a second")
    print(f"  import        {best['import_rows_per_second']:9,.0f} rows a second")
    print(f"  letters       {filed:9,.0f} rows a second, filed behind it by a job of its own")
    print(f"  COPY the file {best['copy_rows_per_second']:9,.0f} rows a second: ratio {best['ratio']:.4f}")
    print(f"  peak memory of the worker {memory} MB")
    keep("imports", {"rows": ROWS, "peak_memory_mb": memory, "filed_rows_per_second": filed, **best})


def _file(run: int) -> bytes:
    chance = random.Random(run)  # noqa: S311  no secret
    words = [_word(chance) for _ in range(20_000)]
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    writer.writerows(_row(number, run, words) for number in range(ROWS))
    return file.getvalue().encode()


def _word(chance: random.Random) -> str:
    return "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(4, 10)))


def _row(number: int, run: int, words: list[str]) -> tuple[object, ...]:
    first, second, third = (words[number * step % len(words)] for step in (1, 7, 3))
    host = f"{first}{number}.run{run}.example"
    return (
        f"{first} {second} Ltd".title(),
        _address(number, run, words),
        f"+49 30 2312{number % 10000:04}" if number % 3 else f"020 7946 {number % 1000:04}",
        f"https://www.{first}.example",
        f"{number % 200} High Street",
        third.title(),
        f"{number % 100000:05}",
        ("GB", "DE", "Germany")[number % 3],
        f"C-{run}-{number}",
        (14, 30, 60)[number % 3],
        ("EUR", "GBP")[number % 2],
        ("", "vip", "north, key")[number % 3],
        f"Ann {second}".title(),
        f"ann.{third}@{host}",
        f"+49 30 2313{number % 10000:04}",
        "Buyer",
    )


def _address(number: int, run: int, words: list[str]) -> str:
    if number % 100 == 50:
        return "no address"
    same = number - 5 if number % 10 == 9 else number
    return f"office@{words[same % len(words)]}{same}.run{run}.example"


@contextmanager
def _worker() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-m", "workers"])
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


def _peak_megabytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1000


async def _measure(url: str, files: list[bytes]) -> tuple[list[dict[str, float]], int]:
    await database.connect(url)
    try:
        actor = await _manager()
        runs = []
        for content in files:
            preview, run = await _import(content, actor)
            copied = await _copy(url, content)
            runs.append(
                {
                    "preview_rows_per_second": round(ROWS / preview),
                    "import_rows_per_second": round(ROWS / run),
                    "copy_rows_per_second": round(ROWS / copied),
                    "ratio": round(copied / run, 4),
                }
            )
        return runs, await _filed()
    finally:
        await database.close()


async def _manager() -> Actor:
    unit = await BusinessUnit.create(name="Bench")
    user = await User.create(name="Bench", email="bench@kith.example", password_hash="!", role=Role.MANAGER)
    await UnitMembership.create(unit=unit, user=user)
    return Actor(user.id, user.name, Role.MANAGER, frozenset({unit.id}))


async def _import(content: bytes, actor: Actor) -> tuple[float, float]:
    """Seconds of the preview and of the run, from the asking to the end."""
    found = await service.start_import(_pieces(content), filename="bench.csv", actor=actor)
    began = time.perf_counter()
    await service.preview_import(found.id, actor=actor)
    ready = await _ended(found.id)
    previewed = time.perf_counter()
    await service.run_import(found.id, actor=actor)
    done = await _ended(found.id)
    ended = time.perf_counter()
    right = (done.rows_done, done.failed_count, done.skipped_count) == (ROWS, ROWS // 100, ROWS // 10)
    if ready.state is not ImportState.READY or done.state is not ImportState.COMPLETED or not right:
        raise SystemExit(f"The import came out wrong: {done.state}, {done.rows_done} rows, {done.failure}.")
    return previewed - began, ended - previewed


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1_000_000):
        yield content[start : start + 1_000_000]


async def _ended(import_id: UUID) -> Import:
    while True:
        found = await Import.get(id=import_id)
        if found.state not in _BUSY:
            return found
        await asyncio.sleep(0.1)


async def _filed() -> int:
    """Rows a second that letters are filed for afterwards, as the worker does it: each a customer and its contact."""
    rows, began = await Customer.all().count(), time.perf_counter()
    while await _filed_some() is not None:
        pass
    await file_entries()
    return round(rows / (time.perf_counter() - began))


async def _filed_some() -> int | None:
    async with transaction():
        return await letters.file_next(LETTERS_AT_ONCE)


async def _copy(url: str, content: bytes) -> float:
    """Seconds PostgreSQL takes to COPY the file into a plain table of texts, without any index."""
    connection = await asyncpg.connect(**database.credentials(url))
    try:
        columns = ", ".join(f"c{number} text" for number in range(len(COLUMNS)))
        await connection.execute(f"drop table if exists raw; create table raw ({columns})")
        began = time.perf_counter()
        await connection.copy_to_table("raw", source=io.BytesIO(content), format="csv", header=True)
        return time.perf_counter() - began
    finally:
        await connection.close()


if __name__ == "__main__":
    settings.cache_clear()
    main()
