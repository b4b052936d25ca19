"""What a contact is made of."""

from functools import cache, partial

from crm.customers.models import Consent
from crm.kernel.fields import Field, table
from crm.kernel.values import parse_email, parse_multiline, parse_phone, parse_text

_short = partial(parse_text, max_length=120)

FIELDS = table(
    Field("name", ("name",), partial(parse_text, max_length=200), required=True),
    Field("email", ("email",), parse_email, required=True),
    Field("phone", ("phone",), parse_phone),
    Field("title", ("title",), _short),
    Field("department", ("department",), _short),
    Field("handle", ("handle",), _short),
    Field("notes", ("notes",), partial(parse_multiline, max_length=5000)),
    Field("consent", ("consent",), Consent, required=True),
)


@cache
def fields_in(country: str | None) -> dict[str, Field]:
    """The fields of a contact of a customer in this country, where a phone number without a country code belongs."""
    return FIELDS | table(Field("phone", ("phone",), partial(parse_phone, country=country)))
