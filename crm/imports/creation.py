"""What a row comes to when it makes a customer: the lines that COPY takes, all but the ids and who imported it."""

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

from crm.customers.models import Consent, Stage
from crm.customers.rules import ADDRESS_PARTS, with_billing
from crm.imports import copy_text
from crm.imports.changelog import Changelog
from crm.imports.plan import CONTACT_KEYS, ImportPlan, Ready

PERSON = ("name", "email", "phone", "title", "department")
_of_person = itemgetter(*PERSON)
_CONTACT_COLUMNS = tuple((name, name.removeprefix("contact_")) for name in CONTACT_KEYS)

# What a new customer has where the file says nothing, as the model has it.
_DEFAULTS: dict[str, Any] = {
    "stage": Stage.PROSPECT.value,
    "billing_same": True,
    "currency": "EUR",
    "consent": Consent.UNKNOWN.value,
    "language": "en",
    "tags": [],
}


class Creation:
    """A plan's columns of new customers, and their values as COPY's text."""

    def __init__(self, plan: ImportPlan) -> None:
        mapped = sorted(plan.mapped - {"invoice_type_ids"} | _DEFAULTS.keys())
        if "consent" in plan.mapped:
            mapped += ["consent_at", "consent_by_id"]
        parts = [part for part in ADDRESS_PARTS if plan.has_billing or f"address_{part}" in plan.mapped]
        billing = [f"billing_{part}" for part in parts]
        mapped = [column for column in mapped if column not in billing]
        # Without columns of its own the billing address is the main one.
        sources = [
            *mapped,
            *(name if plan.has_billing else f"address{name.removeprefix('billing')}" for name in billing),
        ]
        self.columns = ("people", *mapped, *billing)
        self._usual = {column: _DEFAULTS.get(column) for column in sources}
        self._values = itemgetter(*sources)
        self._has_billing = plan.has_billing
        self._names = plan.references.names

    def customer(self, values: dict[str, Any], contacts: Iterable[str]) -> str:
        """`contacts`: as `contact_text` makes them."""
        return f"{_people(contacts)}\t{copy_text.fields(self._values(self._usual | values))}"

    def ready(self, values: Mapping[str, Any]) -> Ready:
        """Of a row's values; they stay as they are."""
        own = dict(values)
        person = taken_out(own)
        log = Changelog(self._names)
        contact = contact_text(contact_values(person)) if person else None
        billed = with_billing(own, {}) if self._has_billing else own
        customer = self.customer(billed, [contact] if contact else [])
        return Ready(customer, contact, log.creation(own, person))


def taken_out(values: dict[str, Any]) -> dict[str, Any]:
    """The contact's values of a row's, by its keys; the customer's are left."""
    return {name: values.pop(name) for name in CONTACT_KEYS if name in values}


def contact_values(person: Mapping[str, Any]) -> dict[str, Any]:
    """All columns of a contact out of what a row says of it."""
    return {column: person.get(name) for name, column in _CONTACT_COLUMNS}


def _people(contacts: Iterable[str]) -> str:
    """What kith_person makes of the contacts, which are written next: a trigger would have to write the customer again."""
    told = []
    for contact in contacts:
        name, email, _ = contact.split("\t", 2)
        told.append(f"{name} {email}\\n")
    return "".join(told)


def contact_text(values: Mapping[str, Any]) -> str:
    return copy_text.fields(_of_person(values))
