"""A search among many customers: along the indexes, and of what very many have no more than a page needs.

docs/decisions/0024-pages-of-what-many-have.md
"""

import asyncio
import hashlib
import re
from collections import Counter
from typing import Any

import pytest
from factories import make_contact, make_customer, make_unit, make_user
from tortoise.connection import get_connection
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from crm.customers import ladder, queries, words
from crm.customers.models import Customer
from crm.customers.search import search
from crm.kernel import paging
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.transaction import transaction

pytestmark = pytest.mark.usefixtures("db")

TEXTS = ["n", "nova", "ova", "novass", "nova person", "person", "oth", "s", "example", "nova 1", "1"]
COMMON = """
insert into search_common (beginning, is_own)
select distinct word, $1::boolean from unnest(string_to_array($2, ' ')) word where $1 is not null
"""
DUE = "insert into letters_due (of, first, last) select 'customer', id, id from customer limit 1"


@pytest.mark.parametrize(
    ("many", "far", "is_own", "due"),
    [
        *((2000, 2000, None, False), (1, 2000, None, False), (4, 6, None, False)),
        *((2000, 2000, True, False), (2000, 6, True, False)),
        *((2000, 2000, False, False), (8, 2000, False, False), (2000, 6, False, False)),
        (2000, 2000, False, True),
    ],
)
async def test_a_page_that_is_found_sooner_is_the_same(
    many: int, far: int, *, is_own: bool | None, due: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However common a text is taken for, rightly or not, and whether what customers have themselves is filed or not."""
    monkeypatch.setattr(ladder, "_MANY", many)
    monkeypatch.setattr(ladder, "_FAR", far)
    monkeypatch.setattr(ladder, "_FAR_AT_FIRST", far)
    unit = await make_unit()
    for number in range(20):
        name = f"{('Other novas', 'Nova', 'Sand')[number % 3]} {number % 4}"
        customer = await make_customer(unit=unit, name=name, archived_at=now() if number == 7 else None)
        await make_contact(customer, name=f"{('Nova', 'Oth')[number % 2]} Person")
    connection = get_connection("default")
    await connection.execute_query(COMMON, [is_own, " ".join(TEXTS)])
    if due:
        await connection.execute_script(DUE)
    here = Customer.filter(unit_id=unit.id, archived_at__isnull=True)

    for text in TEXTS:
        straight = [customer.id for customer in await search(here, text)]
        assert len(straight) > 2, text
        for size in (1, 4, 7, 50):
            found = await _paged(search(here, text), size)
            assert [customer.id for customer in found] == straight, (text, size)


async def _paged(found: QuerySet[Customer], size: int) -> list[Customer]:
    """All of it, page after page, as an API reads them."""
    order = paging.order_of(found)
    walked: list[Customer] = []
    place: list[Any] | None = None
    while True:
        beyond = paging.beyond(order, place, backward=False) if place else Q()
        page = paging.next_rows(found, place, size).filter(beyond).order_by(*paging.forward_order(order))
        rows = await page.limit(size)
        if not rows:
            return walked
        walked += rows
        place = paging.decode_cursor(found, order, paging.encode_cursor(rows[-1], order), "after")


FILL = """
insert into customer (id, unit_id, name, email, phone, stage, status, billing_same, currency, consent, language)
select uuidv7(), $1, md5(n::text) || ' trading', md5((n + 7)::text) || '@x.example', '+49' || (3000000000 + n),
       'PROSPECT', 'PROSPECT', true, 'EUR', 'UNKNOWN', 'en' from generate_series(1, 50000) n
"""


async def test_fifty_thousand_customers_are_searched_through_the_indexes() -> None:
    unit = await make_unit()
    connection = get_connection("default")
    await connection.execute_query(FILL, [unit.id])
    await connection.execute_script("vacuum analyze customer")
    await connection.execute_script("vacuum analyze contact")
    here = Customer.filter(unit_id=unit.id, archived_at__isnull=True)

    by_words = ("quartz", "office@quartz.example", "quartz & 12")
    plans = {text: await _plan(search(here, text).limit(26)) for text in (*by_words, "0301234567")}
    for text, plan in plans.items():
        assert re.search(r"Bitmap Index Scan on customer_words\b.*\n *Index Cond: ", plan), (text, plan)
        assert "Seq Scan on customer" not in plan, (text, plan)
    for index in ("customer_phone", "customer_phone_begins"):
        assert re.search(rf"\b{index}\b", plans["0301234567"]), (index, plans)


@pytest.mark.parametrize("text", ["a", "trading"], ids=["names begin with it", "everybody has it"])
async def test_of_what_very_many_have_no_more_is_ranked_than_a_page(text: str) -> None:
    unit = await make_unit()
    await get_connection("default").execute_query(FILL, [unit.id])
    await get_connection("default").execute_script("vacuum analyze customer")
    found = search(Customer.filter(unit_id=unit.id, archived_at__isnull=True), text)

    plan = await _plan(paging.next_rows(found, None, 26).limit(26), "analyze")

    ranked = plan[plan.index("Sort Key: ") :].partition("Index Scan using customer_pkey")[2]
    assert re.search(r"actual time=\S+ rows=26\.00 ", ranked.splitlines()[0]), plan
    assert re.search(r"Index Scan using customer_(unit_)?name\b.*rows=26\.00 ", plan), plan


PERSONS = """
insert into contact (id, customer_id, name, email, is_primary, consent)
select uuidv7(), id, case when right(email, 19) < '4' then 'Marco' else 'Ann' end || ' ' || name, email, true, 'UNKNOWN'
  from customer;
delete from letters_due;
do $$ declare first uuid := '00000000-0000-0000-0000-000000000000'; last uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
begin perform kith_file_customer(first, last, 50000); end $$;
"""


async def test_what_very_many_have_is_counted_and_met_before_it_is_looked_for() -> None:
    unit = await make_unit()
    connection = get_connection("default")
    await connection.execute_query(FILL, [unit.id])
    await connection.execute_script(PERSONS)
    await make_customer(unit=unit, name="Quartz Marconi")
    for table in ("customer", "customer_letters"):
        await connection.execute_script(f"vacuum analyze {table}")
    here = Customer.filter(unit_id=unit.id, archived_at__isnull=True)
    straight = [c.name for c in await search(here, "marco").limit(26)]

    async with transaction():
        await words.count_common()

    _, rows = await connection.execute_query("select beginning, is_own from search_common")
    common = {row["beginning"]: row["is_own"] for row in rows}
    assert {"t", "trading", "x", "example", "a"} <= {word for word, is_own in common.items() if is_own}
    assert {"m", "marco", "ann"} <= {word for word, is_own in common.items() if not is_own}
    assert not {"quartz", "marconi", "radin"} & common.keys()
    for text in ("trading", "marco"):
        plan = await _plan(paging.next_rows(search(here, text), None, 26).limit(26), "analyze")
        looks = [line for line in plan.splitlines() if "Index Scan on customer_words" in line]
        assert looks, plan
        assert all("never executed" in line for line in looks), plan
    found = [c.name for c in await paging.next_rows(search(here, "marco"), None, 26).limit(26)]
    assert found == straight
    assert found[0] == "Quartz Marconi"


async def test_two_count_at_once_what_is_common(monkeypatch: pytest.MonkeyPatch) -> None:
    """After two imports, or at night: neither fails, and every beginning stands there once."""
    monkeypatch.setattr(words, "COMMON_FROM", 1)
    await make_contact(await make_customer(name="Müller Bäckerei"), name="Nancy Davolio")
    connection = get_connection("default")
    await connection.execute_script("analyze customer")

    async def count() -> None:
        async with transaction():
            await words.count_common()

    await asyncio.gather(count(), count(), count())

    rows = (await connection.execute_query("select beginning, is_own from search_common"))[1]
    common = {row["beginning"]: row["is_own"] for row in rows}
    assert common["muller"] is True
    assert common["davolio"] is False
    assert not {"", "avolio"} & common.keys()


async def test_what_is_common_is_counted_where_the_server_takes_few_customers_for_many() -> None:
    """Its statistics are from before they went."""
    connection = get_connection("default")
    await connection.execute_script("update pg_class set reltuples = 50000 where oid = 'customer'::regclass")

    async with transaction():
        await words.count_common()

    await connection.execute_script("analyze customer")
    assert (await connection.execute_query("select from search_common"))[1] == []


async def test_what_is_common_is_counted_anew_where_a_tenth_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "COMMON_FROM", 1)
    for number in range(10):
        await make_customer(name=f"Bäckerei {number}")
    connection = get_connection("default")
    await connection.execute_script("analyze customer")

    for new, counted in ((0, False), (1, True)):
        async with transaction():
            await words.count_common(new=new)
        found = (await connection.execute_query("select from search_common where beginning = 'backerei'"))[1]
        assert bool(found) is counted


async def test_of_few_customers_nothing_is_common() -> None:
    await make_customer(name="Müller Bäckerei")
    connection = get_connection("default")
    await connection.execute_script("insert into search_common values ('gone', true); analyze customer")

    async with transaction():
        await words.count_common()

    assert (await connection.execute_query("select from search_common"))[1] == []


NARROWED = [
    {"name": {"contains": "uartz tra"}},
    {"name": {"contains": "uartz"}},
    {"email": {"contains": "@quartz"}},
    {"email": {"contains": "a@quartz.exa"}},
    {"contacts": {"some": {"name": {"contains": "uartz"}}}},
    {"contacts": {"some": {"email": {"contains": "@quartz"}}}},
]


@pytest.mark.parametrize("rule", NARROWED, ids=str)
async def test_what_a_filter_looks_for_within_a_text_is_found_by_its_words(rule: dict[str, Any]) -> None:
    connection = get_connection("default")
    await connection.execute_query(FILL, [(await make_unit()).id])
    await connection.execute_script("vacuum analyze customer")
    admin = await make_user(Role.ADMIN)

    plan = await _plan(queries.list_customers(admin.actor, rule=rule).order_by().limit(50))

    assert "Bitmap Index Scan on customer_words" in plan, plan


ADDRESS = f"{hashlib.md5(b'15', usedforsecurity=False).hexdigest()}@x.example"
LOOKS = {
    "03000000007": {"customer_phone": 1, "customer_fax": 1},
    "03 00 00 00": {"customer_phone": 2, "customer_phone_begins": 1, "customer_fax": 3, "customer_words": 1},
    ADDRESS: {"customer_email": 1},
    f"a{ADDRESS}": {"customer_email": 1, "customer_words": 1},
    "quartz": {"customer_words": 2},
}


async def test_no_look_is_taken_that_is_not_needed() -> None:
    unit = await make_unit()
    connection = get_connection("default")
    await connection.execute_query(FILL, [unit.id])
    await make_customer(unit=unit, name="Quarz", fax="+4930101010")
    await connection.execute_script("vacuum analyze customer")

    taken = {text: Counter(await _looks_taken(search(Customer.all(), text))) for text in LOOKS}
    one_letter_right = Counter(await _looks_taken(search(Customer.all(), "quarz")))

    assert taken == LOOKS
    assert one_letter_right == {"customer_words": 1}


async def _looks_taken(query: Any) -> list[str]:
    plan = await _plan(query, "analyze")
    scans = (line for line in plan.splitlines() if "Index" in line and "never executed" not in line)
    # There are no fax numbers, so it is all one to the planner along which of their two indexes it finds none.
    index = re.compile(r" (?:on|using) (customer_(?:words|email|fax|phone(?:_begins)?))(?:_begins)?\b")
    return [each[1] for each in map(index.search, scans) if each]


async def _plan(query: Any, how: str = "costs") -> str:
    query._make_query()  # noqa: SLF001  Tortoise's own explain() binds no values
    sql, values = query.query.get_parameterized_sql()
    _, rows = await get_connection("default").execute_query(f"explain ({how}) {sql}", values)
    return "\n".join(row[0] for row in rows)
