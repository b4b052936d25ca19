"""A file as it comes out of somebody's spreadsheet, and what importing each of its rows must do."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from demo.records import Customer, ExpectedRow, ImportOutcome, MessyExpectation

ENCODING, DELIMITER, LINE_BREAK = "windows-1252", ";", "\r\n"
MAPPING = {
    "Customer no": "account_number",
    "Company": "name",
    "E-mail": "email",
    "Phone": "phone",
    "Street": "address_street",
    "Zip": "address_postcode",
    "Town": "address_city",
    "Country": "address_country",
    "Contact person": "contact_name",
    "Contact e-mail": "contact_email",
    "Payment days": "payment_terms_days",
    "Contract from": "contract_start",
    "Contract to": "contract_end",
    "Currency": "currency",
    "Remarks": "description",
}
_BLANK = "BLANK"


@dataclass(frozen=True, slots=True)
class MessyFile:
    content: bytes
    expected: MessyExpectation


def build_messy(source: Path, customers: dict[str, Customer]) -> MessyFile:
    """Write the hand-made rows as a Windows-1252 file and note the physical line each one begins on."""
    lines = [_written(list(MAPPING))]
    expected: list[ExpectedRow] = []
    for row in _rows(source):
        if row["outcomes"] == _BLANK:
            lines.append(LINE_BREAK)
            continue
        expected.append(_expected(row, line="".join(lines).count("\n") + 1))
        lines.append(_written([_filled(row[heading], customers) for heading in MAPPING]))
    content = "".join(lines).removesuffix(LINE_BREAK).encode(ENCODING)
    return MessyFile(content, MessyExpectation(ENCODING, DELIMITER, MAPPING, tuple(expected)))


def _rows(source: Path) -> Iterator[dict[str, str]]:
    with source.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _filled(cell: str, customers: dict[str, Customer]) -> str:
    """Put in the e-mail address of another file's customer, which is left to chance."""
    if not cell.startswith("{email of "):
        return cell
    return customers[cell.removeprefix("{email of ").removesuffix("}")].email


def _written(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=DELIMITER, lineterminator=LINE_BREAK).writerow(cells)
    return text.getvalue()


def _expected(row: dict[str, str], line: int) -> ExpectedRow:
    skip, update, create_new = (ImportOutcome(outcome) for outcome in row["outcomes"].split("|"))
    return ExpectedRow(line, skip, update, create_new, row["why"], row["column"] or None)
