"""Which column means which field: suggestions by name and content, and what is wrong with a mapping."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from crm.customers.fields import FieldKind
from crm.imports.cells import EMPTY_WORDS, ImportOptions, cell_parser
from crm.imports.fields import IMPORT_FIELDS, ImportField
from crm.imports.headings import Heading, heading, meanings
from crm.kernel.csv_safety import unsafe_cell
from crm.kernel.errors import Problem
from crm.kernel.values import DateOrder, InvalidValue, decimal_comma, parse_country, parse_email

NAME_OF_CONTACT = frozenset(("contact_name", "contact_first_name", "contact_last_name"))

_SURE_ENOUGH = 0.6
_LOOKED_AT = 100
_MOSTLY = 0.8
_ANY_TEXT = frozenset((FieldKind.TEXT, FieldKind.LINES, FieldKind.RECORD, FieldKind.RECORDS, FieldKind.TAGS))
_NEVER_ADDRESSES = NAME_OF_CONTACT | {"name", "address_city", "billing_city"}
_ANY_NAME = frozenset(("name", "nom", "nombre", "full name"))
_salutation = re.compile(
    r"(?:mr|mrs|ms|miss|dr|prof|herr|frau|m|mme|mlle|sr|sra)\.?", re.IGNORECASE
).fullmatch
_code = re.compile(r"(?=\D*\d)[\w./-]{4,40}", re.ASCII).fullmatch
_PHONE = re.compile(r"(?=(?:\D*\d){7})[+(]?\d[\d ()./x-]+", re.ASCII).fullmatch
_DATE_OR_DECIMAL = re.compile(r"\d{4}-\d\d-\d\d.*|\d\d?[./]\d\d?[./]\d{2,4}.*|\d+[.,]?\d+").fullmatch
_NAME = re.compile(r"[^\d@:/]{4,60}").fullmatch
_Verdict = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A column, the field it seems to mean (None: leave it out), how sure that is from 0 to 1, and why."""

    column: str
    field: str | None
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    index: int
    field: str
    confidence: float
    reason: str


def suggest(
    columns: Sequence[str],
    sample_rows: Sequence[Sequence[str]],
    fields: Mapping[str, ImportField] = IMPORT_FIELDS,
) -> list[Suggestion]:
    """One suggestion per column, in order. No two columns get one field, unless the field joins its parts.

    A contact's e-mail, phone, title and department are suggested only beside a column with its name.
    """
    contents = [_contents(sample_rows, index) for index in range(len(columns))]
    candidates = [
        candidate
        for index, column in enumerate(columns)
        for candidate in _candidates(index, heading(column), contents[index], fields)
    ]
    chosen = _choose(candidates, fields)
    return [_suggestion(index, column, chosen, candidates) for index, column in enumerate(columns)]


def missing_required(mapped: Iterable[str]) -> list[str]:
    """The required fields that nothing fills; the contact's name and e-mail fill the customer's."""
    given = set(mapped)
    has_name = "name" in given or not NAME_OF_CONTACT.isdisjoint(given)
    has_email = not {"email", "contact_email"}.isdisjoint(given)
    return ["name"] * (not has_name) + ["email"] * (not has_email)


def mapping_problems(
    columns: Sequence[str], mapping: Mapping[str, str], fields: Mapping[str, ImportField] = IMPORT_FIELDS
) -> list[Problem]:
    """Everything wrong with a mapping of columns to field keys; the path is ("mapping", the column or the field)."""
    problems = []
    for column, key in mapping.items():
        if column not in columns:
            problems.append(
                _problem(column, "UNKNOWN_COLUMN", f"The file has no column '{column}': choose one it has.")
            )
        if key not in fields:
            problems.append(
                _problem(column, "UNKNOWN_FIELD", f"There is no field '{key}': choose one of importFields.")
            )
    for key, field in fields.items():
        sharing = [column for column, target in mapping.items() if target == key]
        if len(sharing) > 1 and field.joins is None:
            message = f"{field.label} can come from one column only: choose between {' and '.join(sharing)}."
            problems.append(_problem(key, "FIELD_MAPPED_TWICE", message))
    return problems + _missing_problems(set(mapping.values()), fields)


def _missing_problems(mapped: set[str], fields: Mapping[str, ImportField]) -> list[Problem]:
    problems = [
        _problem(key, "REQUIRED_FIELD_NOT_MAPPED", f"{fields[key].label} is required: map a column on it.")
        for key in missing_required(mapped)
    ]
    nameless = any(
        fields[key].column is None for key in mapped & fields.keys()
    ) and NAME_OF_CONTACT.isdisjoint(mapped)
    if nameless:
        message = "A contact needs a name: map a column on it, or leave the contact's other fields out."
        problems.append(_problem("contact_name", "REQUIRED_FIELD_NOT_MAPPED", message))
    return problems


def _problem(name: str, code: str, message: str) -> Problem:
    return Problem(("mapping", name), code, message)


def _contents(rows: Sequence[Sequence[str]], index: int) -> list[str]:
    """The first different values of a column, without what stands for nothing."""
    cells = (unsafe_cell(row[index].strip()) for row in rows if index < len(row))
    return list(dict.fromkeys(cell for cell in cells if cell and cell not in EMPTY_WORDS))[:_LOOKED_AT]


def _candidates(
    index: int, name: Heading, contents: Sequence[str], fields: Mapping[str, ImportField]
) -> list[_Candidate]:
    by_name = {key: sure for key, sure in meanings(name).items() if key in fields}
    found = {key: _checked(fields[key], sure, contents) for key, sure in by_name.items()}
    if "name" in by_name and _share(contents, _code) >= _MOSTLY:  # a better column for the name may be there
        found["name"] = (found["name"][0] * 0.85, "By its heading, though its values look like ids.")
        found["external_id"] = (0.75, "Its values look like ids, and another column holds the name.")
    if not any(sure >= _SURE_ENOUGH for sure, _ in found.values()) and not (
        name.is_row_number or name.is_elsewhere
    ):
        found |= _by_content(contents)
    for key, verdict in _second_choices(found, name).items():
        found[key] = max(found.get(key, verdict), verdict)
    if name.ordinal > 1:  # the second of numbered columns leaves the first choice to the first
        found = {
            key: (sure if key.startswith("contact_") else sure * 0.75, why)
            for key, (sure, why) in found.items()
        }
    elif name.words in _ANY_NAME and "name" in found:  # a column that says company is the better name
        found["name"] = (found["name"][0] * 0.9, found["name"][1])
    return [_Candidate(index, key, *verdict) for key, verdict in found.items() if key in fields]


def _second_choices(found: Mapping[str, _Verdict], name: Heading) -> dict[str, _Verdict]:
    """What a column becomes when another one is the better phone, e-mail or name: the contact's."""
    choices: dict[str, _Verdict] = {}
    for key in ("phone", "email", "name"):
        sure, _ = found.get(key, (0.0, ""))
        if sure < _SURE_ENOUGH or (key == "name" and name.words not in _ANY_NAME):
            continue
        choices[f"contact_{key}"] = (sure * 0.8, "The customer's own is in another column.")
    return choices


def _checked(field: ImportField, sure: float, contents: Sequence[str]) -> _Verdict:
    """How sure the heading makes it, after a look at the cells."""
    if not contents:
        return sure, "By its heading; it has no values in the first rows."
    share = _share_that_fits(field, contents)
    if share < 0.5:  # noqa: PLR2004
        return sure * 0.4, f"Its heading suggests {field.label}, but its values do not fit."
    return sure * (0.9 + 0.1 * share), "By its heading."


def _share_that_fits(field: ImportField, contents: Sequence[str]) -> float:
    if field.key in ("account_manager", "service_manager"):
        return _share(contents, parse_email)  # whether a name is a user's is not known here
    if field.key == "contact_title":
        return 1 - _share(contents, _salutation)
    if field.key in _NEVER_ADDRESSES:
        return 1 - max(_share(contents, not_this) for not_this in (parse_email, _web_address))
    if field.kind in _ANY_TEXT:
        return 1.0
    options = ImportOptions(date_order=DateOrder.DAY_FIRST, decimal_comma=decimal_comma(contents))
    return _share(contents, cell_parser(field, options))


def _share(contents: Sequence[str], parse: Callable[[str], object]) -> float:
    fitting = 0
    for cell in contents:
        try:
            fitting += parse(cell) is not None
        except InvalidValue:
            continue
    return fitting / len(contents) if contents else 0.0


def _web_address(cell: str) -> str | None:
    return cell if cell.startswith(("http://", "https://", "www.")) else None


def _phone_number(cell: str) -> str | None:
    return cell if _PHONE(cell) and not _DATE_OR_DECIMAL(cell) else None


def _country(cell: str) -> str | None:
    """Names only: two letters are as often a state, three a currency."""
    return parse_country(cell) if _NAME(cell) else None


def _by_content(contents: Sequence[str]) -> dict[str, _Verdict]:
    """What the values alone say, where the heading says nothing that fits."""
    tests: tuple[tuple[str, Callable[[str], object], float, str], ...] = (
        ("email", parse_email, 0.75, "Its values are e-mail addresses."),
        ("website", _web_address, 0.75, "Its values are web addresses."),
        ("phone", _phone_number, 0.65, "Its values look like phone numbers."),
        ("address_country", _country, 0.65, "Its values are countries."),
    )
    return {key: (sure, why) for key, test, sure, why in tests if _share(contents[:30], test) >= _MOSTLY}


def _choose(candidates: Sequence[_Candidate], fields: Mapping[str, ImportField]) -> dict[int, _Candidate]:
    """The surest candidate of each column, the surest first; a field that joins nothing goes once."""
    chosen: dict[int, _Candidate] = {}
    taken: set[str] = set()
    for candidate in sorted(candidates, key=lambda c: (-c.confidence, c.index)):
        free = candidate.field not in taken or fields[candidate.field].joins is not None
        if candidate.confidence >= _SURE_ENOUGH and candidate.index not in chosen and free:
            chosen[candidate.index] = candidate
            taken.add(candidate.field)
    if not NAME_OF_CONTACT.isdisjoint(taken):
        return chosen
    return {
        index: candidate for index, candidate in chosen.items() if fields[candidate.field].column is not None
    }


def _suggestion(
    index: int, column: str, chosen: Mapping[int, _Candidate], candidates: Iterable[_Candidate]
) -> Suggestion:
    if found := chosen.get(index):
        return Suggestion(column, found.field, round(found.confidence, 2), found.reason)
    if heading(column).is_row_number:
        return Suggestion(column, None, 0.0, "It numbers the rows.")
    best = max((c for c in candidates if c.index == index), key=lambda c: c.confidence, default=None)
    if best is None:
        return Suggestion(column, None, 0.0, "No field matches its heading or its values.")
    if best.confidence < _SURE_ENOUGH:
        return Suggestion(column, None, round(best.confidence, 2), best.reason)
    return Suggestion(
        column,
        None,
        round(best.confidence, 2),
        f"Another column fits {IMPORT_FIELDS[best.field].label} better.",
    )
