"""The demo company's files, and real people's files where they are present: an exact account of every row."""

from csv import DictReader
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from factories import Person, make_legal_entity, make_pick, make_unit, make_user
from import_runs import account, import_file, preview, problems, run, start

from crm.accounts.models import BusinessUnit
from crm.contacts.models import Contact
from crm.customers.models import Customer, PickList
from crm.imports import service
from crm.imports.configuring import Configuration
from crm.imports.mapping import missing_required
from crm.imports.models import DuplicateRule
from crm.kernel.actor import Role
from crm.kernel.errors import InvalidInput
from demo import files

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"
UNIT = "Central and Northern Europe"
TODAY = date(2026, 6, 1)

pytestmark = pytest.mark.usefixtures("db")


async def demo_unit(name: str = UNIT) -> tuple[BusinessUnit, Person]:
    """The demo company as far as its customers' file names it."""
    unit = await make_unit(name=name)
    demo = files.load(TODAY)
    for member in demo.staff:
        if member.role is not Role.ADMIN and name in member.units:
            await make_user(Role.AGENT, [unit], name=member.name, email=member.email)
    customers = [customer for customer in demo.customers if customer.unit == name]
    lists = {
        PickList.INDUSTRY: {c.industry for c in customers},
        PickList.CUSTOMER_GROUP: {c.customer_group for c in customers},
        PickList.SOURCE: {c.source for c in customers},
        PickList.SERVICE_PROVISION: {c.service_provision for c in customers},
    }
    for pick_list, names in lists.items():
        for each in sorted(filter(None, names)):
            await make_pick(pick_list, name=each)
    for each in sorted({c.legal_entity for c in customers if c.legal_entity}):
        await make_legal_entity(name=each)
    return unit, await make_user(Role.MANAGER, [unit])


async def test_the_demo_customers_land_with_everything_their_file_says() -> None:
    unit, manager = await demo_unit()

    done = await import_file(files.customers_csv(TODAY, UNIT), manager)

    wanted = [c for c in files.load(TODAY).customers if c.unit == UNIT]
    assert (done.created_count, done.failed_count, await problems(done)) == (len(wanted), 0, [])
    first = wanted[0]
    kept = await Customer.get(email=first.email).prefetch_related(
        "industry", "account_manager", "legal_entity"
    )
    assert (kept.name, kept.unit_id, kept.account_number) == (first.name, unit.id, first.account_number)
    assert kept.industry is not None
    assert kept.industry.name == first.industry
    assert kept.account_manager is not None
    assert kept.account_manager.email == first.account_manager
    assert kept.contract_start == first.contract_start
    contact = await Contact.get(customer=kept)
    assert (contact.name, contact.is_primary) == (first.contact_name, True)
    assert await Contact.all().count() == sum(1 for c in wanted if c.contact_name)


@pytest.mark.parametrize("rule", list(DuplicateRule))
async def test_every_row_of_the_messy_file_comes_out_as_expected(rule: DuplicateRule) -> None:
    _, manager = await demo_unit()
    await import_file(files.customers_csv(TODAY, UNIT), manager)
    expected = files.messy_expectation()
    found = await start(files.messy_csv(), manager)

    await service.configure_import(
        found.id, Configuration(mapping=dict(expected.mapping), duplicate_rule=rule), actor=manager.actor
    )
    done = await run(found, manager)

    outcome = rule.value.lower()
    assert await account(done) == {row.line: getattr(row, outcome) for row in expected.rows}
    columns = {line: column for line, column, _ in await problems(done)}
    assert columns == {row.line: row.column for row in expected.rows if getattr(row, outcome) == "FAILED"}


def real(name: str) -> bytes:
    if not SHARED.is_dir():
        pytest.skip("the real-life CSV files are not beside this checkout")
    return (SHARED / name).read_bytes()


async def test_people_at_companies_import_with_the_suggested_mapping() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])

    done = await import_file(real("customers-1000.csv"), manager)

    assert list(done.mapping.values()).count("external_id") == 1
    assert (done.rows_done, done.created_count, done.failed_count) == (1000, 997, 3)
    assert {(column, code) for _, column, code in await problems(done)} == {("Country", "INVALID_COUNTRY")}
    assert await Customer.all().count() == await Contact.filter(is_primary=True).count() == 997


async def test_leads_import_once_their_sources_are_on_the_list() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    content = real("leads-100.csv")
    rejected = await import_file(content, manager)
    assert (rejected.created_count, rejected.failed_count) == (0, 100)
    assert {(column, code) for _, column, code in await problems(rejected)} == {("Source", "UNKNOWN_CHOICE")}

    for source in sorted({row["Source"] for row in DictReader(StringIO(content.decode()))}):
        await make_pick(PickList.SOURCE, name=source)
    done = await run(await start(content, manager), manager, confirm_repeat=True)

    assert (done.rows_done, done.failed_count) == (100, 0), await problems(done)


@pytest.mark.parametrize("name", ["northwind-customers.csv", "organizations-1000.csv"])
async def test_files_without_e_mail_addresses_are_told_so_plainly(name: str) -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    found = await start(real(name), manager)
    assert missing_required(found.mapping.values()) == ["email"]

    with pytest.raises(InvalidInput) as refused:
        await preview(found, manager)

    assert [(p.path, p.code, p.message) for p in refused.value.problems] == [
        (("mapping", "email"), "REQUIRED_FIELD_NOT_MAPPED", "E-mail is required: map a column on it.")
    ]
    assert await Customer.all().count() == 0
