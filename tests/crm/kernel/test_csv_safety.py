"""Cells no spreadsheet runs as formulas, restored exactly when they come back."""

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.kernel.csv_safety import safe_cell, safe_row, unsafe_cell

UNHURRIED = settings(deadline=None)  # machines that run tests are busy
LEADS = "=+-@\t\r\n＝＋－＠−'"
texts = st.text(
    st.sampled_from(LEADS + " \xa0\u3000\u200b\ufeffa1") | st.characters(codec="utf-8"), max_size=12
)


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1 (212) 555-0100",
        "-1+1",
        "@SUM(A1)",
        "\t=1+1",
        "\r=1",
        "\n=1",
        " =1+1",
        "\xa0=1+1",
        "\u3000 =1+1",
        "\u200b=1",
        "\ufeff=1",
        "＝1+1",
        "＋1",
        "－1+1",
        "＠SUM(A1)",
        "−1+1",
        "=cmd|' /C calc'!A0",
        "\tplain after a tab",
    ],
)
def test_a_text_that_could_run_gets_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == "'" + text
    assert unsafe_cell(safe_cell(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "Acme", "a=b", "1+1", "'s-Hertogenbosch", "O'Neill", "'", " Acme", "-5", "-12.50", "-1.234,5"],
)
def test_other_texts_and_plain_negative_numbers_stay(text: str) -> None:
    assert safe_cell(text) == text
    assert unsafe_cell(text) == text


def test_a_text_that_looks_marked_already_comes_back_with_its_own_apostrophe() -> None:
    assert safe_cell("'=1+1") == "''=1+1"
    assert unsafe_cell("''=1+1") == "'=1+1"


@UNHURRIED
@given(texts)
def test_unsafe_cell_undoes_safe_cell_for_every_text(text: str) -> None:
    assert unsafe_cell(safe_cell(text)) == text


@UNHURRIED
@given(texts)
def test_a_safe_text_begins_with_no_formula_sign(text: str) -> None:
    shown = safe_cell(text).lstrip(" \xa0\u3000\u200b\ufeff")

    assert not shown.startswith(tuple("=+@\t\r\n＝＋－＠−"))
    assert not shown.startswith("-") or set(shown[1:]) <= set("0123456789.,")


def test_a_row_keeps_numbers_as_numbers_and_days_as_days() -> None:
    row = safe_row(["=A1", -5, Decimal("-1E+3"), Decimal("0.10"), date(2025, 2, 3), True, None])

    assert row == ["'=A1", "-5", "-1000", "0.10", "2025-02-03", "true", ""]


@UNHURRIED
@given(st.lists(st.lists(texts, min_size=1, max_size=4), min_size=1, max_size=4))
def test_a_written_table_reads_back_equal(table: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows(safe_row(row) for row in table)
    file.seek(0)

    assert [[unsafe_cell(cell) for cell in row] for row in csv.reader(file)] == table
