"""What a column of a file can be mapped on: a customer's fields and those of its primary contact, and the template.

Labels, kinds, lengths and rules are the customers' own (`CUSTOMER_FIELDS`), so that an import is no way
around them; this table adds what people need to fill in a file.
"""

import csv
from dataclasses import dataclass
from io import StringIO

from crm.customers.fields import CUSTOMER_FIELDS, FieldKind
from crm.kernel.csv_safety import safe_row


@dataclass(frozen=True, slots=True)
class ImportField:
    """`joins` is what stands between the parts when several columns are mapped on the field; None: one column only.

    `column` is the customer's attribute that gets the value; None for the contact's fields.
    """

    key: str
    label: str
    kind: FieldKind
    required: bool
    joins: str | None
    help: str
    example: str
    max_length: int | None = None
    column: str | None = None


_COUNTRY_HELP = "A two-letter code, or the name in English or the country's language."
_PERSON_HELP = "The e-mail address or full name of a user who is a member of the business unit."
_LIST_HELP = "A name from the pick list."

# By key: the customer's attribute where it is named otherwise, what joins several columns, help, example.
_CUSTOMER: dict[str, tuple[str | None, str | None, str, str]] = {
    "name": (None, None, "The company, or the person where there is none. Without it the contact's name is taken.", "Acme Ltd"),
    "email": (None, None, "The main address. Without it the contact's is taken.", "office@acme.example"),
    "phone": (None, None, "Best with its country code; an extension after x.", "+44 20 7946 0100"),
    "fax": (None, None, "As the phone.", "+44 20 7946 0199"),
    "website": (None, None, "A web address; https:// is added where it is missing.", "https://www.acme.example"),
    "description": (None, "\n", "Any text, several lines too.", "Wholesale of road runner traps"),
    "stage": (None, None, "PROSPECT, WARM_LEAD, QUALIFIED or PROPOSAL; going live is a step of its own.", "PROSPECT"),
    "status_label": ("status_label_id", None, _LIST_HELP, "Key account"),
    "customer_group": ("customer_group_id", None, _LIST_HELP, "Wholesale"),
    "industry": ("industry_id", None, _LIST_HELP, "Retail"),
    "source": ("source_id", None, _LIST_HELP, "Trade fair"),
    "service_provision": ("service_provision_id", None, _LIST_HELP, "Standard"),
    "account_manager": ("account_manager_id", None, _PERSON_HELP, "sales@kith.example"),
    "service_manager": ("service_manager_id", None, _PERSON_HELP, "service@kith.example"),
    "address_building": (None, ", ", "A building, floor or suite.", "Unit 4"),
    "address_street": (None, ", ", "Street and number.", "12 High Street"),
    "address_city": (None, None, "The city or town.", "Bath"),
    "address_state": (None, None, "The state, region or province.", "Somerset"),
    "address_postcode": (None, None, "The postcode.", "BA1 1AA"),
    "address_country": (None, None, _COUNTRY_HELP, "GB"),
    "billing_building": (None, ", ", "Only where invoices go elsewhere.", "Building C"),
    "billing_street": (None, ", ", "Only where invoices go elsewhere.", "Hafenstraße 7"),
    "billing_city": (None, None, "Only where invoices go elsewhere.", "Hamburg"),
    "billing_state": (None, None, "Only where invoices go elsewhere.", "Hamburg"),
    "billing_postcode": (None, None, "Only where invoices go elsewhere.", "20457"),
    "billing_country": (None, None, _COUNTRY_HELP, "DE"),
    "registration_number": (None, None, "The number in the company register.", "01234567"),
    "vat_id": (None, None, "The VAT or tax number.", "GB123456789"),
    "account_number": (None, None, "Your own number for this customer.", "C-1001"),
    "external_id": (None, None, "The customer's id in the system the file comes from.", "8c0f5a"),
    "contract_start": (None, None, "A date, best as YYYY-MM-DD.", "2026-01-01"),
    "contract_end": (None, None, "A date, not before the start.", "2027-12-31"),
    "contract_review": (None, None, "A date within the contract.", "2027-06-30"),
    "contract_value": (None, None, "An amount in the customer's currency.", "12000.00"),
    "probability": (None, None, "A whole number from 0 to 100.", "60"),
    "currency": (None, None, "A three-letter code such as EUR.", "GBP"),
    "discount_percent": (None, None, "From 0 to 100; a percentage or an amount, not both.", "2.5"),
    "discount_amount": (None, None, "In the customer's currency; an amount or a percentage, not both.", ""),
    "tax_rate": (None, None, "From 0 to 100.", "20"),
    "payment_terms_days": (None, None, "The days until an invoice is due.", "30"),
    "legal_entity": ("legal_entity_id", None, "The name of the legal entity that bills this customer.", "Kith Ltd"),
    "invoice_types": ("invoice_type_ids", ", ", "Names from the pick list, separated by commas.", "Goods, Services"),
    "consent": (None, None, "Marketing consent: GIVEN, WITHDRAWN or UNKNOWN; yes and no will do.", "GIVEN"),
    "language": (None, None, "A code such as en or pt-BR, or the language's name.", "en"),
    "tags": (None, ", ", "Separated by commas.", "vip, north"),
}  # fmt: skip

# By key: label, kind, greatest length, help, example.
_CONTACT: dict[str, tuple[str, FieldKind, int, str, str]] = {
    "contact_name": ("Contact: name", FieldKind.TEXT, 200, "The primary contact's full name.", "Wile Coyote"),
    "contact_first_name": ("Contact: first name", FieldKind.TEXT, 99, "Where the file has two columns.", ""),
    "contact_last_name": ("Contact: last name", FieldKind.TEXT, 100, "Where the file has two columns.", ""),
    "contact_email": ("Contact: e-mail", FieldKind.EMAIL, 254, "Without a column the customer's is taken.", "wile@acme.example"),
    "contact_phone": ("Contact: phone", FieldKind.PHONE, 40, "Without a column the customer's is taken.", "+44 20 7946 0101"),
    "contact_title": ("Contact: title", FieldKind.TEXT, 120, "The position in the company.", "Head of Purchasing"),
    "contact_department": ("Contact: department", FieldKind.TEXT, 120, "The department.", "Purchasing"),
}  # fmt: skip


def _customer_field(
    key: str, column: str | None, joins: str | None, help_text: str, example: str
) -> ImportField:
    field = CUSTOMER_FIELDS[column or key]
    return ImportField(
        key=key,
        label=field.label,
        kind=field.kind,
        required=key in ("name", "email"),
        joins=joins,
        help=help_text,
        example=example,
        max_length=field.max_length,
        column=field.key,
    )


def _contact_field(
    key: str, label: str, kind: FieldKind, max_length: int, help_text: str, example: str
) -> ImportField:
    return ImportField(
        key, label, kind, required=False, joins=None, help=help_text, example=example, max_length=max_length
    )


IMPORT_FIELDS: dict[str, ImportField] = {
    field.key: field
    for field in (
        *(_customer_field(key, *row) for key, row in _CUSTOMER.items()),
        *(_contact_field(key, *row) for key, row in _CONTACT.items()),
    )
}


def template() -> bytes:
    """A CSV file to fill in: the labels of all fields and one example row; UTF-8 with the mark Excel needs."""
    file = StringIO(newline="")
    fields = IMPORT_FIELDS.values()
    csv.writer(file).writerows((safe_row(f.label for f in fields), safe_row(f.example for f in fields)))
    return file.getvalue().encode("utf-8-sig")
