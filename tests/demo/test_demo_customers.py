"""The demo's customers, people, staff and activities: complete, consistent and nobody's copy."""

import re
import unicodedata
from collections import Counter
from datetime import timedelta

import phonenumbers
import pytest
from email_validator import validate_email

from crm.kernel.values import (
    parse_country,
    parse_currency,
    parse_email,
    parse_language,
    parse_phone,
    parse_tags,
    parse_text,
)
from demo import files
from demo.generator.inputs import ANCHOR
from demo.records import Stage, Status

DEMO = files.load(ANCHOR)
CUSTOMERS = {customer.account_number: customer for customer in DEMO.customers}
PLANS = {plan.account_number: plan for plan in DEMO.plan.customers}


def repeated(values: list[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


@pytest.mark.parametrize("script", ["GREEK", "CJK", "ARABIC", "LATIN SMALL LETTER DOTLESS I", "WITH STROKE"])
def test_names_are_written_in_many_scripts(script: str) -> None:
    letters = {unicodedata.name(letter, "") for customer in DEMO.customers for letter in customer.name}

    assert any(script in letter for letter in letters)


def test_every_telephone_number_is_valid_and_the_customers_own() -> None:
    numbers = [n for c in DEMO.customers for n in (c.phone, c.fax, c.contact_phone) if n]
    numbers += [person.phone for person in DEMO.people if person.phone]

    assert [n for n in numbers if not phonenumbers.is_valid_number(phonenumbers.parse(n))] == []
    assert repeated(numbers) == []
    for customer in DEMO.customers:
        parsed = phonenumbers.parse(customer.phone or "")
        assert phonenumbers.is_valid_number_for_region(parsed, customer.address_country), customer.phone


FICTION = {
    "DE": r"\+49 (30 23125|40 66969|221 4710|69 90009|89 99998)\d{3}",
    "FR": r"\+33 (1 99 00|2 61 91|3 53 01|4 65 71|5 36 49) \d\d \d\d",
    "GB": r"\+44 (20 7946|1[1-6]1 496|11[3-8] 496|29 2018|191 498) 0\d{3}",
    "SE": r"\+46 (31 390 06 \d\d|40 628 04 \d\d|8 465 004 \d\d|980 31 92 \d\d)",
    "US": r"\+1 \d{3}-555-01\d\d",
}


@pytest.mark.parametrize("country", FICTION)
def test_numbers_come_from_the_range_kept_for_fiction_where_there_is_one(country: str) -> None:
    at_home = {c.account_number for c in DEMO.customers if c.address_country == country}
    numbers = [n for key in at_home for n in (CUSTOMERS[key].phone, CUSTOMERS[key].contact_phone) if n]
    numbers += [person.phone for person in DEMO.people if person.phone and person.account_number in at_home]

    assert numbers
    assert [number for number in numbers if not re.fullmatch(FICTION[country], number)] == []


def test_every_email_address_is_valid_reserved_and_used_once() -> None:
    addresses = [a for c in DEMO.customers for a in (c.email, c.contact_email)]
    addresses += [person.email for person in DEMO.people]
    addresses += [person.email for person in DEMO.staff]

    for address in addresses:
        assert validate_email(address, check_deliverability=False).normalized == address
        assert address.endswith(".example")
    assert repeated(addresses) == []


def test_people_write_from_their_customers_domain() -> None:
    for person in DEMO.people:
        assert person.email.split("@")[1] == CUSTOMERS[person.account_number].email.split("@")[1]


def test_no_customer_copies_another() -> None:
    own = {
        "account number": [c.account_number for c in DEMO.customers],
        "name": [c.name for c in DEMO.customers],
        "website": [c.website for c in DEMO.customers if c.website],
        "street": [f"{c.address_street} {c.address_city}" for c in DEMO.customers],
        "register number": [c.registration_number for c in DEMO.customers if c.registration_number],
        "VAT id": [c.vat_id for c in DEMO.customers if c.vat_id],
        "person": [c.contact_name for c in DEMO.customers] + [person.name for person in DEMO.people],
    }

    assert [(what, repeated(values)) for what, values in own.items() if repeated(values)] == []


VAT_SHAPES = {
    "AE": r"\d{15}",
    "AT": r"ATU\d{8}",
    "BE": r"BE[01]\d{9}",
    "CH": r"CHE-\d{3}\.\d{3}\.\d{3} MWST",
    "DE": r"DE\d{9}",
    "ES": r"ESB\d{8}",
    "FR": r"FR\d{11}",
    "GB": r"GB\d{9}",
    "GR": r"EL\d{9}",
    "IT": r"IT\d{11}",
    "JP": r"T\d{13}",
    "NL": r"NL\d{9}B\d{2}",
    "PL": r"PL\d{10}",
    "SE": r"SE\d{10}01",
    "TR": r"TR\d{10}",
}


def test_vat_ids_have_their_countrys_shape() -> None:
    for customer in DEMO.customers:
        if customer.vat_id:
            assert re.fullmatch(VAT_SHAPES[customer.address_country], customer.vat_id), customer.vat_id
    for entity in DEMO.company.legal_entities:
        assert re.fullmatch(VAT_SHAPES[entity.address_country], entity.vat_id)


def test_contracts_begin_before_they_end_and_are_reviewed_in_between() -> None:
    live = [c for c in DEMO.customers if PLANS[c.account_number].stage is Stage.LIVE]

    for customer in live:
        start, end, review = customer.contract_start, customer.contract_end, customer.contract_review
        assert start is not None
        assert end is not None
        assert review is not None
        assert start <= review <= end
        assert start + timedelta(days=365) < ANCHOR < end
    assert [c.contract_start for c in DEMO.customers if c not in live and c.contract_start] == []


def test_whoever_is_to_go_live_has_everything_it_takes() -> None:
    for customer in DEMO.customers:
        if PLANS[customer.account_number].stage is Stage.LIVE:
            assert customer.registration_number
            assert customer.account_manager
            assert customer.contact_email
            assert customer.contact_phone
            assert customer.payment_terms_days


def test_status_is_prospect_exactly_while_the_stage_is_not_live() -> None:
    assert [p for p in PLANS.values() if (p.stage is Stage.LIVE) == (p.status is Status.PROSPECT)] == []
    assert {plan.status for plan in PLANS.values()} == set(Status)
    assert {plan.stage for plan in PLANS.values()} == set(Stage)
    assert any(plan.blocked_reason for plan in PLANS.values())
    assert [p for p in PLANS.values() if (p.status is Status.CHURNED) != bool(p.churn_reason)] == []


def test_account_managers_sell_in_their_customers_unit() -> None:
    staff = {person.email: person for person in DEMO.staff}
    units = {unit.name for unit in DEMO.company.business_units}

    for customer in DEMO.customers:
        assert customer.unit in units
        if customer.account_manager:
            assert customer.unit in staff[customer.account_manager].units
            assert staff[customer.account_manager].role in {"MANAGER", "AGENT"}
    assert {unit for person in DEMO.staff for unit in person.units} == units
    assert {person.role for person in DEMO.staff} == {"ADMIN", "MANAGER", "AGENT", "ANALYST"}


def test_customers_choose_from_the_companys_pick_lists_and_entities() -> None:
    lists = {name: set(entries) for name, entries in DEMO.company.pick_lists.items()}
    entities = {entity.name for entity in DEMO.company.legal_entities}

    assert {c.industry for c in DEMO.customers} <= lists["INDUSTRY"]
    assert {c.customer_group for c in DEMO.customers} <= lists["CUSTOMER_GROUP"]
    assert {c.source for c in DEMO.customers} <= lists["SOURCE"]
    assert {c.service_provision for c in DEMO.customers} <= lists["SERVICE_PROVISION"]
    assert {c.legal_entity for c in DEMO.customers} == entities
    assert {p.status_label: p.status for p in PLANS.values()}.items() <= {
        label.name: label.status for label in DEMO.company.status_labels
    }.items()


def iban_remainder(iban: str) -> int:
    """ISO 7064 mod 97-10: the remainder of a valid IBAN is 1."""
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97


def test_legal_entities_have_an_iban_with_a_right_checksum() -> None:
    for entity in DEMO.company.legal_entities:
        assert iban_remainder(entity.iban) == 1
        assert entity.iban[:2] == entity.bic[4:6] == entity.address_country
        assert re.fullmatch(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?", entity.bic)
        phone = phonenumbers.parse(entity.phone)
        assert phonenumbers.is_valid_number_for_region(phone, entity.address_country)


def test_activities_refer_to_people_who_are_there() -> None:
    staff = {person.email for person in DEMO.staff}
    contacts = {(c.account_number, c.contact_email) for c in DEMO.customers}
    contacts |= {(person.account_number, person.email) for person in DEMO.people}

    for activity in DEMO.activities:
        assert activity.staff_email in staff
        assert activity.account_number in CUSTOMERS
        if activity.contact_email:
            assert (activity.account_number, activity.contact_email) in contacts


def test_activities_lie_before_the_anchor_and_only_calls_and_meetings_last() -> None:
    for activity in DEMO.activities:
        assert activity.occurred_at.utcoffset() == timedelta(0)
        assert activity.occurred_at.date() < ANCHOR
        assert bool(activity.duration_minutes) == (activity.type in {"CALL", "MEETING"})
        assert activity.outcome in {None, "POSITIVE", "NEUTRAL", "NEGATIVE"}
        assert len(activity.title) <= 200
        assert "{" not in activity.title + (activity.description or "")
    assert {activity.type for activity in DEMO.activities} == {"CALL", "EMAIL", "MEETING", "NOTE", "TASK"}


def test_segments_are_static_with_members_or_dynamic_with_a_rule() -> None:
    units = {unit.name for unit in DEMO.company.business_units}

    assert {segment.type for segment in DEMO.segments} == {"STATIC", "DYNAMIC"}
    for segment in DEMO.segments:
        assert (segment.type == "DYNAMIC") == bool(segment.rule) == (not segment.members)
        assert set(segment.members) <= CUSTOMERS.keys()
        assert segment.unit in {None, *units}
        assert segment.unit is None or {CUSTOMERS[member].unit for member in segment.members} == {
            segment.unit
        }


def test_what_customers_say_reads_the_same_by_the_rules_of_the_importer() -> None:
    for customer in DEMO.customers:
        assert parse_email(customer.email) == customer.email
        assert parse_email(customer.contact_email) == customer.contact_email
        assert parse_country(customer.address_country) == customer.address_country
        assert parse_currency(customer.currency) == customer.currency
        assert parse_language(customer.language) == customer.language
        assert parse_text(customer.name) == customer.name
        assert parse_tags(customer.tags or "none") == (customer.tags or "none").split(",")
        for phone in filter(None, (customer.phone, customer.fax, customer.contact_phone)):
            assert parse_phone(phone, customer.address_country) == re.sub(r"[^+\d]", "", phone)
