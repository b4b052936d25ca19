"""Every guard of the database refuses what it is there for, whoever writes."""

# ruff: noqa: S608  every statement here is ours

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from factories import (
    make_activity,
    make_contact,
    make_customer,
    make_invoice,
    make_legal_entity,
    make_live_customer,
    make_pick,
    make_segment,
    make_unit,
    make_user,
)
from tortoise import Model

from crm.accounts.models import ApiToken, BusinessUnit, LoginAttempt, User
from crm.audit.models import HistoryEntry
from crm.customers.models import Customer, Phase, PickList, RequiredField, Status
from crm.imports.models import Import, ImportedRows, ImportProblem, ImportRejectedRow
from crm.invoices.models import (
    Delivery,
    EmailTemplate,
    Invoice,
    InvoiceLine,
    InvoiceState,
    InvoiceTax,
    NumberCounter,
    NumberSeries,
    Payment,
    PaymentMethod,
)
from crm.kernel.actor import Role, Via
from crm.kernel.clock import now
from crm.kernel.ids import uuid7
from crm.kernel.models import IdempotencyKey, OutboxJob
from tests.crm.guard_cases import (
    CHECKS,
    EXCLUSIONS,
    FREED_BY_ARCHIVING,
    MANAGERS,
    NAMED,
    SAYS,
    STILL_NAMED,
    TRIGGERS,
    UNIQUE,
    Case,
    Copy,
)
from tests.crm.guard_names import (
    ASKED_ONCE,
    CHECK_NAMES,
    EXCLUSION_NAMES,
    FOREIGN_KEY_NAMES,
    FOREIGN_KEYS,
    TRIGGER_NAMES,
    UNIQUE_NAMES,
    Connection,
    connect,
    foreign_key,
    names,
    table_of,
)

KEEPING = {
    *("outbox_ring", "outbox_ring_again", "activity_last", "activity_last_again"),
    *("customer_insert_words", "customer_update_words", "contact_insert_words", "contact_update_words"),
    *("contact_delete_people", "customer_delete_contacts"),
    *(
        "customer_insert_letters",
        "customer_update_letters",
        "contact_insert_letters",
        "contact_update_letters",
    ),
    "letters_due_promised",
}
"""Triggers that do something and refuse nothing; the tests of their rooms speak of them."""
ISSUED: dict[str, Any] = {
    "state": InvoiceState.SENT,
    "number": "INV-1",
    "number_year": 2026,
    "number_seq": 1,
    "issue_date": "2026-01-01",
    "due_date": "2026-01-31",
    "frozen": {},
    **dict.fromkeys(("lines_total", "net_total", "gross_total", "due_total"), 100),
}
FREE = {
    "customer": "stage <> 'LIVE'",
    "invoice": "state = 'DRAFT'",
    "invoice_line": "invoice_id in (select id from invoice where state = 'DRAFT')",
    "invoice_tax": "invoice_id in (select id from invoice where state = 'DRAFT')",
    "unit_membership": "user_id = (select id from staff_user where name = 'Outsider')",
}
"""Rows that no other guard keeps from being changed."""


@pytest.fixture(scope="module")
async def connection(database: str) -> AsyncIterator[Connection]:
    opened = await connect(database)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def world(_connected: None, connection: Connection) -> AsyncIterator[None]:
    """A row or two in every table."""
    unit, south = await make_unit(name="North"), await make_unit(name="South")
    agent = await make_user(Role.AGENT, [unit])
    await make_user(Role.AGENT, [south], name="Outsider")
    await make_user(Role.AGENT, [await make_unit(name="Lone")], name="Lone")
    await make_pick(PickList.INDUSTRY, name="Lone")
    await NumberSeries.filter(legal_entity=await make_legal_entity(name="Lone")).delete()
    user = agent.user
    later = now()
    await LoginAttempt.create(email_hash="hash", attempts=1)
    await ApiToken.create(user=user, name="Script", hint="kth_", token_hash="hash", expires_at=later)
    await RequiredField.create(phase=Phase.LIVE, field="website")
    industry = await make_pick(PickList.INDUSTRY)
    await make_pick(PickList.STATUS_LABEL, status=Status.ACTIVE)
    customer = await make_live_customer(unit=unit, manager=user, external_id="X1")
    await customer.invoice_types.add(industry)
    await make_customer(unit=unit, name="Prospect")
    contact = await make_contact(customer)
    await make_activity(customer, contact=contact, user=user)
    await make_segment(unit=unit, members=[customer])
    await make_segment(rule={})
    await _make_invoices(customer, user)
    await _make_import(unit, user)
    await OutboxJob.create(kind="work", dedupe_key="d", once_key="o")
    await HistoryEntry.create(
        subject_kind="cus", subject_id=customer.id, actor_name="Ada", via=Via.API, action="a"
    )
    await IdempotencyKey.create(caller="c", key="k", request_hash="h")
    yield
    tables = await names(
        connection, "select quote_ident(tablename) from pg_tables where schemaname = 'public'"
    )
    await connection.execute(f"truncate {', '.join(tables - {'tortoise_migrations'})}")


async def _make_invoices(customer: Customer, user: User) -> None:
    entity = await make_legal_entity()
    series = await NumberSeries.get(legal_entity=entity)
    await NumberCounter.create(series=series, year=2026)
    await EmailTemplate.create(legal_entity=entity, language="en", subject="Invoice", body="Here it is.")
    await _with_parts(await make_invoice(customer, entity=entity))
    issued = await _with_parts(await make_invoice(customer, entity=entity))
    await Invoice.filter(id=issued.id).update(**ISSUED)
    await Payment.create(
        invoice=issued,
        currency="EUR",
        amount=1,
        paid_on="2026-01-02",
        method=PaymentMethod.CASH,
        created_by=user,
    )
    await Delivery.create(invoice=issued, recipient="ada@customer.example", message_id="<1@kith.example>")


async def _with_parts(invoice: Invoice) -> Invoice:
    part: dict[str, Any] = {"invoice": invoice, "currency": invoice.currency, "tax_rate": 19}
    await InvoiceLine.create(**part, position=1, description="Work", quantity=1, unit_price=100)
    await InvoiceTax.create(invoice=invoice, currency=invoice.currency, category="S", rate=19)
    return invoice


async def _make_import(unit: BusinessUnit, user: User) -> None:
    run = await Import.create(
        unit=unit, filename="a.csv", storage_key="k", size=1, sha256="s", created_by=user
    )
    await ImportRejectedRow.create(run=run, line=2, cells=["a"])
    await ImportedRows.create(
        run=run, lines=[3, 5], outcomes=["CREATED", "SKIPPED"], customer_ids=[uuid7(), uuid7()]
    )
    await ImportProblem.create(run=run, line=2, code="REQUIRED", message="It is empty.")


async def _statement(connection: Connection, case: str | Copy) -> str:
    if isinstance(case, str):
        return case
    rows = await connection.fetch(
        "select column_name from information_schema.columns "
        "where table_schema = 'public' and table_name = $1 and is_generated = 'NEVER'",
        case.table,
    )
    changes = {"id": "uuidv7()"} | case.changes
    kept = [row[0] for row in rows if row[0] != "id" or case.table != "customer_invoice_type"]
    values = ", ".join(changes.get(column, f'"{column}"') for column in kept)
    columns = ", ".join(f'"{column}"' for column in kept)
    return f'insert into "{case.table}" ({columns}) select {values} from "{case.table}" where {case.where} limit 1'


async def _refused(connection: Connection, statement: str) -> asyncpg.IntegrityConstraintViolationError:
    """What PostgreSQL says, with deferred constraints asked at once. Nothing stays changed."""
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refusal:
        await _try(connection, statement)
    return refusal.value


async def _try(connection: Connection, *statements: str) -> str:
    """The last statement's answer, such as `UPDATE 1`. Nothing stays changed."""
    attempt = connection.transaction()
    await attempt.start()
    try:
        for statement in statements:
            answer: str = await connection.execute(statement)
        await connection.execute("set constraints all immediate")
        return answer
    finally:
        await attempt.rollback()


def _cases(cases: list[Case]) -> Any:
    return pytest.mark.parametrize(
        ("guard", "case"), cases, ids=[f"{name}-{n}" for n, (name, _) in enumerate(cases)]
    )


@_cases(CHECKS)
async def test_a_check_refuses(world: None, connection: Connection, guard: str, case: str | Copy) -> None:
    refusal = await _refused(connection, await _statement(connection, case))

    assert isinstance(refusal, asyncpg.CheckViolationError)
    assert refusal.constraint_name == SAYS.get(guard, guard)


@_cases(UNIQUE)
async def test_a_unique_index_refuses(
    world: None, connection: Connection, guard: str, case: str | Copy
) -> None:
    refusal = await _refused(connection, await _statement(connection, case))

    assert isinstance(refusal, asyncpg.UniqueViolationError)
    assert refusal.constraint_name == SAYS.get(guard, guard)


@_cases(EXCLUSIONS)
async def test_an_exclusion_refuses(
    world: None, connection: Connection, guard: str, case: str | Copy
) -> None:
    refusal = await _refused(connection, await _statement(connection, case))

    assert isinstance(refusal, asyncpg.ExclusionViolationError)
    assert refusal.constraint_name == guard


@_cases(MANAGERS)
async def test_a_manager_is_a_member_of_the_customers_unit(
    world: None, connection: Connection, guard: str, case: str | Copy
) -> None:
    refusal = await _refused(connection, await _statement(connection, case))

    assert isinstance(refusal, asyncpg.ForeignKeyViolationError)
    assert refusal.constraint_name == SAYS.get(guard, guard)


@pytest.mark.parametrize(
    ("guard", "name", "case"), NAMED, ids=[f"{each[1]}-{n}" for n, each in enumerate(NAMED)]
)
async def test_a_row_names_what_is_there(
    world: None, connection: Connection, guard: str, name: str, case: str | Copy
) -> None:
    statement = await _statement(connection, case)
    table = await connection.fetchval(
        "select tgrelid::regclass::text from pg_trigger where tgname = $1", guard
    )

    refusal = await _refused(connection, statement)
    answer = await _try(connection, f"alter table {table} disable trigger {guard}", statement)

    assert isinstance(refusal, asyncpg.ForeignKeyViolationError)
    assert refusal.constraint_name == name
    assert name in ASKED_ONCE
    assert not answer.endswith(" 0")


async def test_a_manager_moves_with_the_customer(world: None, connection: Connection) -> None:
    """Unit and manager change together: it is the new pair that counts."""
    there = "(select unit_id from unit_membership m join staff_user u on u.id = m.user_id where u.name = 'Outsider')"
    manager = "(select id from staff_user where name = 'Outsider')"
    both = f"update customer set unit_id = {there}, account_manager_id = {manager}"

    assert await _try(connection, both) == "UPDATE 2"


async def test_one_row_of_many_that_names_what_is_not_there_is_refused(
    world: None, connection: Connection
) -> None:

    rows = "insert into customer ({0}) select {1} from customer c, generate_series(1, 20) n where c.stage <> 'LIVE'"
    columns = await names(
        connection,
        "select column_name from information_schema.columns "
        "where table_schema = 'public' and table_name = 'customer' and is_generated = 'NEVER'",
    )
    changes = {
        "id": "uuidv7()",
        "industry_id": "case when n = 20 then {}::uuid end",
        "source_id": "case when n = 3 then (select id from pick_list_item where name = 'Lone') end",
    }
    there = "(select id from pick_list_item where name = 'Lone')"
    nowhere = "'00000000-0000-7000-8000-000000000000'"
    statement = rows.format(
        ", ".join(columns), ", ".join(changes.get(column, f"c.{column}") for column in columns)
    )

    refusal = await _refused(connection, statement.format(nowhere))

    assert refusal.constraint_name == "customer_industry_id_fkey"
    assert await _try(connection, statement.format(there)) == "INSERT 0 20"


@pytest.mark.parametrize(("guard", "name", "statement"), STILL_NAMED)
async def test_what_rows_name_stays(
    world: None, connection: Connection, guard: str, name: str, statement: str
) -> None:
    lone = "(select id from {} where name = 'Lone')"
    alone = ";".join(
        f"delete from {table} where {column} = {lone.format(named)}"
        for table, column, named in (
            ("unit_membership", "user_id", "staff_user"),
            ("login", "user_id", "staff_user"),
        )
    )
    unnamed = await _try(connection, alone, statement)

    with pytest.raises(asyncpg.ForeignKeyViolationError) as refusal:
        await _try(connection, alone, name, statement)

    assert unnamed.endswith(" 1")
    assert refusal.value.constraint_name == guard


_LEAVING = "(select id from {} where name = 'Leaving')"
_USER = _LEAVING.format("staff_user")
GOING = {
    "a unit": (
        {"unit_id": _LEAVING.format("business_unit")},
        "delete from business_unit where name = 'Leaving'",
    ),
    "a choice": (
        {"source_id": _LEAVING.format("pick_list_item")},
        "delete from pick_list_item where name = 'Leaving'",
    ),
    "an entity": (
        {"legal_entity_id": _LEAVING.format("legal_entity")},
        "delete from legal_entity where name = 'Leaving'",
    ),
    "a user": ({"consent_by_id": _USER}, "delete from staff_user where name = 'Leaving'"),
    "a membership": ({"account_manager_id": _USER}, f"delete from unit_membership where user_id = {_USER}"),
}
"""What a prospect comes to name, and what deletes that."""


@pytest.fixture
async def naming(world: None, connection: Connection, database: str) -> AsyncIterator[Connection]:
    """A second connection, and one of each that nobody names yet."""
    before = await connection.fetchrow("select * from customer where stage <> 'LIVE'")
    assert before is not None
    await make_unit(name="Leaving")
    await make_user(Role.AGENT, [await BusinessUnit.get(id=before["unit_id"])], name="Leaving")
    await make_pick(PickList.SOURCE, name="Leaving")
    await NumberSeries.filter(legal_entity=await make_legal_entity(name="Leaving")).delete()
    opened = await connect(database)
    yield opened
    await opened.close()
    await connection.execute("delete from customer where stage <> 'LIVE' and id <> $1", before["id"])
    columns = [column for changes, _ in GOING.values() for column in changes]
    sets = ", ".join(f"{column} = ${n}" for n, column in enumerate(columns, 2))
    await connection.execute(
        f"update customer set {sets} where id = $1", before["id"], *(before[column] for column in columns)
    )
    for table in ("business_unit", "staff_user", "pick_list_item", "legal_entity"):
        await connection.execute(f"delete from {table} where name = 'Leaving'")


@pytest.fixture(params=["insert", "update"])
async def naming_statement(request: pytest.FixtureRequest, connection: Connection, what: str) -> str:
    changes, _ = GOING[what]
    if request.param == "insert":
        return await _statement(connection, Copy("customer", "stage <> 'LIVE'", changes))
    sets = ", ".join(f"{column} = {value}" for column, value in changes.items())
    return f"update customer set {sets} where stage <> 'LIVE'"


@pytest.mark.parametrize("what", GOING)
async def test_what_goes_waits_for_who_names_it(
    connection: Connection, naming: Connection, naming_statement: str, what: str
) -> None:
    _, goes = GOING[what]

    async with naming.transaction():
        await naming.execute(naming_statement)
        going = asyncio.create_task(connection.execute(goes))
        await asyncio.sleep(0.2)
        assert not going.done()

    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await going


@pytest.mark.parametrize("what", GOING)
async def test_who_names_it_waits_for_what_goes(
    connection: Connection, naming: Connection, naming_statement: str, what: str
) -> None:
    _, goes = GOING[what]

    async with connection.transaction():
        await connection.execute(goes)
        names_it = asyncio.create_task(naming.execute(naming_statement))
        await asyncio.sleep(0.2)
        assert not names_it.done()

    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await names_it


@pytest.fixture
async def leaving(naming: Connection) -> str:
    """A customer without contacts."""
    return str((await make_customer(unit=await BusinessUnit.get(name="North"), name="Leaving")).id)


async def test_a_customer_goes_with_the_contact_that_it_waited_for(
    connection: Connection, naming: Connection, leaving: str
) -> None:
    async with naming.transaction():
        await naming.execute(await _statement(connection, _contact_of(leaving)))
        going = asyncio.create_task(connection.execute("delete from customer where id = $1", leaving))
        await asyncio.sleep(0.2)
        assert not going.done()

    assert await going == "DELETE 1"
    assert await connection.fetchval("select count(*) from contact where customer_id = $1", leaving) == 0


async def test_a_contact_waits_for_its_customer_that_goes(
    connection: Connection, naming: Connection, leaving: str
) -> None:
    statement = await _statement(connection, _contact_of(leaving))
    async with connection.transaction():
        await connection.execute("delete from customer where id = $1", leaving)
        names_it = asyncio.create_task(naming.execute(statement))
        await asyncio.sleep(0.2)
        assert not names_it.done()

    with pytest.raises(asyncpg.ForeignKeyViolationError) as refusal:
        await names_it
    assert refusal.value.constraint_name == "contact_customer_id_fkey"


def _contact_of(customer: str) -> Copy:
    return Copy("contact", "is_primary", {"customer_id": f"'{customer}'"})


@_cases(TRIGGERS)
async def test_a_trigger_refuses(world: None, connection: Connection, guard: str, case: str | Copy) -> None:
    refusal = await _refused(connection, await _statement(connection, case))

    assert isinstance(refusal, asyncpg.CheckViolationError)
    assert refusal.constraint_name == SAYS.get(guard, guard)


@_cases(FREED_BY_ARCHIVING)
async def test_what_is_archived_frees_its_unique_values(
    world: None, connection: Connection, guard: str, case: Copy
) -> None:
    refusal = await _refused(connection, await _statement(connection, case))
    anew = Copy(case.table, case.where, case.changes | {"archived_at": "null"})
    answer = await _try(
        connection, f"update {case.table} set archived_at = now()", await _statement(connection, anew)
    )

    assert refusal.constraint_name == SAYS.get(guard, guard)
    assert answer == "INSERT 0 1"


@pytest.mark.parametrize(
    ("model", "relation"), FOREIGN_KEYS, ids=lambda value: getattr(value, "__name__", value)
)
async def test_a_foreign_key_refuses_what_is_not_there(
    world: None, connection: Connection, model: type[Model], relation: str
) -> None:
    table, column = table_of(model), f"{relation}_id"
    name = (await foreign_key(connection, table, column))["conname"]
    others = "select 1" if name in ASKED_ONCE else f'alter table "{table}" disable trigger user'

    with pytest.raises(asyncpg.ForeignKeyViolationError) as refusal:
        await _try(
            connection,
            others,
            f"update \"{table}\" set {column} = '{uuid7()}' where {FREE.get(table, 'true')}",
        )

    assert refusal.value.constraint_name == name


def test_every_guard_has_a_case() -> None:
    assert {name for name, _ in CHECKS} == CHECK_NAMES
    assert {name for name, _ in UNIQUE} == UNIQUE_NAMES
    assert {name for name, _ in EXCLUSIONS} == EXCLUSION_NAMES
    assert {name for name, _ in MANAGERS} == FOREIGN_KEY_NAMES
    named = {name for name, _, _ in (*NAMED, *STILL_NAMED)}
    assert {name for name, _ in TRIGGERS} | named == TRIGGER_NAMES - KEEPING
