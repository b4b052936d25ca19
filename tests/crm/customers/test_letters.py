"""Letters beside customers and contacts: filed with what is written, or behind it, and what is not filed yet is found, too."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest
from factories import make_contact, make_customer, make_unit, make_user
from import_runs import import_file
from tortoise.connection import get_connection

from crm.customers import letters, queries, words
from crm.customers.models import Customer
from crm.imports.models import DuplicateRule
from crm.kernel import database, jobs
from crm.kernel.actor import Role, kith
from crm.kernel.clock import now
from crm.kernel.models import JobState, OutboxJob
from crm.kernel.settings import settings
from crm.kernel.transaction import transaction
from workers import handlers
from workers.runner import perform

pytestmark = pytest.mark.usefixtures("db")

_WRONG = """
select id from customer c full join customer_letters l using (id)
 where (c.email, c.phone, c.website, c.account_number, c.registration_number, c.vat_id, c.external_id,
        c.address_city, c.address_state, c.address_postcode, c.language, c.sort_name || ' ' || kith_fold(c.email))
   is distinct from (l.email, l.phone, l.website, l.account_number, l.registration_number, l.vat_id, l.external_id,
        l.address_city, l.address_state, l.address_postcode, l.language, l.own)
union all
select id from contact k full join contact_letters l using (id)
 where (k.email, k.phone, k.title, k.department) is distinct from (l.email, l.phone, l.title, l.department)
"""
_THREE_HUNDRED = """
insert into customer (id, unit_id, name, email, billing_same, stage, status, currency, consent, language)
select uuidv7(), $1, 'N', n || '@x.example', true, 'PROSPECT', 'PROSPECT', 'EUR', 'UNKNOWN', 'en' from generate_series(1, 300) n
"""
_CHANGED = "update customer set website = 'https://b.example' where name = 'Company 9'"
_HEADINGS = "Company,E-mail,Website,City,Contact name,Contact e-mail,Contact title"


async def _sql(sql: str, *values: Any) -> list[Any]:
    return (await get_connection("default").execute_query(sql, list(values)))[1]


def _file(count: int, headings: str = _HEADINGS) -> bytes:
    rows = (
        f"Company {n},office@firm{n}.example,https://www.site{n}.example,{'Köln' if n % 2 else 'Bonn'}"
        f",Ann {n},ann@firm{n}.example,Buyer {n}"
        for n in range(count)
    )
    return "\n".join([headings, *rows]).encode()


async def _names(rule: dict[str, Any]) -> list[str]:
    return list(await queries.list_customers(kith(), rule=rule).values_list("name", flat=True))


async def _file_all(limit: int = 2000) -> None:
    rows: int | None = 0
    while rows is not None:
        async with transaction():
            rows = await letters.file_next(limit)
    assert await _sql("select id from letters_due") == []


@pytest.fixture
async def other(db: None) -> AsyncIterator[Any]:
    """Somebody else's connection."""
    connection = await asyncpg.connect(**database.credentials(settings().database_url))
    yield connection
    await connection.close()


async def test_what_is_written_one_by_one_has_its_letters_at_once() -> None:
    customer = await make_customer(website="https://old.example", address_city="Bonn")
    await make_contact(customer, title="Buyer")
    assert await _sql(_WRONG) == []

    await _sql("update customer set website = 'https://new.example', address_city = null")
    await _sql("update contact set title = 'Chef', phone = '+4930111'")
    assert await _sql(_WRONG) == []
    await _sql("update contact set id = uuidv7()")
    assert await _sql(_WRONG) == []
    await _sql("update customer set name = 'Łódź'")
    await customer.refresh_from_db()
    assert await _sql(_WRONG) == []
    assert [await _names({"website": {"contains": part}}) for part in ("old.", "new.")] == [
        [],
        [customer.name],
    ]

    await _sql("delete from contact")
    assert await _sql("select id from contact_letters") == []
    await customer.delete()
    assert await _sql("select id from customer_letters") == []
    assert await _sql("select id from letters_due") == []


@pytest.mark.parametrize("limit", [37, 2000])
async def test_an_import_is_found_before_it_is_filed_and_behind_it(limit: int) -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    rules: list[dict[str, Any]] = [
        {"website": {"contains": "SITE17"}},
        {"website": {"startsWith": "https://www.site29"}},
        {"contacts": {"some": {"title": {"contains": "yer 17"}}}},
        {"email": {"contains": "rm17"}},
        {"contacts": {"some": {"email": {"contains": "rm17"}}}},
    ]
    await import_file(_file(300), manager)
    counts = {row["of"] for row in await _sql("select of from letters_due")}
    before = [sorted(await _names(rule)) for rule in rules]

    await _file_all(limit)

    assert counts == {"customer", "contact"}
    assert before[0] == sorted(f"Company {n}" for n in (17, *range(170, 180)))
    assert [len(names) for names in before] == [11, 11, 11, 11, 11]
    assert [sorted(await _names(rule)) for rule in rules] == before
    assert await _sql(_WRONG) == []


async def test_what_changes_or_goes_before_it_is_filed_is_found_as_it_is() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    await import_file(_file(300), manager)

    await Customer.filter(name="Company 7").update(website="https://moved.example")
    await Customer.filter(name="Company 8").delete()
    for _ in range(2):
        assert await _names({"website": {"contains": "moved"}}) == ["Company 7"]
        assert await _names({"website": {"contains": "site7.example"}}) == []
        assert await _names({"website": {"contains": "site8.example"}}) == []
        await _file_all()
    assert await _sql(_WRONG) == []


async def test_an_import_that_changes_customers_changes_their_letters() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    await import_file(_file(300), manager)
    await _file_all()

    changed = _file(300).replace(b".example,K", b".example,Sankt K").replace(b"Buyer", b"Head")
    await import_file(changed, manager, duplicate_rule=DuplicateRule.UPDATE)

    assert await _sql(_WRONG) == []
    assert len(await _names({"city": {"contains": "kt kö"}})) == 150


async def test_who_files_waits_for_nobody_and_loses_nothing(other: Any) -> None:
    """A row that somebody is changing, and one that somebody is deleting."""
    manager = await make_user(Role.MANAGER, [await make_unit()])
    await import_file(_file(300), manager)
    due = await _sql("select * from letters_due order by id")
    for change in (_CHANGED, "delete from customer where name = 'Company 3'"):
        begun = other.transaction()
        await begun.start()
        await other.execute(change)

        with pytest.raises(asyncpg.LockNotAvailableError):
            async with transaction():
                await letters.file_next(2000)

        assert await _sql("select * from letters_due order by id") == due
        await begun.commit()

    await _file_all()
    assert await _names({"website": {"contains": "//b.ex"}}) == ["Company 9"]
    assert await _sql(_WRONG) == []


async def test_who_changes_what_is_being_filed_waits_and_changes_it(other: Any) -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    await import_file(_file(300), manager)

    async with transaction():
        await letters.file_next(2000)
        change = asyncio.create_task(other.execute(_CHANGED))
        done, _ = await asyncio.wait([change], timeout=0.3)
        assert not done
    await change
    await _file_all()

    assert await _names({"website": {"contains": "//b.ex"}}) == ["Company 9"]
    assert await _sql(_WRONG) == []


async def test_rows_that_are_rolled_back_leave_nothing_to_file(other: Any) -> None:
    unit = await make_unit()
    begun = other.transaction()
    await begun.start()
    await other.execute(_THREE_HUNDRED, unit.id)
    assert await other.fetchval("select count(*) from letters_due") == 1
    await begun.rollback()

    assert await _sql("select id from letters_due") == []
    assert not await OutboxJob.filter(kind=letters.FILE).exists()


async def test_the_job_is_promised_with_the_rows_and_files_once_it_is_quiet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(words, "COMMON_FROM", 1)
    handlers.load()
    manager = await make_user(Role.MANAGER, [await make_unit()])
    began = now()
    await import_file(_file(300), manager)

    promised = await _promised()
    assert timedelta(seconds=29) < promised.run_after - began < timedelta(seconds=60)
    await _work(promised)
    again = await _promised()
    noted: datetime = (await _sql("select max(noted_at) as at from letters_due"))[0]["at"]
    assert timedelta(seconds=19) < again.run_after - noted < timedelta(seconds=22)

    await _sql("update letters_due set noted_at = now() - interval '21 seconds'")
    await _sql("analyze customer")
    await _work(again)

    assert await _sql("select from search_common where beginning = 'company' and is_own")
    assert await _sql(_WRONG) == []
    assert await _sql("select id from letters_due") == []
    assert not await OutboxJob.filter(kind=letters.FILE, state=JobState.PENDING).exists()
    for index in ("customer_letters_parts", "customer_letters_own", "contact_letters_parts"):
        assert (await _sql("select gin_clean_pending_list($1::text::regclass) as n", index))[0]["n"] == 0
    counted = await _sql(
        "select 1 from pg_stats where tablename = 'customer_letters' and attname = 'website'"
    )
    assert len(counted) == 1


async def test_the_job_tries_again_while_somebody_writes(other: Any) -> None:
    handlers.load()
    manager = await make_user(Role.MANAGER, [await make_unit()])
    await import_file(_file(300), manager)
    await _sql("update letters_due set noted_at = now() - interval '21 seconds'")
    begun = other.transaction()
    await begun.start()
    await other.execute(_CHANGED)

    job = asyncio.create_task(_work(await _promised()))
    done, _ = await asyncio.wait([job], timeout=1)
    assert not done
    await begun.commit()
    await job

    assert await _sql(_WRONG) == []
    assert await _names({"website": {"contains": "//b.ex"}}) == ["Company 9"]


async def test_imports_without_a_pause_are_filed_after_ten_minutes() -> None:
    handlers.load()
    manager = await make_user(Role.MANAGER, [await make_unit()])
    await import_file(_file(300), manager)
    await _sql("update letters_due set noted_at = now() - interval '11 minutes' where of = 'customer'")

    await _work(await _promised())

    assert [row["of"] for row in await _sql("select of from letters_due")] == ["contact"]
    assert await OutboxJob.filter(kind=letters.FILE, state=JobState.PENDING).exists()


async def _promised() -> OutboxJob:
    return await OutboxJob.get(kind=letters.FILE, state=JobState.PENDING)


async def _work(promised: OutboxJob) -> None:
    await _sql("update outbox set run_after = now() where id = $1", promised.id)
    claim = await jobs.claim(promised.id)
    assert claim is not None
    await perform(claim)
    await promised.refresh_from_db()
    assert promised.state is JobState.DONE
