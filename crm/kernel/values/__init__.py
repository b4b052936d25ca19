"""Values as people type them and as the business keeps them, for API inputs and imports alike.

One function per kind: it takes text and returns the normalised value or raises `InvalidValue` with a code and
a sentence. Empty text raises REQUIRED: a caller for whom the value is optional asks first. Names that begin
with `parse_local_` accept what files in several languages hold (1.234,56 or 31.12.2025); they exist for
imports and end in the same checks.
"""

from crm.kernel.values.codes import currency_codes, parse_currency, parse_language
from crm.kernel.values.countries import country_codes, parse_country
from crm.kernel.values.dates import DateOrder, date_order, parse_date, parse_local_date
from crm.kernel.values.emails import email_key, parse_email
from crm.kernel.values.invalid import InvalidCode, InvalidValue
from crm.kernel.values.numbers import (
    decimal_comma,
    parse_decimal,
    parse_integer,
    parse_local_decimal,
    parse_local_integer,
    parse_local_percent,
    parse_percent,
)
from crm.kernel.values.phones import parse_phone, phone_digits
from crm.kernel.values.text import parse_boolean, parse_multiline, parse_tag, parse_tags, parse_text
from crm.kernel.values.urls import parse_url

__all__ = [
    "DateOrder",
    "InvalidCode",
    "InvalidValue",
    "country_codes",
    "currency_codes",
    "date_order",
    "decimal_comma",
    "email_key",
    "parse_boolean",
    "parse_country",
    "parse_currency",
    "parse_date",
    "parse_decimal",
    "parse_email",
    "parse_integer",
    "parse_language",
    "parse_local_date",
    "parse_local_decimal",
    "parse_local_integer",
    "parse_local_percent",
    "parse_multiline",
    "parse_percent",
    "parse_phone",
    "parse_tag",
    "parse_tags",
    "parse_text",
    "parse_url",
    "phone_digits",
]
