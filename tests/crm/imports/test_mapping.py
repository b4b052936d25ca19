"""Columns find their fields by name and content; a mapping that cannot work says why."""

import csv
import io
from pathlib import Path

import pytest

from crm.customers.fields import CUSTOMER_FIELDS, FieldKind
from crm.imports.cells import ImportOptions, compile_plan, parse_row
from crm.imports.fields import IMPORT_FIELDS, template
from crm.imports.mapping import mapping_problems, missing_required, suggest
from crm.imports.reading import read_rows
from crm.imports.sniffing import sample_rows, sniff

SHARED_DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def mapped(columns: list[str], *rows: list[str]) -> dict[str, str | None]:
    return {suggestion.column: suggestion.field for suggestion in suggest(columns, rows)}


def test_the_fields_are_the_customers_own_with_their_lengths() -> None:
    for field in IMPORT_FIELDS.values():
        if field.column is not None:
            rule = CUSTOMER_FIELDS[field.column]
            assert (field.label, field.kind, field.max_length) == (rule.label, rule.kind, rule.max_length)
        else:
            assert field.key.startswith("contact_")


def test_every_field_a_customer_has_can_be_imported_but_the_one_that_follows_from_others() -> None:
    assert {field.column for field in IMPORT_FIELDS.values()} - {None} == set(CUSTOMER_FIELDS) - {
        "billing_same"
    }


def test_the_template_maps_on_itself_and_its_example_row_is_valid() -> None:
    data = template()
    found = sniff(data, complete=True)
    ((_, cells, problem),) = read_rows([data], found)

    suggestions = suggest(found.columns, [cells])
    values, problems = parse_row(
        cells,
        compile_plan(found.columns, {s.column: s.field for s in suggestions if s.field}, ImportOptions()),
    )

    assert [s.field for s in suggestions] == list(IMPORT_FIELDS)
    assert (problem, problems) == (None, [])
    assert values["phone"] == "+442079460100"
    assert values["contact_name"] == "Wile Coyote"
    assert set(values) == {key for key, field in IMPORT_FIELDS.items() if field.example}


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            "Firma;Ansprechpartner;E-Mail;Telefon;Straße;Hausnummer;PLZ;Ort;Land;USt-IdNr.;Kundennummer;Rabatt %;Anrede",
            (
                "name contact_name email phone address_street address_street address_postcode address_city address_country"
                " vat_id account_number discount_percent -"
            ),
        ),
        (
            "Raison sociale;Prénom;Nom de famille;Courriel;Téléphone;Adresse;Code postal;Ville;Pays;SIRET;N° TVA",
            (
                "name contact_first_name contact_last_name email phone address_street address_postcode address_city"
                " address_country registration_number vat_id"
            ),
        ),
        (
            "Empresa;Nombre de contacto;Correo electrónico;Teléfono;Dirección;Ciudad;Código postal;País;NIF",
            "name contact_name email phone address_street address_city address_postcode address_country vat_id",
        ),
        (
            "id;name;e_mail;phone_number;billing_street;billing_city;shipping_street;shippingCity;created_at",
            "external_id name email phone billing_street billing_city - - -",
        ),
        (
            "Account Name;Billing State/Province;Billing Zip/Postal Code;Account Owner;Number of employees;Company size",
            "name billing_state billing_postcode account_manager - -",
        ),
        (
            "company;Primary contact e-mail;contact;Contact phone;contactTitle;Contact department",
            "name contact_email contact_name contact_phone contact_title contact_department",
        ),
        ("Compnay;Adress;Contry;Webiste", "name address_street address_country website"),
        ("Street 1;Street 2;Notes;Comments", "address_street address_street description description"),
    ],
)
def test_headings_in_several_languages_find_their_fields(columns: str, expected: str) -> None:
    wanted = [None if key == "-" else key for key in expected.split()]

    assert list(mapped(columns.split(";")).values()) == wanted


def test_a_second_phone_or_address_becomes_the_contacts_where_there_is_one() -> None:
    person = ["Company", "First name", "Phone 2", "Phone 1", "Email 1", "Email 2", "Mobile"]

    assert mapped(person) == {
        "Company": "name",
        "First name": "contact_first_name",
        "Phone 2": "contact_phone",
        "Phone 1": "phone",
        "Email 1": "email",
        "Email 2": "contact_email",
        "Mobile": None,
    }
    assert mapped(["Company", "Phone 1", "Phone 2"])["Phone 2"] is None


def test_name_is_the_company_or_beside_a_company_the_contact() -> None:
    assert mapped(["Name", "Country"])["Name"] == "name"
    assert mapped(["Name", "Company"]) == {"Name": "contact_name", "Company": "name"}


def test_ids_in_a_column_that_sounds_like_a_name_are_taken_for_ids() -> None:
    found = mapped(
        ["Organization", "Name"], ["E84A904909dF528", "Liu Ltd"], ["AAC4f9aBF86EAeF", "Orr & Sons"]
    )

    assert found == {"Organization": "external_id", "Name": "name"}
    assert mapped(["Organization", "City"], ["Customer12", "Bath"]) == {
        "Organization": "name",
        "City": "address_city",
    }


def test_values_speak_where_the_heading_does_not() -> None:
    columns = ["A", "B", "C", "D", "E", "F"]
    rows = [
        ["anna@example.com", "https://a.example", "+49 30 901820", "Germany", "2025-01-31", "12.50"],
        ["bob@example.com", "www.b.example", "(212) 555-0100", "France", "2025-02-28", "1234567.00"],
    ]

    assert list(mapped(columns, *rows).values()) == [
        "email",
        "website",
        "phone",
        "address_country",
        None,
        None,
    ]


def test_values_that_contradict_their_heading_win_and_say_so() -> None:
    columns = ["E-mail", "Phone", "Country", "Stage", "Account manager", "Title", "Probability"]
    rows = [
        ["yes", "mobile", "north", "Closed won", "Bethany Dixon", "Mr.", "high"],
        ["no", "landline", "south", "New lead", "Tom Murray", "Mrs", "low"],
    ]

    suggestions = suggest(columns, rows)

    assert [s.field for s in suggestions] == [None] * 7
    assert all("values do not fit" in s.reason for s in suggestions)


def test_null_cells_say_nothing_about_a_column() -> None:
    rows = [["NULL", "-"], ["N/A", ""], ["a@example.com", "+49 30 901820"]]

    assert mapped(["Kanal A", "Kanal B"], *rows) == {"Kanal A": "email", "Kanal B": "phone"}


def test_a_column_of_row_numbers_is_left_out_with_the_reason() -> None:
    (suggestion, _) = suggest(["Index", "Name"], [["1", "Acme"], ["2", "Orr"]])

    assert (suggestion.field, suggestion.reason) == (None, "It numbers the rows.")


def test_no_field_is_suggested_twice_unless_it_joins() -> None:
    columns = [
        "Company",
        "Firma",
        "Email",
        "E-Mail",
        "Country",
        "Land",
        "Notes",
        "Bemerkung",
        "Tags",
        "Labels",
    ]

    found = [field for field in mapped(columns).values() if field]

    assert sorted(set(found)) == sorted({"name", "email", "address_country", "description", "tags"})
    assert {key for key in found if found.count(key) > 1} == {"description", "tags"}


def test_what_is_missing_is_named() -> None:
    assert missing_required([]) == ["name", "email"]
    assert missing_required(["name", "phone"]) == ["email"]
    assert missing_required(["contact_last_name", "contact_email"]) == []


def test_a_mapping_that_cannot_work_says_why_all_at_once() -> None:
    mapping = {"A": "name", "B": "name", "C": "colour", "D": "phone", "E": "contact_phone"}

    problems = mapping_problems(["A", "B", "C", "E"], mapping)

    assert [(problem.path, problem.code) for problem in problems] == [
        (("mapping", "C"), "UNKNOWN_FIELD"),
        (("mapping", "D"), "UNKNOWN_COLUMN"),
        (("mapping", "name"), "FIELD_MAPPED_TWICE"),
        (("mapping", "email"), "REQUIRED_FIELD_NOT_MAPPED"),
        (("mapping", "contact_name"), "REQUIRED_FIELD_NOT_MAPPED"),
    ]
    assert mapping_problems(["A", "B", "C"], {"A": "name", "B": "address_street", "C": "email"}) == []
    assert (
        mapping_problems(["A", "B", "C"], {"A": "name", "B": "tags", "C": "tags"})[0].code
        == "REQUIRED_FIELD_NOT_MAPPED"
    )


@pytest.mark.parametrize(
    ("name", "expected", "missing"),
    [
        (
            "customers-1000.csv",
            (
                "- external_id contact_first_name contact_last_name name address_city address_country phone contact_phone email"
                " - website"
            ),
            [],
        ),
        (
            "leads-100.csv",
            (
                "- external_id - contact_first_name contact_last_name name phone contact_phone email contact_email website"
                " source - description"
            ),
            [],
        ),
        (
            "northwind-customers.csv",
            (
                "external_id name contact_name contact_title address_street address_city address_state address_postcode"
                " address_country phone fax"
            ),
            ["email"],
        ),
        (
            "organizations-1000.csv",
            "- external_id name website address_country description - industry -",
            ["email"],
        ),
        (
            "northwind-employees.csv",
            (
                "- contact_last_name contact_first_name contact_title - - - address_street address_city address_state"
                " address_postcode address_country phone - description -"
            ),
            ["email"],
        ),
    ],
)
def test_the_sample_files_get_sensible_suggestions(name: str, expected: str, missing: list[str]) -> None:
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not here: the sample files in ../shared/data are only used where they exist")
    data = path.read_bytes()
    found = sniff(data, complete=True)
    rows = [cells for _, cells, _ in sample_rows(data, found, complete=True)]

    suggestions = suggest(found.columns, rows)

    assert [s.field or "-" for s in suggestions] == expected.split()
    assert missing_required(s.field for s in suggestions if s.field) == missing


def test_every_field_explains_itself() -> None:
    for field in IMPORT_FIELDS.values():
        assert field.help.endswith(".")
        assert field.joins is None or field.kind in (
            FieldKind.TEXT,
            FieldKind.LINES,
            FieldKind.TAGS,
            FieldKind.RECORDS,
        )


def test_the_template_opens_in_spreadsheets_and_runs_no_formula() -> None:
    data = template()

    assert data.startswith(b"\xef\xbb\xbf")
    for row in csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")):
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)
