"""What people say about a file before it runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crm.imports.csv_format import Delimiter, Encoding, Sniffed
from crm.imports.models import DuplicateKey, DuplicateRule, Import
from crm.imports.rules import UnknownChoices
from crm.imports.sniffing import sniff
from crm.kernel.errors import InvalidInput, Problem
from crm.kernel.values import DateOrder, InvalidValue, parse_country


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """None: as it was. `mapping`: the whole of it, from columns to field keys; columns left out are not imported.

    `default_country`: where telephone numbers without a country code belong; empty for nowhere.
    """

    mapping: Mapping[str, str] | None = None
    duplicate_rule: DuplicateRule | None = None
    duplicate_key: DuplicateKey | None = None
    encoding: Encoding | None = None
    delimiter: Delimiter | None = None
    has_header: bool | None = None
    default_country: str | None = None
    date_order: DateOrder | None = None
    decimal_comma: bool | None = None
    unknown_choices: UnknownChoices | None = None

    @property
    def reads_anew(self) -> bool:
        return (self.encoding, self.delimiter, self.has_header) != (None, None, None)

    def options(self) -> dict[str, Any]:
        """As the import keeps them. Raises InvalidInput."""
        given: dict[str, Any] = {
            "date_order": self.date_order,
            "decimal_comma": self.decimal_comma,
            "unknown_choices": self.unknown_choices,
        }
        options = {name: value for name, value in given.items() if value is not None}
        if self.default_country is not None:
            options["default_country"] = _country(self.default_country)
        return options


def changes_of(given: Configuration) -> dict[str, Any]:
    """The model's columns that change."""
    changes: dict[str, Any] = {
        "mapping": None if given.mapping is None else dict(given.mapping),
        "duplicate_rule": given.duplicate_rule,
        "duplicate_key": given.duplicate_key,
    }
    return {name: value for name, value in changes.items() if value is not None}


def sniffed_again(data: bytes, found: Import, given: Configuration, *, complete: bool) -> Sniffed:
    """The file read as it was, but for what is given. Raises UnreadableFile."""
    before = Sniffed.from_json(found.sniffed)
    return sniff(
        data,
        complete=complete,
        encoding=given.encoding or before.encoding,
        delimiter=given.delimiter or before.delimiter,
        has_header=before.has_header if given.has_header is None else given.has_header,
    )


def _country(text: str) -> str | None:
    if not text.strip():
        return None
    try:
        return parse_country(text)
    except InvalidValue as error:
        raise InvalidInput(
            [Problem(("options", "defaultCountry"), error.code.value, error.message)]
        ) from None
