"""Files that are no use: each is refused with a code and a sentence, and nothing of it is kept."""

from pathlib import Path

import pytest
from factories import make_unit, make_user
from import_runs import account, import_file, pieces, problems, start

from crm.customers.models import Customer
from crm.imports import service
from crm.imports.models import Import
from crm.kernel.actor import Role
from crm.kernel.errors import InvalidInput
from crm.kernel.models import OutboxJob
from crm.kernel.settings import settings
from crm.kernel.storage import FileTooLarge

pytestmark = pytest.mark.usefixtures("db")

HEADER = "Company,E-mail"
WIDE = ",".join(f"Column {n}" for n in range(200))
REFUSED = {
    "empty": (b"", "EMPTY_FILE"),
    "blank": (b"\n\n  \n", "EMPTY_FILE"),
    "zip": (b"PK\x03\x04" + bytes(range(256)) * 4, "BINARY_FILE"),
    "noise": (bytes(range(256)) * 64, "BINARY_FILE"),
    "web page": (b"<!doctype html><html><body>Log in</body></html>", "NOT_CSV"),
    "only a header": (b"Company,E-mail\n", "NO_ROWS"),
    "unclosed quote": (b'Company,E-mail\n"A,a@x.example\nB,b@x.example\n', "UNCLOSED_QUOTE"),
    "200 columns": (f"{WIDE}\n{WIDE}\n".encode(), "TOO_MANY_COLUMNS"),
}


def kept_files(directory: Path) -> set[Path]:
    return {path for path in directory.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_file_that_cannot_be_read_is_refused_and_not_kept(name: str, storage_directory: Path) -> None:
    content, code = REFUSED[name]
    manager = await make_user(Role.MANAGER, [await make_unit()])
    before = kept_files(storage_directory)

    with pytest.raises(InvalidInput) as refused:
        await start(content, manager)

    (problem,) = refused.value.problems
    assert (problem.path, problem.code) == (("file",), code)
    assert problem.message.endswith(".") or problem.message.endswith("?")
    assert await Import.all().count() == await OutboxJob.all().count() == 0
    assert kept_files(storage_directory) == before


async def test_a_file_over_the_limit_is_refused_and_not_kept(
    storage_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    before = kept_files(storage_directory)
    monkeypatch.setenv("KITH_MAX_UPLOAD_MB", "1")
    settings.cache_clear()

    with pytest.raises(FileTooLarge):
        await service.start_import(pieces(b"x" * 1_000_001), filename="big.csv", actor=manager.actor)

    monkeypatch.undo()
    settings.cache_clear()
    assert await Import.all().count() == 0
    assert kept_files(storage_directory) == before


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [("utf-16", ","), ("utf-16-le", ";"), ("utf-8-sig", "\t"), ("cp1252", ";"), ("utf-8", "|")],
)
async def test_encodings_and_delimiters_make_no_difference(encoding: str, delimiter: str) -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    rows = [
        ("Company", "E-mail", "City"),
        ("Zoë & Söhne", "a@x.example", "Köln"),
        ("Ñandú", "b@x.example", "León"),
    ]
    text = "\r\n".join(delimiter.join(row) for row in rows)

    done = await import_file(text.encode(encoding), manager)

    assert await account(done) == {2: "CREATED", 3: "CREATED"}
    found = await Customer.all().order_by("email").values_list("name", "address_city")
    assert found == [("Zoë & Söhne", "Köln"), ("Ñandú", "León")]


async def test_columns_with_one_name_are_told_apart() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])

    found = await start(b"Company,E-mail,E-mail,\nA,a@x.example,b@x.example,x\n", manager)

    assert found.columns == ["Company", "E-mail", "E-mail (2)", "Column 4"]
    assert [each["code"] for each in found.sniffed["problems"]] == ["DUPLICATE_HEADERS", "UNNAMED_COLUMNS"]


async def test_formulas_are_text_where_text_belongs_and_rejected_elsewhere() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])

    done = await import_file(
        b'Company,E-mail,Description\n=1+1,a@x.example,"@SUM(A1:A9)"\nB,=HYPERLINK("x"),fine\n', manager
    )

    assert await problems(done) == [(3, "E-mail", "INVALID_EMAIL")]
    assert await Customer.all().values_list("name", "description") == [("=1+1", "@SUM(A1:A9)")]


async def test_bad_rows_in_the_middle_cost_only_themselves() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    content = b"\n".join(
        (
            b"Company,E-mail,City",
            "Äöüß,a@x.example,Köln".encode(),
            b"B,b@x.example",
            b"",
            b"C\xff\xfe,c@x.example,Bath",
            b"E,e@x.example,Oslo,,",
        )
    )

    done = await import_file(content, manager)

    assert await account(done) == {2: "CREATED", 3: "FAILED", 5: "FAILED", 6: "CREATED"}
    assert [(line, code) for line, _, code in await problems(done)] == [
        (3, "RAGGED_ROW"),
        (5, "UNDECODABLE"),
    ]
