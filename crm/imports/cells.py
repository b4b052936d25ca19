"""From the cells of a row to typed values: the same rules as the API's, after what files need of reading.

A row describes a customer and, if it names one, the primary contact. What a file leaves out is filled in like
this:

- First and last name make the contact's name. - A row without a company's name is a person: the contact's
name is the customer's. - The contact's e-mail address serves the customer that has none. The
customer's e-mail address and phone serve the contact, unless the file has columns for the contact's own.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, NamedTuple, cast

from crm.contacts import rules as contact_rules
from crm.customers.fields import CUSTOMER_FIELDS, FieldKind
from crm.customers.models import Consent
from crm.customers.rules import contradictions
from crm.imports.csv_format import Delimiter
from crm.imports.fields import IMPORT_FIELDS, ImportField
from crm.kernel.csv_safety import unsafe_cell
from crm.kernel.errors import Problem
from crm.kernel.values import (
    DateOrder,
    InvalidCode,
    InvalidValue,
    date_order,
    decimal_comma,
    parse_boolean,
    parse_local_date,
    parse_local_decimal,
    parse_local_integer,
    parse_local_percent,
    parse_phone,
    parse_text,
)

Value = str | int | Decimal | date | list[str]
Parse = Callable[[str], Value]

# What databases and spreadsheets write for nothing. "Null" and "NA" are not here: a surname, and Namibia.
EMPTY_WORDS = ("NULL", "null", "(null)", "N/A", "n/a", "#N/A", "\\N", "-", "–", "—")
MAX_REPORTED_VALUE = 500

_CACHED = 8192
_NUMBERS = frozenset((FieldKind.AMOUNT, FieldKind.PERCENT, FieldKind.INTEGER))
# The customer's column that a rule on several of them is about, by the rule's path.
_CHECKED_TOGETHER = {
    "contractEnd": "contract_end",
    "contractReview": "contract_review",
    "discount": "discount_amount",
}
_CONTACT_DETAILS = ("contact_email", "contact_phone", "contact_title", "contact_department")
_BREAK = re.compile(r"\s*[\r\n\t\v\f\x85\u2028\u2029]\s*")
_DAYS = re.compile(r"(?:netto?\s+)?(\d+)\s*(?:d|days?|tage?n?|jours?|d[ií]as?)?", re.IGNORECASE).fullmatch
_LIST_SEPARATORS = re.compile(r"[,;|\n]")


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How the cells of a file are read. None for `date_order` and `decimal_comma`: unknown, see `guessed`.

    `default_country` (ISO alpha-2): where phone numbers belong in rows without a country of their own.
    """

    default_country: str | None = None
    date_order: DateOrder | None = None
    decimal_comma: bool | None = None
    empty_words: tuple[str, ...] = EMPTY_WORDS

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "ImportOptions":
        order = stored.get("date_order")
        return cls(
            default_country=stored.get("default_country"),
            date_order=DateOrder(order) if order else None,
            decimal_comma=stored.get("decimal_comma"),
            empty_words=tuple(stored.get("empty_words", EMPTY_WORDS)),
        )


class CellProblem(NamedTuple):
    """One thing wrong with a row. `column` is the file's name for it, None where it has none."""

    column: str | None
    value: str | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A mapping made ready to run, by `compile_plan`. `columns`: the file's column of each field.

    The last of a cell: up to how many characters of plain ASCII are taken as they stand, 0 where the parser decides.
    """

    cells: tuple[tuple[int, str, Parse, int], ...]
    joined: tuple[tuple[tuple[int, ...], str, str, Parse], ...]
    phones: tuple[tuple[int, str], ...]
    empty: frozenset[str]
    default_country: str | None
    columns: Mapping[str, str]
    required: tuple[str, ...]
    has_contact: bool
    checks_together: bool


def guessed(
    options: ImportOptions,
    mapping: Mapping[str, str],
    columns: Sequence[str],
    sample: Sequence[Sequence[str]],
    delimiter: Delimiter,
) -> ImportOptions:
    """The options with date order and decimal comma filled in, where rows of the file tell.

    A file whose numbers leave both readings open has decimal commas if semicolons stand between its cells:
    that is what spreadsheets write where the comma is taken. A date order that no cell tells stays open.
    """
    kinds = {index: IMPORT_FIELDS[mapping[c]].kind for index, c in enumerate(columns) if c in mapping}
    dates = [row[i] for row in sample for i, kind in kinds.items() if kind is FieldKind.DATE]
    numbers = [row[i] for row in sample for i, kind in kinds.items() if kind in _NUMBERS]
    comma = decimal_comma(numbers)
    return replace(
        options,
        date_order=options.date_order or date_order(dates),
        decimal_comma=_first(
            options.decimal_comma, comma, True if delimiter is Delimiter.SEMICOLON else None
        ),
    )


def _first(*answers: bool | None) -> bool | None:
    return next((answer for answer in answers if answer is not None), None)


def compile_plan(
    columns: Sequence[str],
    mapping: Mapping[str, str],
    options: ImportOptions,
    *,
    required: Iterable[str] = ("name", "email"),
) -> Plan:
    """Make a mapping (column to field key, free of `mapping_problems`) ready to run.

    `required`: what every row must end up with; fewer where rows only change customers that exist.
    """
    places: dict[str, list[int]] = {}
    for index, column in enumerate(columns):
        if column in mapping:
            places.setdefault(mapping[column], []).append(index)
    single = {key: indexes[0] for key, indexes in places.items() if len(indexes) == 1}
    phones = {key for key in single if IMPORT_FIELDS[key].kind is FieldKind.PHONE}
    parsers = {key: cell_parser(IMPORT_FIELDS[key], options) for key in places}
    return Plan(
        cells=tuple(
            (index, key, parsers[key], _plain_length(IMPORT_FIELDS[key]))
            for key, index in single.items()
            if key not in phones
        ),
        joined=tuple(
            (tuple(indexes), key, IMPORT_FIELDS[key].joins or " ", parsers[key])
            for key, indexes in places.items()
            if key not in single
        ),
        phones=tuple((index, key) for key, index in single.items() if key in phones),
        empty=frozenset(("", *options.empty_words)),
        default_country=options.default_country,
        columns={key: columns[indexes[0]] for key, indexes in places.items()},
        required=tuple(required),
        has_contact=any(key.startswith("contact_") and IMPORT_FIELDS[key].column is None for key in places),
        checks_together=not {"contract_start", *_CHECKED_TOGETHER.values()}.isdisjoint(places),
    )


def _plain_length(target: ImportField) -> int:
    """A line of text is what `parse_text` returns already if it is trimmed, printable ASCII."""
    return (target.max_length or 0) if target.kind is FieldKind.TEXT else 0


def parse_row(cells: Sequence[str], plan: Plan) -> tuple[dict[str, Value], list[CellProblem]]:
    """The values by field key, empty cells left out, and everything that is wrong with the row.

    `contact_first_name` and `contact_last_name` have become `contact_name`; values of pick lists, users and
    legal entities are names still. With a problem the row must not be used.
    """
    values: dict[str, Value] = {}
    problems: list[CellProblem] = []
    _parse_cells(cells, plan, values, problems)
    for indexes, key, joint, parse in plan.joined:
        text = joint.join(unsafe_cell(t) for t in (cells[i].strip() for i in indexes) if t not in plan.empty)
        if text:
            try:
                values[key] = parse(text)
            except InvalidValue as error:
                _report(problems, plan.columns[key], text, error)
    if plan.phones:
        _parse_phones(cells, plan, values, problems)
    if plan.has_contact:
        _complete_contact(values, plan, problems)
    _check_whole(values, plan, problems)
    return values, problems


def _parse_cells(
    cells: Sequence[str], plan: Plan, values: dict[str, Value], problems: list[CellProblem]
) -> None:
    """This loop runs once per cell of the file: what most cells are is decided in place."""
    empty = plan.empty
    for index, key, parse, plain in plan.cells:
        text = cells[index].strip()
        if text in empty:
            continue
        if text[0] == "'":
            text = unsafe_cell(text)
        elif len(text) <= plain and text.isascii() and text.isprintable():
            values[key] = text
            continue
        try:
            values[key] = parse(text)
        except InvalidValue as error:
            _report(problems, plan.columns[key], text, error)


def _parse_phones(
    cells: Sequence[str], plan: Plan, values: dict[str, Value], problems: list[CellProblem]
) -> None:
    """Phones come last: the row's country says where a number without a country code belongs."""
    home = values.get("address_country", plan.default_country)
    country = home if isinstance(home, str) else None
    for index, key in plan.phones:
        text = cells[index].strip()
        if text in plan.empty:
            continue
        if text[0] == "'":
            text = unsafe_cell(text)
        try:
            values[key] = parse_phone(text, country)
        except InvalidValue as error:
            _report(problems, plan.columns[key], text, error)


def _complete_contact(values: dict[str, Value], plan: Plan, problems: list[CellProblem]) -> None:
    first, last = values.pop("contact_first_name", None), values.pop("contact_last_name", None)
    if first or last:
        values.setdefault("contact_name", " ".join(str(part) for part in (first, last) if part))
    if "contact_email" in values:
        values.setdefault("email", values["contact_email"])
    if name := values.get("contact_name"):
        values.setdefault("name", name)
        _complete_contact_email(values, plan, problems)
        if "phone" in values and "contact_phone" not in plan.columns:
            values["contact_phone"] = values["phone"]
    elif any(detail in values for detail in _CONTACT_DETAILS):
        message = (
            "This row describes a contact without a name: fill it in, or empty the contact's other cells."
        )
        problems.append(CellProblem(_column_of_contact(plan), None, InvalidCode.REQUIRED, message))


def _complete_contact_email(values: dict[str, Value], plan: Plan, problems: list[CellProblem]) -> None:
    """The customer's address serves both, unless the file has a column for the contact's."""
    if "contact_email" in values:
        return
    column = plan.columns.get("contact_email")
    if column is None:
        if "email" in values:
            values["contact_email"] = values["email"]
    elif not any(problem.column == column for problem in problems):
        message = "A contact needs an e-mail address: fill it in, or empty the contact's name."
        problems.append(CellProblem(column, None, InvalidCode.REQUIRED, message))


def _column_of_contact(plan: Plan) -> str | None:
    keys = ("contact_name", "contact_last_name", "contact_first_name")
    return next((plan.columns[key] for key in keys if key in plan.columns), None)


def _check_whole(values: dict[str, Value], plan: Plan, problems: list[CellProblem]) -> None:
    for key in plan.required:
        if key not in values:
            column = plan.columns.get(key)
            if column is None or not any(problem.column == column for problem in problems):
                message = f"{IMPORT_FIELDS[key].label} is empty: fill it in."
                problems.append(CellProblem(column, None, InvalidCode.REQUIRED, message))
    if plan.checks_together:
        problems += together(contradictions(values, {}), plan)


def together(problems: Iterable[Problem], plan: Plan) -> list[CellProblem]:
    """What does not fit together in a customer, told of the file's columns."""
    return [
        CellProblem(
            plan.columns.get(_CHECKED_TOGETHER.get(found.path[0], "")), None, found.code, found.message
        )
        for found in problems
    ]


def _report(problems: list[CellProblem], column: str, text: str, error: InvalidValue) -> None:
    if error.code is not InvalidCode.REQUIRED:  # a cell of invisible characters is an empty cell
        problems.append(CellProblem(column, text[:MAX_REPORTED_VALUE], error.code, error.message))


def cell_parser(target: ImportField, options: ImportOptions) -> Parse:
    """How a cell of a field is read: as files write it first, then by the field's own rule. Repeated values are cached."""
    rule: Parse = CUSTOMER_FIELDS[target.column].parse if target.column else _contact_rule(target.key)
    comma = options.decimal_comma
    readers: dict[FieldKind, Callable[[str], object]] = {
        FieldKind.DATE: partial(parse_local_date, order=options.date_order),
        FieldKind.AMOUNT: partial(parse_local_decimal, comma=comma),
        FieldKind.PERCENT: partial(parse_local_percent, comma=comma),
        FieldKind.INTEGER: partial(_whole_number, comma=comma),
        FieldKind.CHOICE: _consent_word if target.key == "consent" else str,
    }
    if target.kind in readers:
        return _cached(rule, readers[target.kind])
    parsers: dict[FieldKind, Parse] = {
        FieldKind.TEXT: partial(_one_line, rule, target.joins or " "),
        FieldKind.RECORD: lru_cache(_CACHED)(parse_text),
        FieldKind.RECORDS: _names,
        FieldKind.PHONE: partial(parse_phone, country=options.default_country),
        FieldKind.TAGS: _fresh(lru_cache(_CACHED)(rule)),
    }
    return parsers.get(target.kind, rule)


def _contact_rule(key: str) -> Parse:
    name = key.removeprefix("contact_")
    if name in contact_rules.FIELDS:
        return contact_rules.FIELDS[name].parse
    return partial(parse_text, max_length=IMPORT_FIELDS[key].max_length or 0)


def _cached(rule: Callable[[Any], Value], read: Callable[[str], object]) -> Parse:
    return lru_cache(_CACHED)(lambda text: rule(read(text)))


def _fresh(rule: Parse) -> Parse:
    """A list of its own for each row, out of the one that is cached."""
    return lambda text: list(cast("list[str]", rule(text)))


def _one_line(rule: Parse, joint: str, text: str) -> Value:
    """Lines of a cell become one, as several columns would."""
    return rule(text if text.isprintable() else _BREAK.sub(joint, text))


def _whole_number(text: str, *, comma: bool | None) -> int:
    days = _DAYS(text)
    return parse_local_integer(days[1] if days else text.removesuffix("%"), comma=comma)


def _consent_word(text: str) -> str:
    """Files say yes and no; consent is GIVEN or WITHDRAWN."""
    try:
        return Consent.GIVEN if parse_boolean(text) else Consent.WITHDRAWN
    except InvalidValue:
        return text


def _names(text: str) -> list[str]:
    parts = (part for part in _LIST_SEPARATORS.split(text) if part.strip())
    return list(dict.fromkeys(parse_text(part) for part in parts))
