"""The one table of a customer's fields: for changes through the API, for imports, and for history."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache, partial
from typing import Any, TypeVar
from uuid import UUID

from crm.customers.models import Consent, PickList, Stage
from crm.customers.rules import BEFORE_LIVE
from crm.kernel import fields
from crm.kernel.errors import Problem
from crm.kernel.fields import Field
from crm.kernel.ids import Kind
from crm.kernel.values import (
    InvalidCode,
    InvalidValue,
    parse_boolean,
    parse_country,
    parse_currency,
    parse_date,
    parse_decimal,
    parse_email,
    parse_integer,
    parse_language,
    parse_multiline,
    parse_percent,
    parse_phone,
    parse_tag,
    parse_tags,
    parse_text,
    parse_url,
)
from crm.kernel.values.text import MAX_TAGS

E = TypeVar("E", bound=StrEnum)


class FieldKind(StrEnum):
    """What a field holds. Its value may come as text or already as the type named here."""

    TEXT = "TEXT"
    LINES = "LINES"
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    URL = "URL"
    COUNTRY = "COUNTRY"
    CURRENCY = "CURRENCY"
    LANGUAGE = "LANGUAGE"
    AMOUNT = "AMOUNT"
    PERCENT = "PERCENT"
    INTEGER = "INTEGER"
    DATE = "DATE"
    BOOLEAN = "BOOLEAN"
    CHOICE = "CHOICE"
    TAGS = "TAGS"
    RECORD = "RECORD"
    RECORDS = "RECORDS"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerField(Field):
    """`key` is the model's column, `path` the field of the API's inputs, `label` its name for people.

    `pick_list` and `refers_to` say what a RECORD field's uuid names. `on_create_only`: later it changes by an
    action of its own. `requirable`: an admin may demand it.
    """

    label: str
    kind: FieldKind
    max_length: int | None = None
    pick_list: PickList | None = None
    refers_to: Kind | None = None
    on_create_only: bool = False
    requirable: bool = True

    @property
    def name(self) -> str:
        """The API's name, such as `address.city`."""
        return ".".join(self.path)


def _text(key: str, label: str, max_length: int, *path: str, required: bool = False) -> CustomerField:
    return CustomerField(
        key,
        path or (_camel(key),),
        partial(parse_text, max_length=max_length),
        required,
        label=label,
        kind=FieldKind.TEXT,
        max_length=max_length,
    )


def _special(
    key: str, label: str, kind: FieldKind, parse: Callable[[Any], Any], *path: str, **more: Any
) -> CustomerField:
    return CustomerField(key, path or (_camel(key),), parse, label=label, kind=kind, **more)


def _phone(key: str, label: str, country: str | None = None) -> CustomerField:
    return _special(key, label, FieldKind.PHONE, partial(parse_phone, country=country), max_length=40)


def _record(
    key: str, label: str, refers_to: Kind, pick_list: PickList | None = None, **more: Any
) -> CustomerField:
    return _special(key, label, FieldKind.RECORD, _key, refers_to=refers_to, pick_list=pick_list, **more)


def _pick(key: str, label: str, pick_list: PickList, **more: Any) -> CustomerField:
    return _record(key, label, Kind.PICK_LIST_ITEM, pick_list, **more)


def _address(prefix: str, path: str, label: str) -> tuple[CustomerField, ...]:
    return (
        _text(f"{prefix}_building", f"{label}: building", 120, path, "building"),
        _text(f"{prefix}_street", f"{label}: street", 200, path, "street"),
        _text(f"{prefix}_city", f"{label}: city", 120, path, "city"),
        _text(f"{prefix}_state", f"{label}: state or region", 120, path, "state"),
        _text(f"{prefix}_postcode", f"{label}: postcode", 20, path, "postcode"),
        _special(f"{prefix}_country", f"{label}: country", FieldKind.COUNTRY, parse_country, path, "country"),
    )


def _camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(part.title() for part in rest)


def _day(value: date | str) -> date:
    return parse_date(value if isinstance(value, str) else value.isoformat())


def _amount(value: Decimal | int | str) -> Decimal:
    return parse_decimal(value if isinstance(value, str) else format(value, "f"), minimum=Decimal(0))


def _percent(value: Decimal | int | str) -> Decimal:
    return parse_percent(value if isinstance(value, str) else format(value, "f"))


def _whole(value: int | str, *, maximum: int) -> int:
    return parse_integer(value if isinstance(value, str) else str(value), minimum=0, maximum=maximum)


def _yes_or_no(value: bool | str) -> bool:
    return value if isinstance(value, bool) else parse_boolean(value)


def _tags(value: list[str] | str) -> list[str]:
    """Each once, whatever its case."""
    if isinstance(value, str):
        return parse_tags(value)
    tags: dict[str, str] = {}
    for tag in map(parse_tag, value):
        tags.setdefault(tag.casefold(), tag)
    if len(tags) > MAX_TAGS:
        raise InvalidValue(InvalidCode.INVALID_TAG, f"These are too many tags: keep {MAX_TAGS} at most.")
    return list(tags.values())


def _choice(choices: type[E], value: str) -> E:
    try:
        return choices(value.strip().upper().replace(" ", "_"))
    except ValueError:
        known = ", ".join(choices)
        raise InvalidValue(InvalidCode.INVALID_CHOICE, f"This is none of the choices: {known}.") from None


def _first_stage(value: str) -> Stage:
    stage = _choice(Stage, value)
    if stage not in BEFORE_LIVE:
        raise InvalidValue(
            InvalidCode.INVALID_CHOICE,
            "A customer becomes LIVE by the action 'go live'. Choose an earlier stage.",
        )
    return stage


def _key(value: UUID) -> UUID:
    if not isinstance(value, UUID):
        raise InvalidValue(InvalidCode.INVALID_CHOICE, "This names no record.")
    return value


def _keys(values: list[UUID]) -> list[UUID]:
    return sorted({_key(value) for value in values})


_S = FieldKind
_TERMS = partial(_whole, maximum=730)

CUSTOMER_FIELDS: dict[str, CustomerField] = {
    field.key: field
    for field in (
        _text("name", "Name", 200, required=True),
        _special("email", "E-mail", _S.EMAIL, parse_email, required=True, max_length=254),
        _phone("phone", "Phone"),
        _phone("fax", "Fax"),
        _special("website", "Website", _S.URL, parse_url, max_length=300),
        _special("description", "Description", _S.LINES, parse_multiline, max_length=10_000),
        _special("stage", "Stage", _S.CHOICE, _first_stage, required=True, on_create_only=True, requirable=False),
        _pick("status_label_id", "Status label", PickList.STATUS_LABEL, requirable=False),
        _pick("customer_group_id", "Customer group", PickList.CUSTOMER_GROUP),
        _pick("industry_id", "Industry", PickList.INDUSTRY),
        _pick("source_id", "Source", PickList.SOURCE),
        _pick("service_provision_id", "Service provision", PickList.SERVICE_PROVISION),
        _record("account_manager_id", "Account manager", Kind.USER),
        _record("service_manager_id", "Service manager", Kind.USER),
        *_address("address", "address", "Address"),
        _special("billing_same", "Billed at the main address", _S.BOOLEAN, _yes_or_no, required=True, requirable=False),
        *_address("billing", "billingAddress", "Billing address"),
        _text("registration_number", "Registration number", 60),
        _text("vat_id", "VAT or tax id", 30),
        _text("account_number", "Account number", 60),
        _text("external_id", "Id in another system", 120),
        _special("contract_start", "Contract start", _S.DATE, _day),
        _special("contract_end", "Contract end", _S.DATE, _day),
        _special("contract_review", "Contract review", _S.DATE, _day),
        _special("contract_value", "Contract value", _S.AMOUNT, _amount),
        _special("probability", "Probability (%)", _S.INTEGER, partial(_whole, maximum=100)),
        _special("currency", "Currency", _S.CURRENCY, parse_currency, required=True, requirable=False),
        _special("discount_percent", "Discount (%)", _S.PERCENT, _percent, "discount", "percent", requirable=False),
        _special("discount_amount", "Discount (amount)", _S.AMOUNT, _amount, "discount", "amount", requirable=False),
        _special("tax_rate", "Tax rate (%)", _S.PERCENT, _percent),
        _special("payment_terms_days", "Payment terms (days)", _S.INTEGER, _TERMS),
        _record("legal_entity_id", "Legal entity", Kind.LEGAL_ENTITY),
        _special("invoice_type_ids", "Invoice types", _S.RECORDS, _keys, pick_list=PickList.INVOICE_TYPE, requirable=False),
        _special("consent", "Marketing consent", _S.CHOICE, partial(_choice, Consent), required=True,
                 on_create_only=True, requirable=False),
        _special("language", "Language", _S.LANGUAGE, parse_language, required=True, max_length=10, requirable=False),
        _special("tags", "Tags", _S.TAGS, _tags),
    )
}  # fmt: skip

ALWAYS_REQUIRED = ("name", "email")
LIVE_REQUIRED = (
    "registration_number",
    "account_number",
    "contract_start",
    "contract_end",
    "contract_review",
    "account_manager_id",
)
"""What going LIVE needs of the customer itself, beside a primary contact with e-mail and phone (DOMAIN §2)."""

_PHONES = frozenset({"phone", "fax"})
_EMPTY: dict[str, Any] = {"tags": [], "invoice_type_ids": []}


def clean(values: Mapping[str, Any], *, country: str | None = None) -> tuple[dict[str, Any], list[Problem]]:
    """The given values as they are kept, and everything wrong with each; pure, for the API and imports alike.

    Values are text, or what their FieldKind says. `country`: where phone numbers without a country code belong,
    unless `address_country` is among the values. What does not fit together: `rules.contradictions`.
    """
    others = {key: value for key, value in values.items() if key not in _PHONES}
    cleaned, problems = fields.clean(others, CUSTOMER_FIELDS)
    if len(others) < len(values):
        numbers = {key: values[key] for key in values if key in _PHONES}
        home = cleaned.get("address_country", country)
        found, wrong = fields.clean(numbers, _phones_in(home))
        cleaned |= found
        problems += wrong
    for key, empty in _EMPTY.items():
        if key in cleaned and cleaned[key] is None:
            cleaned[key] = list(empty)
    return cleaned, problems


@cache
def _phones_in(country: str | None) -> dict[str, CustomerField]:
    return {key: _phone(key, CUSTOMER_FIELDS[key].label, country) for key in _PHONES}


def missing(keys: Iterable[str], values: Mapping[str, Any]) -> list[Problem]:
    """A problem for each of the fields that has no value."""
    return [fields.missing(CUSTOMER_FIELDS[key]) for key in keys if values.get(key) in (None, "", [])]
