"""A configured import made ready to read rows by: its mapping compiled, the records cells may name, the rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from crm.customers.fields import CUSTOMER_FIELDS
from crm.customers.models import Phase
from crm.customers.requirements import required_fields
from crm.imports.cells import CellProblem, ImportOptions, Plan, compile_plan, guessed, parse_row
from crm.imports.csv_format import Sniffed
from crm.imports.fields import IMPORT_FIELDS
from crm.imports.models import DuplicateKey, DuplicateRule, Import
from crm.imports.reading import Row
from crm.imports.references import REFERENCES, References, Unresolved, load_references
from crm.imports.rules import UnknownChoices

KEY_COLUMNS: Mapping[DuplicateKey, str] = {
    DuplicateKey.EMAIL: "email",
    DuplicateKey.ACCOUNT_NUMBER: "account_number",
    DuplicateKey.REGISTRATION_NUMBER: "registration_number",
    DuplicateKey.EXTERNAL_ID: "external_id",
}
CONTACT_KEYS = ("contact_name", "contact_email", "contact_phone", "contact_title", "contact_department")
FIELD_OF_COLUMN = {field.column: key for key, field in IMPORT_FIELDS.items() if field.column is not None}


class ParsedRow(NamedTuple):
    """`values` by the customer's columns and the contact's keys; with `problems` the row must not be used.

    A row a preview prepared has what it comes to, `ready`, of its values no more than decisions need, and its cells
    as JSON.
    """

    line: int
    cells: list[str] | str
    values: dict[str, Any]
    problems: list[CellProblem]
    warnings: list[CellProblem]
    ready: "Ready | None" = None


class Ready(NamedTuple):
    """What a row comes to when it makes a customer, by `creation`: its fields and its contact's for COPY's text format,
    but for the ids and who imported it; and what the history says, as JSON in a field.
    """

    customer: str
    contact: str | None
    history: str


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """All that is the same for every row. `required`: the customer's columns a new one must have.

    `named`: the fields whose cells name records, with the customer's column and whether they name several.
    """

    import_id: UUID
    unit_id: UUID
    sniffed: Sniffed
    cells: Plan
    references: References
    named: tuple[tuple[str, str, bool], ...]
    leave_empty: bool
    required: tuple[str, ...]
    duplicate_rule: DuplicateRule
    key_column: str
    mapped: frozenset[str]

    def column_of(self, column: str) -> str | None:
        """What the file calls a customer's column, if it has it."""
        return self.cells.columns.get(FIELD_OF_COLUMN.get(column, column))

    @property
    def has_billing(self) -> bool:
        return any(column.startswith("billing_") for column in self.mapped)


async def make_plan(found: Import, sample: Sequence[Sequence[str]]) -> ImportPlan:
    """`sample`: cells of the file's first rows, which tell how it writes dates and numbers."""
    sniffed = Sniffed.from_json(found.sniffed)
    mapping = found.mapping
    options = guessed(
        ImportOptions.from_json(found.options), mapping, sniffed.columns, sample, sniffed.delimiter
    )
    required = await required_fields(Phase.CREATE)
    updates = found.duplicate_rule is DuplicateRule.UPDATE
    demanded = () if updates else tuple(FIELD_OF_COLUMN[column] for column in required)
    keys = set(mapping.values())
    return ImportPlan(
        import_id=found.id,
        unit_id=found.unit_id,
        sniffed=sniffed,
        cells=compile_plan(sniffed.columns, mapping, options, required=demanded),
        references=await load_references(found.unit_id, keys),
        named=tuple(
            (key, column, column == "invoice_type_ids") for key, column in REFERENCES.items() if key in keys
        ),
        leave_empty=found.options.get("unknown_choices") == UnknownChoices.LEAVE_EMPTY,
        required=required,
        duplicate_rule=found.duplicate_rule,
        key_column=KEY_COLUMNS[found.duplicate_key],
        mapped=frozenset(columns_of(keys)),
    )


def columns_of(keys: set[str]) -> set[str]:
    """The customer's columns that mapped fields fill, directly or through the contact."""
    columns = {column for key in keys if (column := IMPORT_FIELDS[key].column) is not None}
    contact = {"name", "email"} if any(IMPORT_FIELDS[key].column is None for key in keys) else set()
    return columns | contact


def parse_rows(rows: Sequence[Row], plan: ImportPlan) -> list[ParsedRow]:
    """Typed values out of the rows' cells; work for a thread."""
    return [_parsed(row, plan) for row in rows]


def _parsed(row: Row, plan: ImportPlan) -> ParsedRow:
    line, cells, broken = row
    if broken is not None:
        return ParsedRow(line, cells, {}, [CellProblem(None, None, broken.code, broken.message)], [])
    values: dict[str, Any]
    values, problems = parse_row(cells, plan.cells)
    warnings: list[CellProblem] = []
    if plan.named:
        _resolve(values, plan, warnings if plan.leave_empty else problems)
    return ParsedRow(line, cells, values, problems, warnings)


def _resolve(values: dict[str, Any], plan: ImportPlan, problems: list[CellProblem]) -> None:
    """Puts ids in the place of names, under the customer's columns."""
    for key, column, several in plan.named:
        if key not in values:
            continue
        texts = values.pop(key)
        found = _found(texts if several else [texts], key, plan, problems)
        if found:
            values[column] = sorted(found) if several else found[0]


def _found(texts: Sequence[str], key: str, plan: ImportPlan, problems: list[CellProblem]) -> list[UUID]:
    found = []
    for text in texts:
        try:
            found.append(plan.references.find(key, text))
        except Unresolved as error:
            problems.append(CellProblem(plan.cells.columns[key], text, error.code, error.message))
    return found


def required_problems(values: Mapping[str, Any], plan: ImportPlan) -> list[CellProblem]:
    """What a new customer lacks."""
    return [
        CellProblem(
            plan.column_of(column), None, "REQUIRED", f"{CUSTOMER_FIELDS[column].label} is empty: fill it in."
        )
        for column in plan.required
        if values.get(column) in (None, "", [])
    ]
