"""Reads and writes dataclasses as CSV and JSON, always the same bytes for the same rows."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import JsonValue, TypeAdapter

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")

_COMMA = ",\n  "


def labels(row_type: "type[DataclassInstance]") -> dict[str, str]:
    """Field name → column heading, in the order of the columns."""
    return {f.name: str(f.metadata.get("label", f.name)) for f in fields(row_type)}


def read_table(path: Path, row_type: type[Row]) -> tuple[Row, ...]:
    """Read a CSV file; an empty cell takes the field's default. Raises ValidationError on a bad cell."""
    names = {label: name for name, label in labels(row_type).items()}
    with path.open(encoding="utf-8", newline="") as file:
        found = [{names[key]: cell for key, cell in row.items() if cell} for row in csv.DictReader(file)]
    return tuple(TypeAdapter(list[row_type]).validate_python(found))  # type: ignore[valid-type]


def table_bytes(rows: Sequence[Row], row_type: type[Row]) -> bytes:
    """UTF-8 CSV with LF line ends, headings first."""
    columns = labels(row_type)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns.values())
    writer.writerows([_cell(getattr(row, name)) for name in columns] for row in rows)
    return text.getvalue().encode()


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return "" if value is None else str(value)


def read_json(path: Path, row_type: type[Row]) -> Row:
    return TypeAdapter(row_type).validate_json(path.read_bytes())


def json_rows(rows: Iterable[Row], row_type: type[Row]) -> list[str]:
    """One line of JSON a row, without fields at their default, so that a changed row is a changed line."""
    adapter = TypeAdapter(row_type)
    dumped = (adapter.dump_python(row, mode="json", exclude_defaults=True) for row in rows)
    return [json.dumps(row, ensure_ascii=False) for row in dumped]


def json_object(plain: Mapping[str, JsonValue], rows: Mapping[str, Sequence[str]]) -> bytes:
    """Write a JSON object: the plain members first, then the lists, one row a line."""
    members = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in plain.items()]
    members += [f"{json.dumps(key)}: [\n  {_COMMA.join(lines)}\n]" for key, lines in rows.items()]
    return ("{\n" + ",\n".join(members) + "\n}\n").encode()
