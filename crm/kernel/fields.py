"""Tables of fields: what each room lets people set, how a value is read, and which may not be empty."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crm.kernel.errors import InvalidInput, Problem
from crm.kernel.values import InvalidValue


@dataclass(frozen=True, slots=True)
class Field:
    """`key` is the model's attribute, `path` the field of the API's input; `parse` takes a value that is not None
    and returns it normalised, or raises InvalidValue.
    """

    key: str
    path: tuple[str, ...]
    parse: Callable[[Any], Any]
    required: bool = False


def table(*fields: Field) -> dict[str, Field]:
    return {field.key: field for field in fields}


def clean(values: Mapping[str, Any], fields: Mapping[str, Field]) -> tuple[dict[str, Any], list[Problem]]:
    """The given values normalised, and everything wrong with them. Empty text is no value: None."""
    cleaned: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in values.items():
        field = fields[key]
        if value is None or (isinstance(value, str) and not value.strip()):
            if field.required:
                problems.append(missing(field))
            cleaned[key] = None
            continue
        try:
            cleaned[key] = field.parse(value)
        except InvalidValue as error:
            problems.append(Problem(field.path, error.code.value, error.message))
    return cleaned, problems


def absent(values: Mapping[str, Any], fields: Mapping[str, Field]) -> list[Problem]:
    """The required fields that `values` does not mention at all."""
    return [missing(field) for field in fields.values() if field.required and field.key not in values]


def missing(field: Field) -> Problem:
    return Problem(field.path, "REQUIRED", f"{field.path[-1]} is empty: fill it in.")


def refuse(problems: Iterable[Problem]) -> None:
    """Raises InvalidInput with all of them, if there are any."""
    found = list(problems)
    if found:
        raise InvalidInput(found)
