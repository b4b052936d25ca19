"""The demo's files: the same from every run of the generator, and read as they were written."""

import csv
import io
import re
from datetime import date, timedelta

import pytest
from PIL import Image

from demo import files
from demo.generate import generate
from demo.generator.inputs import ANCHOR
from demo.generator.logo import draw_logo, same_picture
from demo.records import ImportOutcome

DEMO = files.load(ANCHOR)
GENERATED = generate()


@pytest.mark.parametrize("name", GENERATED)
def test_a_committed_file_is_what_the_generator_writes(name: str) -> None:
    assert (files.FOLDER / name).read_bytes() == GENERATED[name]


def test_two_runs_of_the_generator_agree() -> None:
    assert generate() == GENERATED


def test_the_committed_logo_shows_what_the_generator_draws() -> None:
    committed = Image.open(io.BytesIO(files.logo_png()))

    assert committed.format == "PNG"
    assert same_picture(committed, draw_logo())
    assert not same_picture(committed, Image.new("RGBA", committed.size))


def test_all_files_together_stay_below_a_megabyte() -> None:
    kinds = {".csv", ".json", ".md", ".png", ".py"}

    written = [path for path in files.FOLDER.rglob("*") if path.suffix in kinds]

    assert sum(path.stat().st_size for path in written) < 1_000_000


def test_there_is_as_much_of_everything_as_a_demo_needs() -> None:
    assert len(DEMO.customers) >= 100
    assert len({customer.address_country for customer in DEMO.customers}) >= 12
    assert len(DEMO.orders) == 800
    assert len(DEMO.products) >= 60
    assert len(DEMO.people) >= 160
    assert len(DEMO.activities) >= 600
    assert len(DEMO.company.business_units) == 3


def test_loading_for_another_day_moves_every_date_by_the_same_number_of_days() -> None:
    later = files.load(ANCHOR + timedelta(days=400))
    gone = timedelta(days=400)

    assert later.orders[-1].order_date == later.plan.anchor == ANCHOR + gone
    assert [o.order_date - gone for o in later.orders] == [o.order_date for o in DEMO.orders]
    assert [a.occurred_at - gone for a in later.activities] == [a.occurred_at for a in DEMO.activities]
    for moved, original in zip(later.plan.invoices, DEMO.plan.invoices, strict=True):
        assert [p.paid_on - gone for p in moved.payments] == [p.paid_on for p in original.payments]
        assert original.issued_on is None or moved.issued_on == original.issued_on + gone
    for after, before in zip(later.customers, DEMO.customers, strict=True):
        assert before.contract_end is None or after.contract_end == before.contract_end + gone


def test_the_customers_file_can_be_had_for_one_unit_and_another_day() -> None:
    unit = "United Kingdom and Overseas"
    today = date(2031, 5, 1)

    rows = list(csv.DictReader(io.StringIO(files.customers_csv(today, unit).decode())))

    expected = [c for c in files.load(today).customers if c.unit == unit]
    assert [row["Account number"] for row in rows] == [c.account_number for c in expected]
    assert [row["Contract end"] for row in rows] == [str(c.contract_end or "") for c in expected]
    assert {row["Business unit"] for row in rows} == {unit}
    assert files.customers_csv(ANCHOR) == (files.FOLDER / "customers.csv").read_bytes()


def test_the_messy_file_is_windows_1252_and_nothing_else() -> None:
    content = files.messy_csv()

    with pytest.raises(UnicodeDecodeError):
        content.decode("utf-8")
    assert "€" in content.decode("windows-1252")
    assert not content.endswith(b"\n")
    assert content.splitlines()[14] == b""


def messy_rows() -> dict[int, dict[str, str]]:
    """Read the rows by the physical line they begin on, found by other means than the generator's."""
    text = files.messy_csv().decode("windows-1252")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";")
    header = next(reader)
    rows, line = {}, reader.line_num
    for cells in reader:
        if cells:
            rows[line + 1] = dict(zip(header, cells, strict=True))
        line = reader.line_num
    return rows


def test_the_messy_files_account_names_every_row_by_its_physical_line() -> None:
    expected = files.messy_expectation()
    rows = messy_rows()

    assert [row.line for row in expected.rows] == list(rows)
    for heading in expected.mapping:
        assert heading in rows[2]
    for row in expected.rows:
        assert (row.skip is ImportOutcome.FAILED) == bool(row.column)
        assert row.column is None or row.column in expected.mapping
    assert rows[8]["Street"].count("\n") == 1
    assert rows[23]["E-mail"] in {customer.email for customer in DEMO.customers}
    assert rows[4]["E-mail"].strip().lower() == rows[2]["E-mail"]


def test_the_readme_tells_the_same_account_of_the_messy_file() -> None:
    readme = (files.FOLDER / "README.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| (\d+) \| (\w+) \| (\w+) \| (\w+) \| ([^|]*) \| ([^|]+) \|$", readme, re.MULTILINE)

    assert told == [
        (str(row.line), row.skip, row.update, row.create_new, row.column or "", row.why)
        for row in files.messy_expectation().rows
    ]
