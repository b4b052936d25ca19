"""What people set on invoices and legal entities: how each value is read, and what may not be empty."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from crm.accounts.rules import time_zone_problems
from crm.invoices.models import PaymentMethod
from crm.kernel.errors import Problem
from crm.kernel.fields import Field, table
from crm.kernel.values import (
    parse_country,
    parse_currency,
    parse_date,
    parse_email,
    parse_integer,
    parse_language,
    parse_multiline,
    parse_phone,
    parse_text,
    parse_url,
)

LONGEST_TERMS = 730  # days

_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?").fullmatch  # ISO 9362
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}").fullmatch  # ISO 13616
_CODE = re.compile(r"[A-Za-z0-9]{1,12}").fullmatch


def _text(length: int) -> partial[str]:
    return partial(parse_text, max_length=length)


def _lines(length: int) -> partial[str]:
    return partial(parse_multiline, max_length=length)


def _days(value: int) -> int:
    return parse_integer(str(value), minimum=0, maximum=LONGEST_TERMS)


def _day(value: date) -> date:
    return parse_date(value.isoformat())


def _compact(text: str) -> str:
    """A bank's number as it is kept: without the spaces it is printed with."""
    return "".join(parse_text(text, max_length=60).split()).upper()


ENTITY_FIELDS = table(
    Field("name", ("name",), _text(200), required=True),
    Field("code", ("code",), _text(60)),
    Field("address_building", ("address", "building"), _text(120)),
    Field("address_street", ("address", "street"), _text(200)),
    Field("address_city", ("address", "city"), _text(120)),
    Field("address_state", ("address", "state"), _text(120)),
    Field("address_postcode", ("address", "postcode"), _text(20)),
    Field("address_country", ("address", "country"), parse_country, required=True),
    Field("registration_number", ("registrationNumber",), _text(60)),
    Field("vat_id", ("vatId",), _text(30)),
    Field("email", ("email",), parse_email),
    Field("phone", ("phone",), parse_phone),
    Field("website", ("website",), parse_url),
    Field("bank_name", ("bank", "name"), _text(120)),
    Field("iban", ("bank", "iban"), _compact),
    Field("bic", ("bank", "bic"), _compact),
    Field("payment_instructions", ("paymentInstructions",), _lines(2000)),
    Field("footer", ("footer",), _lines(2000)),
    Field("currency", ("currency",), parse_currency, required=True),
    Field("language", ("language",), parse_language, required=True),
    Field("time_zone", ("timeZone",), _text(60), required=True),
    Field("payment_terms_days", ("paymentTermsDays",), _days, required=True),
)

ENTITY_DEFAULTS: Mapping[str, Any] = {"language": "en", "time_zone": "UTC", "payment_terms_days": 30}

INVOICE_FIELDS = table(
    Field("currency", ("currency",), parse_currency, required=True),
    Field("language", ("language",), parse_language, required=True),
    Field("payment_terms_days", ("paymentTermsDays",), _days, required=True),
    Field("delivery_date", ("deliveryDate",), _day),
    Field("customer_reference", ("customerReference",), _text(120)),
    Field("notes", ("notes",), _lines(5000)),
)

PAYMENT_FIELDS = table(
    Field("amount", ("amount",), Decimal, required=True),
    Field("paid_on", ("paidOn",), _day),
    Field("method", ("method",), PaymentMethod, required=True),
    Field("reference", ("reference",), _text(120)),
)

TEMPLATE_FIELDS = table(
    Field("language", ("language",), parse_language, required=True),
    Field("subject", ("subject",), _text(200), required=True),
    Field("body", ("body",), _lines(10_000), required=True),
)


def entity_problems(cleaned: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with a legal entity's values beyond their being text."""
    if (code := cleaned.get("code")) and not _CODE(code):
        yield Problem(("code",), "INVALID_CODE", "A code is 1 to 12 letters and digits.")
    if (iban := cleaned.get("iban")) and not _is_iban(iban):
        yield Problem(
            ("bank", "iban"), "INVALID_IBAN", "This is not an IBAN: check it for mistyped characters."
        )
    if (bic := cleaned.get("bic")) and not _BIC(bic):
        yield Problem(
            ("bank", "bic"), "INVALID_BIC", "A BIC has 8 or 11 letters and digits, such as DEUTDEFF."
        )
    if zone := cleaned.get("time_zone"):
        yield from time_zone_problems(zone, "timeZone")


def _is_iban(text: str) -> bool:
    """ISO 13616: the first four characters moved to the end, letters as 10 to 35, leave 1 modulo 97."""
    if not _IBAN(text):
        return False
    digits = "".join(str(int(char, 36)) for char in text[4:] + text[:4])
    return int(digits) % 97 == 1
