"""Search finds what people remember, in the order they expect, through the indexes."""

from dataclasses import dataclass
from typing import Any

import pytest
from factories import make_contact, make_customer, make_unit, make_user
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from tortoise.connection import get_connection

from crm.accounts.models import BusinessUnit
from crm.customers import queries
from crm.customers.ladder import RANK
from crm.customers.models import Customer
from crm.customers.search import named, search
from crm.kernel import paging
from crm.kernel.actor import Actor, Role
from crm.kernel.clock import now

pytestmark = pytest.mark.usefixtures("db")

PEOPLE = [
    ("Müller Bäckerei GmbH", "office@mueller.example", "+4930901820", ("Élodie Lefèvre", "+33142685300")),
    ("Siemens AG", "kontakt@siemens.example", "+498938035491", ("Bernd Schmidt", "+4917212345678")),
    ("Northwind Traders", "hello@northwind.example", "+12065550100", ("Nancy Davolio", "+12065559857")),
    ("Miller & Sons", "info@miller.example", "+442079460100", ("Jo Müller", None)),
    ("H&M 100% Wool_Shop", "shop@wool.example", "030123456", ("Østen Ås", "55512")),
    ("株式会社青空", "info@aozora.example", "+81312345678", ("山田太郎", None)),
    ("Zeta Technology Partners", "office@zeta.example", None, ("Anna Becker", None)),
]


async def _customers(unit: BusinessUnit) -> None:
    for name, email, phone, (person, number) in PEOPLE:
        customer = await make_customer(unit=unit, name=name, email=email, phone=phone)
        await make_contact(customer, name=person, phone=number)


async def _found(text: str) -> list[str]:
    return [customer.name for customer in await search(Customer.all(), text)]


EXPECTED = [
    ("mull", "Müller Bäckerei GmbH"),
    ("MÜLLER backerei", "Müller Bäckerei GmbH"),
    ("gmbh bäck", "Müller Bäckerei GmbH"),
    ("office@muel", "Müller Bäckerei GmbH"),
    ("elodie", "Müller Bäckerei GmbH"),
    ("Lefevre Bäckerei", "Müller Bäckerei GmbH"),
    ("siemnes", "Siemens AG"),
    ("simens", "Siemens AG"),
    ("schmit", "Siemens AG"),
    ("notrhwind", "Northwind Traders"),
    ("norhtwind traders", "Northwind Traders"),
    ("davoli nancy", "Northwind Traders"),
    ("tehcnology", "Zeta Technology Partners"),
    ("030 90 18 20", "Müller Bäckerei GmbH"),
    ("+49 (0)30/901820", "Müller Bäckerei GmbH"),
    ("0049-30-901820", "Müller Bäckerei GmbH"),
    ("0172 1234", "Siemens AG"),
    ("030 123 456", "H&M 100% Wool_Shop"),
    ("(206) 555-9857", "Northwind Traders"),
    ("100%", "H&M 100% Wool_Shop"),
    ("wool_", "H&M 100% Wool_Shop"),
    ("h&m", "H&M 100% Wool_Shop"),
    ("osten as", "H&M 100% Wool_Shop"),
    ("青空", "株式会社青空"),
    ("山田", "株式会社青空"),
    ("ze", "Zeta Technology Partners"),
]


async def test_people_find_whom_they_mean() -> None:
    await _customers(await make_unit())

    first = {text: (await _found(text))[:1] for text, _ in EXPECTED}

    assert first == {text: [name] for text, name in EXPECTED}


async def test_signs_of_patterns_and_of_sql_mean_themselves() -> None:
    await _customers(await make_unit())

    found = {
        text: await _found(text) for text in ("%", "100_", "__", "_sh", "l%r", "'; drop table customer; --")
    }

    wool = ["H&M 100% Wool_Shop"]
    assert found == {
        "%": wool,
        "100_": [],
        "__": [],
        "_sh": wool,
        "l%r": [],
        "'; drop table customer; --": [],
    }


async def test_what_is_not_there_is_not_found() -> None:
    await _customers(await make_unit())

    assert [await _found(text) for text in ("zzz", "müller northwind", "99999", "office@nobody")] == [[]] * 4


async def test_the_best_come_first() -> None:
    unit = await make_unit()
    await make_customer(unit=unit, name="Moeller AG", email="a@x.example")  # alike only
    contact = await make_customer(unit=unit, name="Atlas", email="b@x.example")
    await make_contact(contact, name="Ina Möller")
    within = await make_customer(unit=unit, name="Brot von Möller", email="c@x.example")
    begins = await make_customer(unit=unit, name="Möller Brot", email="d@x.example")

    found = await search(Customer.all(), "moller")

    assert [c.id for c in found] == [begins.id, within.id, contact.id]


async def test_of_what_is_alike_the_most_alike_comes_first() -> None:
    unit = await make_unit()
    for name in ("Meller AG", "Moellerei"):
        await make_customer(unit=unit, name=name)
    await make_contact(await make_customer(unit=unit, name="Atlas"), name="Ina Moelller")

    assert await _found("moeller") == ["Moellerei"]
    assert await _found("moellerr") == ["Moellerei", "Atlas"]


WHOLE_AND_PART = [
    ("info@x.example", ["Address", "Address of a person"]),
    ("INFO@X.Example", ["Address", "Address of a person"]),
    (" info@x.example ", ["Address", "Address of a person"]),
    ("x.example", ["Address", "Address of a person", "Longer address"]),
    ("info@x.exampl", ["Address", "Address of a person"]),
    ("reinfo", ["Longer address"]),
    ("@x.example", ["Address", "Address of a person", "Longer address"]),
    ("+49 (0)30 901820", ["Extension", "Fax", "Number", "Number of a person"]),
    ("030/901820", ["Extension", "Fax", "Number", "Number of a person"]),
    ("0049 30 901820", ["Extension", "Fax", "Number", "Number of a person"]),
    ("493090182", ["Extension", "Fax", "Number", "Number of a person"]),
    ("901820", ["Extension", "Fax", "Number", "Number of a person"]),
]


@pytest.mark.parametrize(("text", "names"), WHOLE_AND_PART)
async def test_a_whole_address_or_number_finds_those_who_have_it(text: str, names: list[str]) -> None:
    unit = await make_unit()
    await make_customer(unit=unit, name="Address", email="Info@x.example")
    await make_customer(unit=unit, name="Longer address", email="reinfo@x.example")
    await make_customer(unit=unit, name="Number", phone="+4930901820")
    await make_customer(unit=unit, name="Fax", fax="+4930901820")
    await make_customer(unit=unit, name="Extension", phone="+4930901820;ext=12")
    person = await make_customer(unit=unit, name="Address of a person")
    await make_contact(person, email="info@X.example")
    await make_contact(await make_customer(unit=unit, name="Number of a person"), phone="+4930901820")

    assert sorted(await _found(text)) == names


PARTS_OF_NUMBERS = [
    ("0172 1234", ["Mobile"]),
    ("+49 172 12", ["Mobile"]),
    ("345678", ["Mobile"]),
    ("0039 06 69", ["Rome"]),
    ("06 69", ["Rome"]),
    ("+1 206 555", ["Seattle"]),
    ("206 555", ["Seattle"]),
    ("+352 27", ["Luxembourg"]),
    ("27 00 11", ["Luxembourg"]),
    ("030 123", ["As it was typed"]),
    ("69812", []),
    ("atlas 0172 1234", []),
    ("person 1234", ["Mobile"]),
]


@pytest.mark.parametrize(("text", "names"), PARTS_OF_NUMBERS)
async def test_a_number_is_found_by_how_it_begins_and_ends(text: str, names: list[str]) -> None:
    unit = await make_unit()
    for name, phone in (
        ("Rome", "+390669812345"),
        ("Seattle", "+12065550100"),
        ("Luxembourg", "+35227001122"),
    ):
        await make_customer(unit=unit, name=name, phone=phone)
    await make_customer(unit=unit, name="As it was typed", fax="030123456")
    mobile = await make_customer(unit=unit, name="Mobile")
    await make_contact(mobile, name="Some person", phone="+4917212345678")
    await make_contact(mobile, name="Anna 1234")

    assert await _found(text) == names


async def test_every_country_can_be_called() -> None:
    """Those of phonenumbers are a part of those that are tried."""
    _, rows = await get_connection("default").execute_query("select kith_calling_codes() as code")

    tried = {row["code"] for row in rows}

    assert tried >= {str(code) for code in COUNTRY_CODE_TO_REGION_CODE}


async def test_what_is_within_a_word_of_a_name_is_found_beside_what_begins_one() -> None:
    unit = await make_unit()
    await make_customer(unit=unit, name="Großbäckerei Nord")
    await make_customer(unit=unit, name="Bäckerei Süd")
    await make_contact(await make_customer(unit=unit, name="Atlas"), name="Ida Feldbacker")

    assert await _found("backer") == ["Bäckerei Süd", "Großbäckerei Nord", "Atlas"]
    assert await _found("nord backerei") == ["Großbäckerei Nord"]
    assert await _found("ei") == []


async def test_signs_that_stand_alone_are_passed_over() -> None:
    await make_customer(unit=await make_unit(), name="Smith and Sons")

    assert await _found("smith & sons") == ["Smith and Sons"]
    assert await _found("&") == []


@dataclass(frozen=True)
class Rungs:
    """What is found by a text on two rungs, were the other not there."""

    text: str
    higher: dict[str, str]
    lower: dict[str, str]


RUNGS = {
    "address": Rungs("info@x.example", {"email": "info@x.example"}, {"email": "info@x.example.org"}),
    "number": Rungs("030 9018200", {"phone": "+49309018200"}, {"phone": "+493090182001"}),
    "word": Rungs("moller", {"name": "Möller"}, {"name": "Moeller AG"}),
    "words": Rungs("brot moller", {"name": "Möllers Brot"}, {"name": "Brot von Moeller"}),
}


@pytest.mark.parametrize("rungs", RUNGS.values(), ids=RUNGS)
@pytest.mark.parametrize("order", [None, ["-name"]], ids=["best first", "by name"])
async def test_what_is_out_of_reach_or_filtered_out_hides_nothing(
    rungs: Rungs, order: list[str] | None
) -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    lower = await make_customer(unit=unit, address_country="DE", **rungs.lower)
    foreign = await make_customer(address_country="DE", **rungs.higher)
    await make_customer(unit=unit, archived_at=now(), address_country="DE", **rungs.higher)
    await make_customer(unit=unit, address_country="FR", **rungs.higher)
    rule = {"country": {"eq": "DE"}}

    async def found(actor: Actor) -> list[Any]:
        listed = queries.list_customers(actor, rule=rule, search=rungs.text, order=order)
        assert await listed.count() == len(await listed)
        return [customer.id for customer in await listed]

    assert await found(agent.actor) == [lower.id]
    assert await found((await make_user(Role.ADMIN)).actor) == [foreign.id]
    await make_contact(lower, name="Möller Brot", email="info@x.example", phone="+49309018200")
    assert await found(agent.actor) == [lower.id]


@pytest.mark.parametrize("rungs", RUNGS.values(), ids=RUNGS)
async def test_a_higher_rung_is_enough(rungs: Rungs) -> None:
    unit = await make_unit()
    lower = await make_customer(unit=unit, **rungs.lower)
    assert [c.id for c in await search(Customer.all(), rungs.text)] == [lower.id]

    higher = await make_customer(unit=unit, **rungs.higher)

    assert [c.id for c in await search(Customer.all(), rungs.text)] == [higher.id]
    rest = Customer.exclude(id=higher.id)
    assert [c.id for c in await search(rest, rungs.text)] == [lower.id]


async def test_an_empty_search_lists_all_by_name() -> None:
    await _customers(await make_unit())

    assert await _found("  ") == sorted(name for name, *_ in PEOPLE)


async def test_search_stays_within_reach_and_out_of_the_archive() -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    mine = await make_customer(unit=unit, name="Orbit One")
    await make_customer(unit=unit, name="Orbit Two", archived_at=now())
    foreign = await make_customer(name="Orbit Three")
    await make_contact(foreign, name="Orbit Person")

    found = await queries.list_customers(agent.actor, search="orbit")

    assert [c.id for c in found] == [mine.id]


@pytest.mark.parametrize("text", ["nova", "novass"], ids=["letter by letter", "alike"])
async def test_pages_of_a_ranked_search_meet_every_customer_once(text: str) -> None:
    unit = await make_unit()
    for number in range(23):
        customer = await make_customer(
            unit=unit, name=f"{'Nova' if number % 3 else 'Other novas'} {number % 4}"
        )
        if number % 2:
            await make_contact(customer, name="Nova Person")
    everything = search(Customer.all(), text)
    order = paging.order_of(everything)
    straight = await everything

    walked: list[Any] = []
    page = await everything.limit(5)
    while page:
        walked += page
        values = paging.decode_cursor(everything, order, paging.encode_cursor(page[-1], order), "after")
        beyond = paging.beyond(order, values, backward=False)
        page = await everything.filter(beyond).order_by(*paging.forward_order(order)).limit(5)

    assert [c.id for c in walked] == [c.id for c in straight]
    assert len(walked) == 23
    assert len({getattr(c, RANK) for c in walked}) > 1


async def test_another_order_finds_the_same() -> None:
    await _customers(await make_unit())
    admin = await make_user(Role.ADMIN)

    found = await queries.list_customers(admin.actor, search="muller", order=["-name"])

    assert sorted(c.name for c in found) == sorted(await _found("muller"))
    assert [c.name for c in found] == sorted((c.name for c in found), reverse=True)


async def test_words_and_numbers_stand_together_each_as_a_word_or_as_a_phone_number() -> None:
    unit = await make_unit()
    await make_customer(unit=unit, name="Firma 90042")
    await make_customer(unit=unit, name="Firma Nord", phone="+4930190042")
    await make_customer(unit=unit, name="Firma West", fax="+4930290042")
    await make_contact(await make_customer(unit=unit, name="Firma Süd"), phone="+4930390042")
    await make_customer(unit=unit, name="Firma 77100 Ost", phone="+4930490042")
    both = await make_customer(unit=unit, name="Firma Mitte", phone="+4930590042", fax="+4930677100")
    await make_contact(both, name="Ada")
    await make_customer(unit=unit, name="Firma 771 Tor 001", phone="+4930790042")
    await make_customer(unit=unit, name="Laden 90042 77100")

    assert set(await _found("firma 90042")) == {
        *("Firma 90042", "Firma Nord", "Firma West", "Firma Süd", "Firma 77100 Ost", "Firma Mitte"),
        "Firma 771 Tor 001",
    }
    assert set(await _found("90042 firma 77100")) == {"Firma 77100 Ost", "Firma Mitte"}
    assert await _found("77100 ada 90042") == ["Firma Mitte"]
    assert await _found("firma 771-00 90042") == ["Firma Mitte"]  # as a word it would have to stand there so
    assert set(await _found("laden 77100 90042")) == {"Laden 90042 77100"}


@given(text=st.text(max_size=30) | st.text(alphabet="%_\\'\"${}()0123456789 ab", max_size=20))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_text_breaks_the_search(text: str) -> None:
    if not await Customer.exists():
        await make_customer(name="Any")
    admin = Actor(user_id=None, name="Ada", role=Role.ADMIN)

    await search(Customer.all(), text).limit(5)
    await Customer.filter(named(text)).limit(5)
    named_so = {"name": {"contains": text.replace("\0", "")}}  # a filter refuses zero bytes
    for rule in (named_so, {"contacts": {"some": named_so}}):
        await queries.list_customers(admin, rule=rule).limit(5)


async def test_a_text_without_accents_folds_as_the_dictionary_would() -> None:
    """kith_fold leaves the dictionary out for ASCII, which must change nothing."""
    texts = ["".join(map(chr, range(1, 128))), "Mixed CASE, 100%", ""]
    connection = get_connection("default")
    for text in [*texts, "Élodie Ærø ŁÓDŹ Straße"]:
        _, rows = await connection.execute_query(
            "select kith_fold($1) as folded, kith_unaccented($1) as looked_up, kith_fold(null) as nothing",
            [text],
        )
        assert rows[0]["folded"] == rows[0]["looked_up"]
        assert rows[0]["nothing"] is None
