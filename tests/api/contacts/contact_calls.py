"""Calling the mutations of contacts."""

from typing import Any

from factories import (
    Person,
)
from kith_client import Kith

from crm.contacts.models import Contact
from crm.customers.models import Customer
from crm.kernel.ids import Kind, encode

FIELDS = "contact { id name email phone title department handle isPrimary consent consentAt notes version customer { name } }"


def id_of(contact: Contact) -> str:
    return encode(Kind.CONTACT, contact.id)


def customer_id_of(customer: Customer) -> str:
    return encode(Kind.CUSTOMER, customer.id)


async def create(server: str, person: Person, customer: Customer, **given: Any) -> dict[str, Any]:
    values = {"name": "Ann", "email": "ann@zeta.example", "customerId": customer_id_of(customer)} | given
    return await Kith(server, person.token).mutate("createContact", "CreateContactInput", FIELDS, values)


async def update(server: str, person: Person, contact: Contact, **given: Any) -> dict[str, Any]:
    values = {"id": id_of(contact)} | given
    return await Kith(server, person.token).mutate("updateContact", "UpdateContactInput", FIELDS, values)


async def named(
    server: str, person: Person, mutation: str, contact: Contact, selection: str = ""
) -> dict[str, Any]:
    return await Kith(server, person.token).mutate(
        mutation, "ContactInput", selection, {"id": id_of(contact)}
    )


def refusals(payload: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    return [(error["__typename"], error["code"], error["path"]) for error in payload["errors"]]
