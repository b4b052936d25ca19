"""The colleagues of the primary contacts."""

import random

from demo.generator.customers import CONSENTS
from demo.generator.directory import Directory
from demo.generator.inputs import Inputs, Prospectus, dealt, happens, stream
from demo.records import Person

_COLLEAGUES = (
    ("Accounts payable", "Finance"),
    ("Bookkeeper", "Finance"),
    ("Store manager", "Sales floor"),
    ("Head barista", "Bar"),
    ("Head chef", "Kitchen"),
    ("Goods-in supervisor", "Logistics"),
    ("Assistant buyer", "Purchasing"),
    ("Quality officer", "Quality"),
    ("Marketing lead", "Marketing"),
)
_REMARKS = (
    "Deputy for orders when the buyer is away.",
    "Wants invoices in a single e-mail at the end of the week.",
    "Speaks English well.",
    "Signs for deliveries before eight.",
    "Joined this year; knows the tea range from a previous post.",
)


def build_people(inputs: Inputs, directory: Directory) -> tuple[Person, ...]:
    """Everyone at the customers but the primary contacts."""
    return tuple(person for row in inputs.prospectuses for person in _colleagues(inputs, row, directory))


def _colleagues(inputs: Inputs, row: Prospectus, directory: Directory) -> list[Person]:
    chance = stream(f"people/{row.account_number}")
    count = chance.choice({"S": (0, 1, 1, 2), "M": (1, 2, 2, 3), "L": (2, 3, 4)}[row.size])
    jobs = chance.sample(_COLLEAGUES, count)
    return [_colleague(inputs, row, job, chance, directory) for job in jobs]


def _colleague(
    inputs: Inputs, row: Prospectus, job: tuple[str, str], chance: random.Random, directory: Directory
) -> Person:
    city = inputs.cities[row.country, row.city]
    name, email = directory.person(city.language, row.domain)
    title, department = job
    return Person(
        account_number=row.account_number,
        name=name,
        email=email,
        phone=directory.phone(city) if happens(chance, percent=60) else None,
        title=title,
        department=department,
        handle=f"@{email.split('@')[0].replace('.', '')}" if happens(chance, percent=20) else None,
        consent=dealt(chance, CONSENTS),
        notes=chance.choice(_REMARKS) if happens(chance, percent=25) else None,
    )
