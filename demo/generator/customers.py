"""Customers with their primary contacts."""

import random
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from demo.generator.countries import COUNTRIES, EU, MAILBOXES
from demo.generator.directory import Directory
from demo.generator.inputs import City, Inputs, Prospectus, days_ago, dealt, happens, stream
from demo.records import Customer

_SOURCES = {
    "Referral": 28,
    "Trade fair": 24,
    "Website": 20,
    "Tasting event": 12,
    "Field visit": 10,
    "Partner": 4,
    "Telephone": 2,
}
_SERVICES = {
    "Standard delivery": 55,
    "Standing order": 20,
    "Express delivery": 12,
    "Collection": 8,
    "Private label": 5,
}
CONSENTS = {"GIVEN": 55, "UNKNOWN": 35, "WITHDRAWN": 10}
_TAGS = ("organic", "fair trade", "seasonal", "standing order", "vegan range", "own label", "pallet delivery")
_DECIDERS = (
    ("Owner", "Management"),
    ("Managing director", "Management"),
    ("Head buyer", "Purchasing"),
    ("Purchasing manager", "Purchasing"),
)
_BUILDINGS = ("Courtyard", "Unit 2", "Level 1", "Block B", "Hall 3", "Rear building")
_CONTRACT_BASE = {"S": 4_000, "M": 16_000, "L": 60_000}  # euro a year
_CHANCES = {"PROSPECT": 10, "WARM_LEAD": 25, "QUALIFIED": 50, "PROPOSAL": 75}  # percent
_ENDING_SOON = {"C-10230": 12, "C-10522": 20, "C-10895": 27}  # account number → days until the contract ends


def build_customers(inputs: Inputs, directory: Directory) -> dict[str, Customer]:
    """By account number, in the order of the source list."""
    return {row.account_number: _customer(inputs, row, directory) for row in inputs.prospectuses}


def _customer(inputs: Inputs, row: Prospectus, directory: Directory) -> Customer:
    chance = stream(f"customer/{row.account_number}")
    city = inputs.cities[row.country, row.city]
    contact_name, contact_email = directory.person(city.language, row.domain)
    title, department = chance.choice(_DECIDERS)
    plain = Customer(
        account_number=row.account_number,
        name=row.name,
        email=f"{chance.choice(MAILBOXES[city.language])}@{row.domain}",
        phone=directory.phone(city),
        fax=directory.phone(city) if row.country in {"DE", "JP"} and happens(chance, percent=30) else None,
        website=f"https://www.{row.domain}" if happens(chance, percent=85) else None,
        description=_description(inputs, row, chance),
        unit=inputs.company.unit_of(row.country).name,
        industry=row.industry,
        customer_group=row.customer_group,
        source=dealt(chance, _SOURCES),
        service_provision=dealt(chance, _SERVICES),
        address_building=chance.choice(_BUILDINGS) if happens(chance, percent=15) else None,
        address_street=directory.street(city),
        address_city=city.city,
        address_state=city.state,
        address_postcode=directory.postcode(city),
        address_country=city.country,
        currency=COUNTRIES[row.country].currency,
        legal_entity=inputs.company.entity_of(row.country).name,
        language=city.language,
        tags=",".join(sorted(chance.sample(_TAGS, chance.choice((0, 1, 1, 2, 3))))) or None,
        consent=dealt(chance, CONSENTS),
        contact_name=contact_name,
        contact_email=contact_email,
        contact_phone=directory.phone(city),
        contact_title=title,
        contact_department=department,
    )
    if happens(chance, percent=10):
        plain = _billed_elsewhere(plain, city, directory)
    digits = directory.register_digits()
    complete = _buyer if row.buys else _prospect
    return complete(inputs, row, plain, chance, digits)


def _description(inputs: Inputs, row: Prospectus, chance: random.Random) -> str:
    known = [character.phrase for character in inputs.characters if character.industry == row.industry]
    first, second = chance.sample(known, 2)
    return f"{first[0].upper()}{first[1:]}; {second}."


def _billed_elsewhere(customer: Customer, city: City, directory: Directory) -> Customer:
    return replace(
        customer,
        billing_building="Accounts department",
        billing_street=directory.street(city),
        billing_city=city.city,
        billing_state=city.state,
        billing_postcode=directory.postcode(city),
        billing_country=city.country,
    )


def _account_manager(inputs: Inputs, customer: Customer, chance: random.Random) -> str:
    sellers = [person for person in inputs.staff if person.role in {"MANAGER", "AGENT"}]
    return chance.choice([person.email for person in sellers if customer.unit in person.units])


def _value(row: Prospectus, chance: random.Random) -> Decimal:
    in_euro = _CONTRACT_BASE[row.size] * chance.randint(70, 160) // 100
    in_currency = Decimal(in_euro) * Decimal(COUNTRIES[row.country].per_euro)
    return (in_currency / 100).to_integral_value() * 100


def _buyer(inputs: Inputs, row: Prospectus, plain: Customer, chance: random.Random, digits: str) -> Customer:
    """With everything a customer needs to go live."""
    country = COUNTRIES[row.country]
    registration_number, vat_id = country.registration(digits)
    start, end, review = _contract(row, chance)
    return replace(
        plain,
        registration_number=registration_number,
        vat_id=vat_id,
        account_manager=_account_manager(inputs, plain, chance),
        contract_start=start,
        contract_end=end,
        contract_review=review,
        contract_value=_value(row, chance),
        discount_percent=_standing_discount(row, chance),
        tax_rate=_usual_tax_rate(row.country),
        payment_terms_days=chance.choice(country.payment_terms),
    )


def _standing_discount(row: Prospectus, chance: random.Random) -> Decimal | None:
    offered = Decimal(chance.choice((2, 3)))
    return offered if row.size == "L" and happens(chance, percent=40) else None


def _usual_tax_rate(country: str) -> Decimal | None:
    """Food from the German entity is taxed at home and untaxed abroad; British rates differ by product."""
    if country in {"DE", "GB"}:
        return Decimal(7) if country == "DE" else None
    return Decimal(0)


def _contract(row: Prospectus, chance: random.Random) -> tuple[date, date, date]:
    start = days_ago(chance.randint(600, 2_400))
    end = days_ago(-_ENDING_SOON.get(row.account_number, chance.randint(250, 1_400)))
    return start, end, end - timedelta(days=chance.choice((30, 60, 90, 120)))


def _prospect(
    inputs: Inputs, row: Prospectus, plain: Customer, chance: random.Random, digits: str
) -> Customer:
    """With the gaps a prospect has: the nearer to a contract, the fewer."""
    near = row.standing in {"QUALIFIED", "PROPOSAL"}
    registration_number, vat_id = COUNTRIES[row.country].registration(digits)
    return replace(
        plain,
        registration_number=registration_number if near else None,
        vat_id=vat_id if row.country in EU and near else None,
        account_manager=_account_manager(inputs, plain, chance) if row.standing != "PROSPECT" else None,
        contract_value=_value(row, chance),
        probability=_CHANCES[row.standing] + chance.choice((-5, 0, 5)),
        contact_phone=plain.contact_phone if row.standing != "PROSPECT" else None,
    )
