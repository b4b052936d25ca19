"""Rows a preview made ready: imported as if they had been read from the file, and only while its plan holds."""

import csv
import io
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import orjson
import pytest
from factories import Person, make_pick, make_unit, make_user
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from import_runs import account, check_account, import_file, preview, problems, start, work
from tortoise.connection import get_connection

from crm.audit.models import HistoryEntry
from crm.contacts.models import Contact
from crm.customers.models import Customer, Phase, PickList, RequiredField
from crm.imports import copy_text, service
from crm.imports.configuring import Configuration
from crm.imports.models import DuplicateRule, Import, ImportRejectedRow, ImportState
from crm.kernel import storage
from crm.kernel.actor import Role
from crm.kernel.transaction import raw_connection, transaction

pytestmark = pytest.mark.usefixtures("db")

Setting = Callable[..., None]

# Everything COPY's text format has signs for, and every kind of value a column may have.
ROWS: list[dict[str, str]] = [
    {
        "Company": 'Back\\slash "quoted" \\N',
        "E-mail": "a@x.example",
        "Phone": "+49 30 901820",
        "Description": "tab\there\nand a line\\n",
        "Street": "High\\Street",
        "Contract value": "1,234.50",
        "Contract start": "2026-12-31",
        "Probability": "5",
        "Tags": 'a, b\\, "c", {d}',
        "Industry": "Coffee",
        "Account manager": "boss@x.example",
        "Account number": "A-1",
        "Contact name": "Ann \\ O'Hara",
        "Contact e-mail": "ann@x.example",
        "Contact title": "Head\tof\u2028things",
    },
    {
        "Company": "Élodie 株式会社",
        "E-mail": "b@x.example",
        "Billing street": "Hafen 7",
        "Account number": "A-2",
    },
    {"Company": "No address"},
    {"Company": "Again", "E-mail": "A@X.example"},
    {"Company": "Taken", "E-mail": "c@x.example", "Account number": "A-1"},
    {"Company": "Unknown choice", "E-mail": "d@x.example", "Industry": "Tea"},
    {"Company": "'=1+1", "E-mail": "e@x.example", "Contact name": "Bo", "Contact e-mail": "bo@x.example"},
]


def _csv(rows: list[dict[str, str]]) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(dict.fromkeys(column for row in rows for column in row)))
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


FILE = _csv(ROWS)


async def _manager() -> Person:
    return await make_user(Role.MANAGER, [await make_unit()], email="boss@x.example")


def _key(found: Import) -> str:
    return f"{found.storage_key}.rows"


async def _prepared(found: Import) -> bool:
    try:
        return bool(await storage.get_bytes(_key(found)))
    except FileNotFoundError:
        return False


async def _run(found: Import, person: Person) -> Import:
    await service.run_import(found.id, confirm_repeat=True, actor=person.actor)
    await work()
    done = await Import.get(id=found.id)
    assert done.state is ImportState.COMPLETED, done.failure
    await check_account(done)
    return done


async def _everything(done: Import) -> Any:
    """All an import left behind, but for ids and times."""
    customers = await Customer.filter(unit_id=done.unit_id).order_by("email").values()
    contacts = await Contact.filter(customer__unit_id=done.unit_id).order_by("email").values()
    entries = await HistoryEntry.filter(unit_id=done.unit_id, subject_kind="cus").order_by("id")
    own = {"id", "unit_id", "created_at", "updated_at", "customer_id", "last_activity_at"}
    told = [
        [{k: v for k, v in row.items() if k not in own} for row in rows] for rows in (customers, contacts)
    ]
    history = sorted(json.dumps(entry.changes, sort_keys=True) for entry in entries)
    rejected = await ImportRejectedRow.filter(run_id=done.id).order_by("line").values_list("line", "cells")
    return *told, history, rejected, await account(done), await problems(done)


@pytest.mark.parametrize("rows", [2, 100])
async def test_prepared_rows_leave_what_the_file_would_have_left(rows: int, setting: Setting) -> None:
    setting(import_chunk_rows=rows)
    await make_pick(PickList.INDUSTRY, name="Coffee")
    manager = await _manager()
    other = await make_unit()
    both = await make_user(Role.MANAGER, [other], email="other@x.example")
    ready = await preview(await start(FILE, manager), manager)
    same = FILE.replace(b"boss@x.example", b"other@x.example")
    read = await preview(await start(same, both), both)
    assert await _prepared(ready)
    await storage.delete(_key(read))

    from_rows, from_file = await _run(ready, manager), await _run(read, both)

    outcomes = ["CREATED", "CREATED", "FAILED", "SKIPPED", "FAILED", "FAILED", "CREATED"]
    assert list((await account(from_rows)).values()) == outcomes
    made = await Customer.get(unit_id=from_rows.unit_id, email="a@x.example")
    assert (made.name, made.description, made.address_street) == (
        *('Back\\slash "quoted" \\N', "tab\there\nand a line\\n"),
        "High\\Street",
    )
    assert (made.tags, made.contract_value, made.contract_start) == (
        *(["a", "b\\", '"c"', "{d}"], Decimal("1234.5")),
        date(2026, 12, 31),
    )
    left, expected = await _everything(from_rows), await _everything(from_file)
    managers = {str(manager.user.id): "", str(both.user.id): "", manager.user.name: "", both.user.name: ""}
    assert _without(left, managers) == _without(expected, managers)
    assert not await _prepared(from_rows)


def _without(left: Any, names: dict[str, str]) -> str:
    text = repr(left).replace("other@x.example", "boss@x.example")
    for name in names:
        text = text.replace(name, "").replace(name.replace("-", ""), "")
    return text


async def test_it_is_the_prepared_rows_that_are_imported() -> None:
    manager = await _manager()
    found = await preview(await start(b"Company,E-mail\nFile,a@x.example", manager), manager)
    rows = (await storage.get_bytes(_key(found))).replace(b"File", b"Rows")
    await storage.put_stream("imports", _once(rows), limit=10_000, key=_key(found))

    await _run(found, manager)

    assert (await Customer.get()).name == "Rows"


@pytest.mark.parametrize("kept", [0.5, 0.98, -6])  # the last is all but the line that says so
async def test_prepared_rows_of_which_some_are_missing_are_read_from_the_file_again(
    kept: float, setting: Setting
) -> None:
    setting(import_chunk_rows=20)
    manager = await _manager()
    rows = [f"C{n},c{n}@x.example,{'words ' * 20}" for n in range(200)]
    found = await preview(
        await start("\n".join(["Company,E-mail,Description", *rows]).encode(), manager), manager
    )
    content = await storage.get_bytes(_key(found))
    damaged = content[: int(kept if kept < 0 else kept * len(content))]
    await storage.put_stream("imports", _once(damaged), limit=len(content), key=_key(found))
    await service.run_import(found.id, actor=manager.actor)

    await work()

    done = await Import.get(id=found.id)
    assert done.state is ImportState.COMPLETED
    await check_account(done)
    assert done.created_count == 200


async def test_a_choice_renamed_after_the_preview_is_looked_up_again() -> None:
    coffee = await make_pick(PickList.INDUSTRY, name="Coffee")
    manager = await _manager()
    found = await preview(
        await start(b"Company,E-mail,Industry\nA,a@x.example,Coffee\nB,b@x.example,Tea", manager), manager
    )
    await coffee.update_from_dict({"name": "Tea"}).save()

    done = await _run(found, manager)

    assert await account(done) == {2: "FAILED", 3: "CREATED"}
    assert (await Customer.get(email="b@x.example")).industry_id == coffee.id


async def test_a_field_that_became_required_after_the_preview_is_required() -> None:
    manager = await _manager()
    found = await preview(
        await start(b"Company,E-mail,City\nA,a@x.example,\nB,b@x.example,Bath", manager), manager
    )
    await RequiredField.create(phase=Phase.CREATE, field="address_city")

    done = await _run(found, manager)

    assert await account(done) == {2: "FAILED", 3: "CREATED"}
    assert not await Customer.exists(email="a@x.example")


async def test_who_came_after_the_preview_is_a_duplicate_all_the_same() -> None:
    manager = await _manager()
    lines = b"Company,E-mail,Account number\nA,a@x.example,A-1\nB,b@x.example,A-2"
    found = await preview(await start(lines, manager), manager)
    await import_file(b"Company,E-mail,Account number\nOther,A@x.example,A-2", manager)

    done = await _run(found, manager)

    assert await account(done) == {2: "SKIPPED", 3: "FAILED"}
    assert await problems(done) == [(3, "Account number", "ALREADY_TAKEN")]
    assert (await ImportRejectedRow.get(run_id=done.id)).cells == ["B", "b@x.example", "A-2"]


async def test_an_import_that_updates_or_has_consent_reads_its_file() -> None:
    manager = await _manager()
    updates = await start(b"Company,E-mail\nA,a@x.example", manager)
    await service.configure_import(
        updates.id, Configuration(duplicate_rule=DuplicateRule.UPDATE), actor=manager.actor
    )
    consents = await start(b"Company,E-mail,Marketing consent\nB,b@x.example,yes", manager)

    assert not await _prepared(await preview(updates, manager))
    assert not await _prepared(await preview(consents, manager))
    assert [(await _run(found, manager)).created_count for found in (updates, consents)] == [1, 1]


async def test_prepared_rows_go_with_a_cancelled_import() -> None:
    manager = await _manager()
    waiting = await preview(await start(b"Company,E-mail\nA,a@x.example", manager), manager)
    begun = await preview(await start(b"Company,E-mail\nB,b@x.example", manager), manager)
    await service.run_import(begun.id, actor=manager.actor)
    assert await _prepared(waiting)
    assert await _prepared(begun)

    for found in (waiting, begun):
        await service.cancel_import(found.id, actor=manager.actor)
    await work()

    assert not await _prepared(waiting)
    assert not await _prepared(begun)
    assert await Customer.all().count() == 0


async def test_an_import_goes_on_among_the_prepared_rows(setting: Setting) -> None:
    setting(import_chunk_rows=20)
    manager = await _manager()
    rows = [f"C{n},c{n}@x.example,{'words ' * 20}" for n in range(200)]
    found = await preview(
        await start("\n".join(["Company,E-mail,Description", *rows]).encode(), manager), manager
    )
    lines = (await storage.get_bytes(_key(found))).splitlines()
    assert len(lines) > 4
    _, begins, *_ = (orjson.loads(line) for line in lines[:2])
    second = orjson.loads(lines[2])
    await service.run_import(found.id, actor=manager.actor)
    first = len(begins[4])
    await Import.filter(id=found.id).update(checkpoint={"offset": second[0], "line": second[1]})

    await work()

    done = await Import.get(id=found.id)
    assert (done.state, done.rows_done) == (ImportState.COMPLETED, 200 - first)
    assert [c.name for c in await Customer.filter(name__in=["C0", f"C{first}"])] == [f"C{first}"]


VALUES = st.one_of(
    st.none(),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.text("\\\t\n\r\b\vN.{}\",'", max_size=12),
)


@given(
    text=VALUES,
    array=st.lists(st.text("\\\t\n\"{},' aé", max_size=6), max_size=4),
    number=st.decimals(-(10**9), 10**9, places=2) | st.none(),
    day=st.dates(date(1, 1, 1)) | st.none(),
    told=st.dictionaries(st.text('\\"\n\tä', max_size=4), st.text('\\"\n\tä', max_size=9), max_size=3),
    true=st.booleans(),
)
@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_what_is_written_as_copys_text_comes_back(
    text: str | None, array: list[str], number: Decimal | None, day: date | None, told: Any, true: bool
) -> None:
    key = uuid4()
    values = (key, text, array, number, day, true)
    line = f"{copy_text.fields(values)}\t{copy_text.json(orjson.dumps(told).decode())}\n"
    async with transaction():
        connection = raw_connection()
        await connection.execute(
            "create temporary table copied (id uuid, body text, words text[], amount numeric, day date, yes boolean, "
            "told jsonb) on commit drop"
        )
        await connection.copy_to_table("copied", source=_once(line.encode()))
        row = await connection.fetchrow("select * from copied")

    found = *(row[name] for name in ("id", "body", "words", "amount", "day", "yes")), json.loads(row["told"])
    assert found == (*values, told)


async def _once(content: bytes) -> Any:
    yield content


async def test_the_history_of_an_imported_customer_reads_as_any_other() -> None:
    manager = await _manager()
    await import_file(b"Company,E-mail\nA,a@x.example", manager)

    _, rows = await get_connection("default").execute_query(
        "select changes -> 0 as first from history_entry where action = 'create_customer'"
    )

    assert json.loads(rows[0]["first"]) == {"field": "name", "after": "A"}
