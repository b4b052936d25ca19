"""`kith import`, as a person types it, against a running Kith."""

import asyncio
import csv
import os
import shutil
import sys
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo import files
from stack.import_command import SOME_FAILED
from tests.e2e.conftest import ADMIN, CHECKOUT, PASSWORD, Running

LEFT_OUT = ("Payment days", "Contract to")  # the one by us, the other because its heading is not known


@dataclass(frozen=True)
class Answer:
    code: int
    said: str
    complained: str


@dataclass(frozen=True)
class Terminal:
    running: Running
    place: Path

    async def kith(self, *words: str, **environment: str) -> Answer:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("KITH_")}
        login = {"KITH_URL": self.running.kith.url, "KITH_EMAIL": ADMIN, "KITH_PASSWORD": PASSWORD}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "stack", "import", *words),
            cwd=CHECKOUT,
            env=clean | login | {"COLUMNS": "300", "KITH_HOME": str(self.place / "home")} | environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complained = await process.communicate()
        return Answer(process.returncode or 0, said.decode(), complained.decode())

    async def customers(self) -> list[Any]:
        return await self.running.kith.nodes("customers", "name email paymentTermsDays contractStart")


@pytest.fixture
async def terminal(running: Running, tmp_path: Path) -> Terminal:
    unit = {"name": "Central"}
    await running.kith.mutate("createBusinessUnit", "CreateBusinessUnitInput", unit)
    return Terminal(running, tmp_path)


async def test_a_messy_file_is_imported_and_every_row_accounted_for(terminal: Terminal) -> None:
    file = terminal.place / "messy.csv"
    shutil.copy(files.FOLDER / "customers-messy.csv", file)

    asked = await terminal.kith(str(file))
    assert (asked.code, asked.complained) == (
        1,
        "kith: Nobody is here to agree: look at the above, then add --yes.\n",
    )
    assert await terminal.customers() == []

    done = await terminal.kith(
        str(file), "--yes", "--map", "Contract from=contract_start", "--map", "Payment days="
    )

    rows = files.messy_expectation().rows
    failed = [row.line for row in rows if row.skip == "FAILED" and row.column not in LEFT_OUT]
    skipped = 1  # the e-mail of line 2 again; of customers.csv nobody is here
    created = len(rows) - len(failed) - skipped
    assert (done.code, done.complained) == (SOME_FAILED, "")
    assert f"{len(rows)} rows: {created} new customers, 1 there already, who stay as they are, " in done.said
    assert (
        f"{created} created, 0 updated, 1 skipped, {len(failed)} rejected; {len(rows)} rows in all."
        in done.said
    )
    found = await terminal.customers()
    assert len(found) == created
    assert {each["paymentTermsDays"] for each in found} == {None}
    assert any(each["contractStart"] for each in found)
    with file.with_name("messy-rejected.csv").open(encoding="utf-8-sig", newline="") as rejected:
        assert [int(row["Rejected line"]) for row in csv.DictReader(rejected)] == failed

    repeated = await terminal.kith(str(file), "--yes")
    assert repeated.code == 1
    assert "This very file was imported on " in repeated.complained
    assert len(await terminal.customers()) == len(found)


async def test_what_stands_in_the_way_is_one_sentence_and_nothing_is_imported(terminal: Terminal) -> None:
    nameless = terminal.place / "nameless.csv"
    nameless.write_text("company,city\nAcme,Bath\n", encoding="utf-8")
    binary = terminal.place / "picture.csv"
    shutil.copy(files.FOLDER / "logo.png", binary)

    tries: dict[str, Awaitable[Answer]] = {
        "no e-mail": terminal.kith(str(nameless), "--yes"),
        "no column": terminal.kith(str(nameless), "--yes", "--map", "town=address_city"),
        "no unit": terminal.kith(str(nameless), "--unit", "South"),
        "no CSV": terminal.kith(str(binary), "--yes"),
        "no file": terminal.kith(str(terminal.place / "none.csv")),
        "no login": terminal.kith(str(nameless), KITH_PASSWORD="wrong wrong wrong"),
        "nowhere": terminal.kith(str(nameless), KITH_URL="http://127.0.0.1:9"),
    }
    refusals = dict(zip(tries, await asyncio.gather(*tries.values()), strict=True))

    sentences = {why: answer.complained.removeprefix("kith: ").rstrip() for why, answer in refusals.items()}
    assert {answer.code for answer in refusals.values()} == {1}
    assert [why for why, sentence in sentences.items() if len(sentence.splitlines()) != 1] == []
    assert sentences["no e-mail"].startswith(
        "No column holds what every customer needs: E-mail (--map COLUMN=email)."
    )
    assert sentences["no column"] == "The file has no column town: look at its first line."
    assert sentences["no unit"] == "There is no business unit 'South'. Yours: 'Central'."
    assert sentences["no file"] == f"There is no file {terminal.place / 'none.csv'}."
    assert sentences["nowhere"].startswith("Kith does not answer at http://127.0.0.1:9: ")
    assert await terminal.customers() == []
    states = {each["state"] for each in await terminal.running.kith.nodes("imports", "state")}
    assert states == {"CANCELLED"}
