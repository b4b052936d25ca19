"""Rows become typed values by the API's own rules, or say what is wrong with which cell."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.customers.fields import clean
from crm.imports.cells import CellProblem, ImportOptions, Plan, compile_plan, guessed, parse_row
from crm.imports.csv_format import Delimiter
from crm.imports.fields import IMPORT_FIELDS
from crm.imports.mapping import suggest
from crm.imports.reading import read_rows
from crm.imports.sniffing import sample_rows, sniff
from crm.kernel.csv_safety import safe_cell
from crm.kernel.values import DateOrder

UNHURRIED = settings(deadline=None)  # the first use of a table of countries or phone numbers loads it
SHARED_DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def plan_of(*keys: str, options: ImportOptions | None = None) -> Plan:
    """A plan for a file whose columns are called as the fields they are mapped on."""
    return compile_plan(keys, {key: key for key in keys}, options or ImportOptions(), required=())


def values_of(options: ImportOptions | None = None, **cells: str) -> dict[str, object]:
    values, problems = parse_row(list(cells.values()), plan_of(*cells, options=options))
    assert problems == []
    return dict(values)


def problems_of(options: ImportOptions | None = None, **cells: str) -> list[tuple[str | None, str]]:
    _, problems = parse_row(list(cells.values()), plan_of(*cells, options=options))
    return [(problem.column, problem.code) for problem in problems]


def test_each_kind_of_cell_becomes_its_type() -> None:
    cells = {
        "name": " Acme\nLtd ",
        "email": "Office@acme.example ",
        "phone": "030 901820",
        "website": "www.acme.example",
        "description": "two\r\nlines",
        "stage": "warm lead",
        "industry": "Retail ",
        "address_street": "Hof 2\nHauptstr. 5",
        "address_country": "Deutschland",
        "contract_start": "31.12.2025",
        "contract_value": "1.234,50 €",
        "probability": "60 %",
        "discount_percent": "2,5",
        "payment_terms_days": "30 days",
        "consent": "ja",
        "language": "German",
        "currency": "eur",
        "tags": "vip; north",
        "invoice_types": "Goods, Services, Goods",
    }

    assert values_of(**cells) == {
        "name": "Acme Ltd",
        "email": "Office@acme.example",
        "phone": "+4930901820",
        "website": "https://www.acme.example",
        "description": "two\nlines",
        "stage": "WARM_LEAD",
        "industry": "Retail",
        "address_street": "Hof 2, Hauptstr. 5",
        "address_country": "DE",
        "contract_start": date(2025, 12, 31),
        "contract_value": Decimal("1234.50"),
        "probability": 60,
        "discount_percent": Decimal("2.5"),
        "payment_terms_days": 30,
        "consent": "GIVEN",
        "language": "de",
        "currency": "EUR",
        "tags": ["vip", "north"],
        "invoice_types": ["Goods", "Services"],
    }


def test_every_wrong_cell_of_a_row_is_reported_with_its_column_value_code_and_advice() -> None:
    plan = compile_plan(
        ["Firma", "Mail", "Tel"], {"Firma": "name", "Mail": "email", "Tel": "phone"}, ImportOptions()
    )

    values, problems = parse_row(["", "anna.example.com", "12ab"], plan)

    assert values == {}
    assert [problem[:3] for problem in problems] == [
        ("Mail", "anna.example.com", "INVALID_EMAIL"),
        ("Tel", "12ab", "INVALID_PHONE"),
        ("Firma", None, "REQUIRED"),
    ]
    assert all(problem.message.endswith(".") for problem in problems)


@pytest.mark.parametrize(
    ("key", "cell", "code"),
    [
        ("stage", "LIVE", "INVALID_CHOICE"),
        ("probability", "101", "OUT_OF_RANGE"),
        ("contract_value", "-5", "OUT_OF_RANGE"),
        ("discount_percent", "101", "OUT_OF_RANGE"),
        ("contract_start", "03/04/2025", "AMBIGUOUS_DATE"),
        ("contract_start", "2025-02-30", "INVALID_DATE"),
        ("consent", "perhaps", "INVALID_CHOICE"),
        ("name", "x" * 201, "TOO_LONG"),
        ("name", "a\0b", "CONTROL_CHARACTERS"),
        ("address_country", "Atlantis", "INVALID_COUNTRY"),
        ("tags", "x" * 51, "TOO_LONG"),
        ("website", "javascript:alert(1)", "INVALID_URL"),
    ],
)
def test_an_import_is_no_way_around_a_rule(key: str, cell: str, code: str) -> None:
    assert problems_of(**{key: cell}) == [(key, code)]


def test_rules_on_several_columns_hold_too() -> None:
    assert problems_of(contract_start="2026-01-01", contract_end="2025-01-01") == [
        ("contract_end", "CONTRACT_ENDS_BEFORE_START")
    ]
    assert problems_of(discount_percent="5", discount_amount="5") == [("discount_amount", "TWO_DISCOUNTS")]


@pytest.mark.parametrize("word", ["", "  ", "NULL", "null", "N/A", "-", "–", "\\N", "\u200b"])
def test_words_for_nothing_are_empty_cells(word: str) -> None:
    assert values_of(name="Acme", fax=word, website=word, industry=word) == {"name": "Acme"}


def test_people_called_null_and_the_country_code_of_namibia_are_no_empty_cells() -> None:
    assert values_of(contact_first_name="Anna", contact_last_name="Null", address_country="NA") == {
        "contact_name": "Anna Null",
        "name": "Anna Null",
        "address_country": "NA",
    }


def test_the_words_for_nothing_are_a_choice() -> None:
    options = ImportOptions(empty_words=("k.A.",))

    assert values_of(options, name="-", industry="k.A.") == {"name": "-"}


def test_cells_made_safe_for_spreadsheets_come_back_as_they_were() -> None:
    assert values_of(name="'=Acme", phone="'+49 30 901820", address_city="'s-Hertogenbosch") == {
        "name": "=Acme",
        "phone": "+4930901820",
        "address_city": "'s-Hertogenbosch",
    }


def test_several_columns_on_one_field_are_joined_without_the_empty_ones() -> None:
    columns = ["Street", "No", "Notes", "More"]
    mapping = {
        "Street": "address_street",
        "No": "address_street",
        "Notes": "description",
        "More": "description",
    }
    plan = compile_plan(columns, mapping, ImportOptions(), required=())

    assert parse_row(["High Street", " 12 ", "a", "NULL"], plan)[0] == {
        "address_street": "High Street, 12",
        "description": "a",
    }
    assert parse_row(["", "", "a", "b"], plan)[0] == {"description": "a\nb"}
    assert parse_row(["x" * 200, "12", "", ""], plan)[1][0][::2] == ("Street", "TOO_LONG")


def test_a_phone_belongs_to_the_country_of_its_row_and_else_to_the_default() -> None:
    options = ImportOptions(default_country="DE")

    assert values_of(options, phone="030 901820", address_country="")["phone"] == "+4930901820"
    assert values_of(options, phone="020 7946 0100", address_country="UK")["phone"] == "+442079460100"
    assert values_of(phone="030 901820")["phone"] == "030901820"


def test_a_first_and_a_last_name_make_the_contacts_name() -> None:
    assert (
        values_of(contact_first_name="Anna", contact_last_name="Smith", name="Acme")["contact_name"]
        == "Anna Smith"
    )
    assert values_of(contact_first_name="", contact_last_name="Smith", name="Acme")["contact_name"] == "Smith"
    assert values_of(contact_name="Dr. A. Smith", contact_last_name="Smith")["contact_name"] == "Dr. A. Smith"


def test_a_row_without_a_company_is_a_person() -> None:
    assert values_of(name="", contact_first_name="Anna", contact_last_name="Smith")["name"] == "Anna Smith"


def test_one_address_and_the_customers_phone_serve_both() -> None:
    both = values_of(name="Acme", email="a@example.com", phone="+4930901820", contact_name="Anna")
    only_contacts = values_of(name="Acme", contact_name="Anna", contact_email="a@example.com")
    own = values_of(name="Acme", phone="+4930901820", contact_name="Anna", contact_phone="")

    assert (both["contact_email"], both["contact_phone"]) == ("a@example.com", "+4930901820")
    assert only_contacts["email"] == "a@example.com"
    assert "contact_phone" not in own


def test_a_contact_without_a_name_is_refused() -> None:
    assert problems_of(name="Acme", contact_name="", contact_phone="+4930901820") == [
        ("contact_name", "REQUIRED")
    ]
    assert problems_of(name="Acme", contact_name="", contact_phone="") == []


def test_what_is_required_can_be_less_where_rows_only_change_customers() -> None:
    columns, mapping = ["No", "Phone"], {"No": "account_number", "Phone": "phone"}

    _, problems = parse_row(["C-1", "+4930901820"], compile_plan(columns, mapping, ImportOptions()))
    _, none = parse_row(["C-1", "+4930901820"], compile_plan(columns, mapping, ImportOptions(), required=()))

    assert [(p.column, p.code) for p in problems] == [(None, "REQUIRED"), (None, "REQUIRED")]
    assert none == []


def test_date_order_and_decimal_comma_are_guessed_from_the_rows() -> None:
    columns, mapping = ["Start", "Value"], {"Start": "contract_start", "Value": "contract_value"}
    rows = [["03/04/2025", "1.234"], ["31/04/2025", "12,5"]]

    options = guessed(ImportOptions(), mapping, columns, rows, Delimiter.COMMA)
    values, _ = parse_row(rows[0], compile_plan(columns, mapping, options, required=()))

    assert (options.date_order, options.decimal_comma) == (DateOrder.DAY_FIRST, True)
    assert values == {"contract_start": date(2025, 4, 3), "contract_value": Decimal(1234)}


def test_semicolons_speak_for_decimal_commas_only_where_the_numbers_say_nothing() -> None:
    columns, mapping = ["Value"], {"Value": "contract_value"}

    def comma(*cells: str, delimiter: Delimiter, options: ImportOptions | None = None) -> bool | None:
        rows = [[cell] for cell in cells]
        return guessed(options or ImportOptions(), mapping, columns, rows, delimiter).decimal_comma

    assert comma("1.234", delimiter=Delimiter.SEMICOLON) is True
    assert comma("1.5", delimiter=Delimiter.SEMICOLON) is False
    assert comma("1.234", delimiter=Delimiter.COMMA) is None
    assert comma("1.5", delimiter=Delimiter.COMMA, options=ImportOptions(decimal_comma=True)) is True


def test_options_survive_storing() -> None:
    options = ImportOptions("DE", DateOrder.MONTH_FIRST, decimal_comma=False, empty_words=("x",))

    assert ImportOptions.from_json(options.to_json()) == options
    assert ImportOptions.from_json({}) == ImportOptions()


def test_a_long_value_is_cut_in_the_report() -> None:
    _, (problem,) = parse_row(["x" * 1000], plan_of("name"))

    assert problem == CellProblem("name", "x" * 500, "TOO_LONG", problem.message)


keys = st.sampled_from(sorted(IMPORT_FIELDS))


@UNHURRIED
@given(st.dictionaries(keys, st.text(max_size=30), min_size=1, max_size=8))
def test_any_cells_give_values_the_api_accepts_as_well(cells: dict[str, str]) -> None:
    values, _ = parse_row([safe_cell(cell) for cell in cells.values()], plan_of(*cells))

    own = {
        column: value
        for key, value in values.items()
        if (column := IMPORT_FIELDS[key].column) and not column.endswith(("_id", "_ids"))
    }
    cleaned, problems = clean(own)

    assert problems == []
    assert cleaned == own


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("customers-1000.csv", {("Country", "INVALID_COUNTRY"): 3}),
        ("leads-100.csv", {}),
        ("northwind-customers.csv", {(None, "REQUIRED"): 91}),
        ("organizations-1000.csv", {(None, "REQUIRED"): 1000, ("Country", "INVALID_COUNTRY"): 1}),
    ],
)
def test_the_sample_files_leave_an_exact_account_of_their_problems(
    name: str, wrong: dict[tuple[str | None, str], int]
) -> None:
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not here: the sample files in ../shared/data are only used where they exist")
    data = path.read_bytes()
    found = sniff(data, complete=True)
    sample = [cells for _, cells, _ in sample_rows(data, found, complete=True)]
    mapping = {s.column: s.field for s in suggest(found.columns, sample) if s.field}
    plan = compile_plan(found.columns, mapping, ImportOptions())

    counts: dict[tuple[str | None, str], int] = {}
    for _, cells, _ in read_rows([data], found):
        for problem in parse_row(cells, plan)[1]:
            counts[problem.column, problem.code] = counts.get((problem.column, problem.code), 0) + 1

    assert counts == wrong
