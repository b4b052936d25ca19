"""The database keeps what the search goes by, whoever writes: contacts' names in their customer, and the words there are."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from factories import make_contact, make_customer, make_unit, make_user
from import_runs import import_file
from tortoise.connection import get_connection

from crm.contacts import service as contacts
from crm.contacts.models import Contact
from crm.customers import queries, words
from crm.customers.models import Customer
from crm.customers.search import search
from crm.imports.models import DuplicateRule
from crm.kernel import database
from crm.kernel.actor import Role, kith
from crm.kernel.settings import settings
from crm.kernel.transaction import transaction

pytestmark = pytest.mark.usefixtures("db")

_AS_IT_SHOULD_BE = """
select c.id from customer c where c.people is distinct from (
  select coalesce(string_agg(kith_person(k.name, k.email), '' order by k.id), '') from contact k where k.customer_id = c.id)
"""


async def _sql(sql: str, *values: Any) -> list[Any]:
    return (await get_connection("default").execute_query(sql, list(values)))[1]


async def _people(customer: Customer) -> str:
    assert await _sql(_AS_IT_SHOULD_BE) == []
    return str((await _sql("select people from customer where id = $1", customer.id))[0]["people"])


async def _known() -> list[str]:
    return [row["text"] for row in await _sql("select text from search_word order by text")]


async def _found(text: str) -> list[UUID]:
    return [customer.id for customer in await search(Customer.all(), text)]


async def test_contacts_are_found_as_they_are_called_now() -> None:
    admin = (await make_user(Role.ADMIN)).actor
    customer = await make_customer(name="Atlas")
    first = await contacts.create_contact(
        customer.id, {"name": "Ann Berg", "email": "ann@x.example"}, actor=admin
    )
    second = await contacts.create_contact(customer.id, {"name": "Bo", "email": "BO@x.example"}, actor=admin)
    assert await _people(customer) == f"Ann Berg ann@x.example\nBo {second.email}\n"

    await contacts.update_contact(
        first.id, {"name": "Ann Thal", "email": "thal@x.example"}, expected_version=None, actor=admin
    )
    assert [await _found(text) for text in ("berg", "ann@x", "thal", "thal@x")] == [
        [],
        [],
        [customer.id],
        [customer.id],
    ]

    await contacts.delete_contact(second.id, actor=admin)
    assert await _people(customer) == "Ann Thal thal@x.example\n"


async def test_whoever_writes_contacts_writes_their_customers() -> None:
    one, other = await make_customer(), await make_customer()
    for name in ("Ann", "Joann", "Bo"):
        await make_contact(one, name=name, email=f"{name}@x.example", is_primary=name == "Ann")
    assert await _people(one) == "Ann Ann@x.example\nJoann Joann@x.example\nBo Bo@x.example\n"

    await _sql("update contact set customer_id = $1, is_primary = true where name = 'Bo'", other.id)
    assert await _people(other) == "Bo Bo@x.example\n"
    assert await _people(one) == "Ann Ann@x.example\nJoann Joann@x.example\n"

    await _sql("update contact set name = upper(name)")
    assert await _people(one) == "ANN Ann@x.example\nJOANN Joann@x.example\n"
    await _sql("delete from contact where customer_id = $1", one.id)
    assert await _people(one) == ""
    await _sql("delete from customer where id = $1", other.id)
    assert await Contact.all().count() == 0


async def test_two_who_write_at_once_lose_nobody() -> None:
    customer = await make_customer()
    for name in ("Ann", "Bo"):
        await make_contact(customer, name=name, is_primary=name == "Ann")
    one, other = [await asyncpg.connect(**database.credentials(settings().database_url)) for _ in range(2)]
    begun = one.transaction()
    await begun.start()
    await one.execute("update contact set name = 'Anna' where name = 'Ann'")

    waiting = asyncio.create_task(other.execute("update contact set name = 'Bob' where name = 'Bo'"))
    await asyncio.wait({waiting}, timeout=0.3)
    assert not waiting.done()
    await begun.commit()
    await waiting

    assert "Anna " in await _people(customer)
    assert "Bob " in await _people(customer)
    await one.close()
    await other.close()


@pytest.mark.parametrize("rule", [DuplicateRule.CREATE_NEW, DuplicateRule.UPDATE])
async def test_an_import_writes_contacts_into_the_customers_it_makes(rule: DuplicateRule) -> None:
    """With or without prepared rows; the trigger finds nothing to add."""
    manager = await make_user(Role.MANAGER, [await make_unit()])
    rows = (
        *("Company,E-mail,Contact name,Contact e-mail", "A,a@x.example,Ann \\ O'Hara,ann@x.example"),
        *("B,b@x.example,,", "C,c@x.example,Élodie,elodie@x.example"),
    )

    await _sql("alter table contact disable trigger contact_insert_customer")
    try:
        done = await import_file("\n".join(rows).encode(), manager, duplicate_rule=rule)
    finally:
        await _sql("alter table contact enable trigger contact_insert_customer")

    assert done.created_count == len(rows) - 1
    assert await _sql(_AS_IT_SHOULD_BE) == []
    assert len(await _found("o'hara")) == len(await _found("elodie")) == 1


async def test_whatever_stands_between_words_parts_them() -> None:
    """Of each character of Unicode's first two planes: the quick way comes to the words of the plain one."""
    told = await _sql("""
        select n from generate_series(1, 131071) n cross join lateral (select 'a' || chr(n) || 'b' as text) t
         where n not between 55296 and 57343 and trim(regexp_replace(kith_words(text), ' +', ' ', 'g'))
               <> trim(regexp_replace(kith_fold(text), '[^[:alnum:]]+', ' ', 'g'))""")

    assert [chr(row["n"]) for row in told] == []


async def test_a_contact_of_a_crowd_is_found_by_a_filter_all_the_same() -> None:
    """Its words are not in the index, which takes no more of them."""
    customer = await make_customer()
    await make_contact(customer, name="Zaphod", email="zaphod@crowd.example")
    crowd = "left(people || repeat(md5(people) || ' x@crowd.example' || e'\\n', 5000), 300000) || people"
    await _sql(f"update customer set people = {crowd} where id = $1", customer.id)  # noqa: S608
    await _sql("update customer set people = substr(people, 100) where id = $1", customer.id)

    assert await _found("zaphod") == []
    for field, text in (("name", "aphod"), ("name", "Zaphod"), ("email", "zaphod@crowd")):
        rule = {"contacts": {"some": {field: {"contains": text}}}}
        assert [each.id for each in await queries.list_customers(kith(), rule=rule)] == [customer.id]


async def test_each_word_of_a_name_is_known_once() -> None:
    customer = await make_customer(name="Großbäckerei & Söhne", email="secret@host.example")
    await make_contact(customer, name="Ann Grossbackerei", email="ann@host.example")
    assert await _known() == ["grossbackerei", "sohne"]

    await _sql("update customer set name = 'Mühle'")
    await _sql("update contact set name = 'Ida Feldmann'")

    assert await _known() == ["feldmann", "grossbackerei", "muhle", "sohne"]


async def test_words_that_no_name_has_are_forgotten_another_night() -> None:
    customer = await make_customer(name="Mühle Nord")
    for name in ("Bäckerei", "Weide"):
        await _sql("update customer set name = $1", name)
    await _sweep()
    assert await _known() == ["backerei", "muhle", "nord", "weide"]
    await _sql("update customer set name = 'Mühle Weide'")

    assert await _known() == ["backerei", "muhle", "muhle", "nord", "weide"]
    await _sql("update search_word set unused_since = unused_since - $1::interval", timedelta(hours=2))
    await _sweep()

    assert await _known() == ["muhle", "muhle", "weide"]
    await _sweep()
    assert await _known() == ["muhle", "weide"]
    assert await _sql("select from search_word where unused_since is not null") == []
    assert await _found("uhle") == [customer.id]


async def test_a_word_that_came_back_is_kept() -> None:
    """Whoever wrote it may have seen the word before it was marked."""
    await make_customer(name="Mühle")
    await _sql("update search_word set unused_since = now() - interval '2 hours'")

    await _sweep()

    assert await _known() == ["muhle"]
    assert await _sql("select from search_word where unused_since is not null") == []


async def _sweep() -> None:
    """Two words at a time."""
    reached: str | None = ""
    while reached is not None:
        async with transaction():
            reached = await words.forget_unused(reached, 2)
