"""Running imports: duplicates inside and outside the file, who may change what, what is refused, what is kept."""

import csv
import io
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from factories import (
    make_contact,
    make_customer,
    make_live_customer,
    make_pick,
    make_unit,
    make_user,
)
from import_runs import account, import_file, preview, problems, start, work
from tortoise.connection import get_connection

from crm.audit.models import HistoryEntry
from crm.contacts.models import Contact
from crm.customers.models import Consent, Customer, Phase, PickList, RequiredField, Stage
from crm.imports import service
from crm.imports.configuring import Configuration
from crm.imports.errors import FileImportedBefore
from crm.imports.models import DuplicateKey, DuplicateRule, Import, ImportState
from crm.imports.rejected import LINE, REASONS
from crm.imports.rules import ALLOWED, Action, UnknownChoices
from crm.imports.views import ImportedRow
from crm.kernel import storage
from crm.kernel.actor import Role, Via
from crm.kernel.clock import now
from crm.kernel.errors import Forbidden, InvalidInput, InvalidTransition, NotFound, VersionConflict
from crm.kernel.models import OutboxJob

pytestmark = pytest.mark.usefixtures("db")

Setting = Callable[..., None]


def table(*rows: str) -> bytes:
    return "\n".join(rows).encode()


TWINS = table(
    "Company,E-mail,Account number,City",
    "First,a@x.example,A-1,Bath",
    "Second,A@X.example,A-2,",
    "Third,b@x.example,A-2,Ulm",
    "Fourth,b@x.example,,Oslo",
    "Fifth,c@x.example,A-1,Rome",
)


@pytest.mark.parametrize("rows", [1, 2, 100])
async def test_duplicates_inside_a_file_are_skipped_wherever_the_chunks_end(
    rows: int, setting: Setting
) -> None:
    setting(import_chunk_rows=rows)
    manager = await make_user(Role.MANAGER, [await make_unit()])

    done = await import_file(TWINS, manager)

    assert await account(done) == {2: "CREATED", 3: "SKIPPED", 4: "CREATED", 5: "SKIPPED", 6: "FAILED"}
    assert await problems(done) == [(6, "Account number", "ALREADY_TAKEN")]
    assert done.preview is not None
    assert (done.preview["created"], done.preview["skipped"], done.preview["failed"]) == (2, 2, 1)
    found = await Customer.all().order_by("name").values_list("name", "account_number")
    assert found == [("First", "A-1"), ("Third", "A-2")]


@pytest.mark.parametrize("rows", [1, 2, 100])
async def test_later_rows_of_a_file_change_what_earlier_ones_made(rows: int, setting: Setting) -> None:
    setting(import_chunk_rows=rows)
    manager = await make_user(Role.MANAGER, [await make_unit()])

    done = await import_file(TWINS, manager, duplicate_rule=DuplicateRule.UPDATE)

    assert await account(done) == {2: "CREATED", 3: "UPDATED", 4: "FAILED", 5: "CREATED", 6: "CREATED"}
    assert await problems(done) == [(4, "Account number", "ALREADY_TAKEN")]
    found = (
        await Customer.all()
        .order_by("name")
        .values_list("name", "email", "account_number", "address_city", "version")
    )
    assert found == [
        ("Fifth", "c@x.example", "A-1", "Rome", 1),
        ("Fourth", "b@x.example", None, "Oslo", 1),
        ("Second", "a@x.example", "A-2", "Bath", 2),
    ]
    assert done.preview is not None
    assert done.preview["failed"] in {1, 2}  # a preview does not follow numbers that rows give up


@pytest.mark.parametrize("rows", [1, 100])
async def test_create_new_looks_nothing_up_but_numbers_stay_unique(rows: int, setting: Setting) -> None:
    setting(import_chunk_rows=rows)
    manager = await make_user(Role.MANAGER, [await make_unit()])

    done = await import_file(TWINS, manager, duplicate_rule=DuplicateRule.CREATE_NEW)

    assert await account(done) == {2: "CREATED", 3: "CREATED", 4: "FAILED", 5: "CREATED", 6: "FAILED"}


async def test_update_changes_mapped_cells_that_are_not_empty_and_writes_history() -> None:
    unit = await make_unit()
    manager = await make_user(Role.MANAGER, [unit])
    industry = await make_pick(PickList.INDUSTRY, name="Coffee")
    kept = await make_customer(
        unit=unit, name="Old", email="a@x.example", phone="+4930901820", address_city="Ulm"
    )
    contact = await make_contact(kept, name="Ann", email="ann@x.example", title="Buyer")

    done = await import_file(
        table(
            "Company,E-mail,Phone,City,Industry,Marketing consent,Contact name,Contact e-mail,Contact title",
            "New,A@x.example,,Bath,coffee,GIVEN,Anna,ann@x.example,",
        ),
        manager,
        duplicate_rule=DuplicateRule.UPDATE,
    )

    after = await Customer.get(id=kept.id)
    assert await account(done) == {2: "UPDATED"}
    assert (after.name, after.phone, after.address_city, after.version) == ("New", "+4930901820", "Bath", 2)
    assert after.billing_city == "Bath"
    assert (after.industry_id, after.consent, after.consent_by_id) == (
        industry.id,
        Consent.GIVEN,
        manager.user.id,
    )
    changed = await Contact.get(id=contact.id)
    assert (changed.name, changed.title, changed.version) == ("Anna", "Buyer", 2)
    entries = await HistoryEntry.filter(customer_id=kept.id).order_by("id")
    assert [(e.action, e.via, e.user_id) for e in entries] == [
        ("update_customer", Via.IMPORT, manager.user.id),
        ("update_contact", Via.IMPORT, manager.user.id),
    ]
    told = {change["field"]: (change["before"], change["after"]) for change in entries[0].changes}
    assert told["name"] == ("Old", "New")
    assert told["industry"][1]["name"] == "Coffee"
    assert "billing_city" not in told
    assert entries[1].changes == [{"field": "name", "before": "Ann", "after": "Anna"}]


async def test_an_update_that_changes_nothing_leaves_the_customer_alone() -> None:
    unit = await make_unit()
    manager = await make_user(Role.MANAGER, [unit])
    kept = await make_customer(unit=unit, name="Same", email="a@x.example")

    done = await import_file(
        table("Company,E-mail", "Same,a@x.example"), manager, duplicate_rule=DuplicateRule.UPDATE
    )

    assert await account(done) == {2: "UPDATED"}
    assert (await Customer.get(id=kept.id)).version == 1
    assert not await HistoryEntry.exists(customer_id=kept.id)


async def test_a_created_customer_has_its_contact_its_history_and_its_defaults() -> None:
    unit = await make_unit()
    manager = await make_user(Role.MANAGER, [unit])
    goods = await make_pick(PickList.INVOICE_TYPE, name="Goods")

    await import_file(
        table(
            "Company;E-mail;Street;Contract value;Contract start;Invoice types;Contact name;Contact phone",
            "Acme;a@x.example;High Street 1;1.234,50;31.12.2026;Goods;Ann;+49 30 901820",
        ),
        manager,
    )

    made = await Customer.get(email="a@x.example").prefetch_related("invoice_types")
    assert (made.unit_id, made.stage, made.currency, made.language, made.billing_same) == (
        *(unit.id, Stage.PROSPECT, "EUR", "en"),
        True,
    )
    assert (made.billing_street, made.contract_value, made.contract_start) == (
        *("High Street 1", Decimal("1234.5")),
        date(2026, 12, 31),
    )
    assert [item.id for item in made.invoice_types] == [goods.id]
    assert (made.created_by_id, made.updated_by_id) == (manager.user.id, manager.user.id)
    person = await Contact.get(customer=made)
    assert (person.name, person.email, person.phone, person.is_primary) == (
        *("Ann", "a@x.example", "+4930901820"),
        True,
    )
    entry = await HistoryEntry.get(customer_id=made.id)
    told = {change["field"]: change["after"] for change in entry.changes}
    assert (entry.action, entry.via, told["contact_name"]) == ("create_customer", Via.IMPORT, "Ann")
    assert (told["contract_value"], told["contract_start"]) == ("1234.50", "2026-12-31")


async def test_an_agent_updates_only_customers_they_may_edit() -> None:
    unit = await make_unit()
    agent, colleague = await make_user(Role.AGENT, [unit]), await make_user(Role.AGENT, [unit])
    theirs = await make_customer(
        unit=unit, name="Theirs", email="t@x.example", account_manager=colleague.user
    )
    await make_customer(unit=unit, name="Own", email="o@x.example", account_manager=agent.user)
    await make_customer(unit=unit, name="Free", email="f@x.example")

    done = await import_file(
        table("Company,E-mail", "A,t@x.example", "B,o@x.example", "C,f@x.example", "D,n@x.example"),
        agent,
        duplicate_rule=DuplicateRule.UPDATE,
    )

    assert await account(done) == {2: "FAILED", 3: "UPDATED", 4: "UPDATED", 5: "CREATED"}
    assert await problems(done) == [(2, "E-mail", "FORBIDDEN")]
    assert (await Customer.get(id=theirs.id)).name == "Theirs"


async def test_a_live_customer_keeps_its_stage_and_its_contract_in_order() -> None:
    unit = await make_unit()
    manager = await make_user(Role.MANAGER, [unit])
    live = await make_live_customer(unit=unit, email="l@x.example")
    label = await make_pick(PickList.STATUS_LABEL, name="Fresh")

    done = await import_file(
        table(
            "Company,E-mail,Stage,Contract end,Status label",
            "A,l@x.example,QUALIFIED,,",
            "B,l@x.example,,2025-01-01,",
            "C,l@x.example,,,Fresh",
            "D,l@x.example,,2028-01-01,",
            "E,n@x.example,LIVE,,",
        ),
        manager,
        duplicate_rule=DuplicateRule.UPDATE,
    )

    assert await problems(done) == [
        (2, "Stage", "INVALID_TRANSITION"),
        (3, "Contract end", "CONTRACT_ENDS_BEFORE_START"),
        (3, None, "REVIEW_OUTSIDE_CONTRACT"),
        (4, "Status label", "LABEL_OF_OTHER_STATUS"),
        (5, None, "REVIEW_OUTSIDE_CONTRACT"),
        (6, "Stage", "INVALID_CHOICE"),
    ]
    after = await Customer.get(id=live.id)
    assert (after.stage, after.contract_end, after.version) == (Stage.LIVE, live.contract_end, 1)
    assert label.name == "Fresh"


async def test_several_customers_with_one_key_are_told_apart_by_nobody() -> None:
    unit = await make_unit()
    manager = await make_user(Role.MANAGER, [unit])
    for name in ("One", "Two"):
        await make_customer(unit=unit, name=name, email="a@x.example")

    done = await import_file(
        table("Company,E-mail", "Three,a@x.example"), manager, duplicate_rule=DuplicateRule.UPDATE
    )

    assert await problems(done) == [(2, "E-mail", "AMBIGUOUS_KEY")]
    assert await Customer.all().order_by("name").values_list("name", flat=True) == ["One", "Two"]


async def test_customers_may_swap_their_numbers() -> None:
    unit = await make_unit()
    manager = await make_user(Role.MANAGER, [unit])
    for number in (1, 2):
        await make_live_customer(
            unit=unit, name="Swap", email=f"{number}@x.example", account_number=f"A-{number}"
        )

    done = await import_file(
        table(
            "Company,E-mail,Account number",
            "Swap,1@x.example,A-3",
            "Swap,2@x.example,A-1",
            "Swap,1@x.example,A-2",
            "New,3@x.example,A-3",
        ),
        manager,
        duplicate_rule=DuplicateRule.UPDATE,
    )

    assert await account(done) == {2: "UPDATED", 3: "UPDATED", 4: "UPDATED", 5: "CREATED"}
    found = await Customer.all().order_by("email").values_list("account_number", "version")
    assert found == [("A-2", 3), ("A-1", 2), ("A-3", 1)]


async def test_customers_of_other_units_and_archived_ones_are_no_duplicates() -> None:
    unit, elsewhere = await make_unit(), await make_unit()
    manager = await make_user(Role.MANAGER, [unit])
    other = await make_customer(unit=elsewhere, name="Other", email="a@x.example", account_number="A-1")
    gone = await make_customer(
        unit=unit, name="Gone", email="b@x.example", account_number="A-2", archived_at="2026-01-01T00:00:00Z"
    )

    done = await import_file(
        table("Company,E-mail,Account number", "A,a@x.example,A-1", "B,b@x.example,A-2"),
        manager,
        duplicate_rule=DuplicateRule.UPDATE,
    )

    assert await account(done) == {2: "CREATED", 3: "CREATED"}
    assert (await Customer.get(id=other.id)).name == "Other"
    assert (await Customer.get(id=gone.id)).name == "Gone"


async def test_rows_may_be_matched_by_another_key_and_lack_what_a_new_customer_needs() -> None:
    unit = await make_unit()
    manager = await make_user(Role.MANAGER, [unit])
    kept = await make_customer(unit=unit, name="Kept", email="a@x.example", account_number="A-1")

    done = await import_file(
        table("Customer no,Company,E-mail,City", "A-1,,,Bath", "A-2,,,Ulm"),
        manager,
        duplicate_rule=DuplicateRule.UPDATE,
        duplicate_key=DuplicateKey.ACCOUNT_NUMBER,
    )

    assert await account(done) == {2: "UPDATED", 3: "FAILED"}
    assert await problems(done) == [(3, "Company", "REQUIRED"), (3, "E-mail", "REQUIRED")]
    assert (await Customer.get(id=kept.id)).address_city == "Bath"


async def test_fields_an_admin_requires_are_required_of_rows_too() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    await RequiredField.create(phase=Phase.CREATE, field="vat_id")
    unmapped = await start(table("Company,E-mail", "A,a@x.example"), manager)

    with pytest.raises(InvalidInput) as refused:
        await preview(unmapped, manager)
    done = await import_file(
        table("Company,E-mail,VAT id", "A,a@x.example,", "B,b@x.example,DE811907980"), manager
    )

    assert [(p.path, p.code) for p in refused.value.problems] == [
        (("mapping", "vat_id"), "REQUIRED_FIELD_NOT_MAPPED")
    ]
    assert await problems(done) == [(2, "VAT id", "REQUIRED")]
    assert await Customer.all().values_list("name", flat=True) == ["B"]


async def test_unknown_choices_cost_the_row_or_only_the_field() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    content = table("Company,E-mail,Industry", "A,a@x.example,Nonsense")

    strict = await import_file(content, manager)
    lenient = await import_file(content + b"\n", manager, unknown_choices=UnknownChoices.LEAVE_EMPTY)

    assert (strict.failed_count, await problems(strict)) == (1, [(2, "Industry", "UNKNOWN_CHOICE")])
    assert (lenient.created_count, await problems(lenient)) == (1, [(2, "Industry", "UNKNOWN_CHOICE")])
    assert (await Customer.get(email="a@x.example")).industry_id is None


async def test_managers_must_be_members_of_the_unit() -> None:
    unit = await make_unit()
    manager = await make_user(Role.MANAGER, [unit])
    outsider = await make_user(Role.AGENT, [await make_unit()])

    done = await import_file(
        table(
            "Company,E-mail,Account manager",
            f"A,a@x.example,{outsider.user.email}",
            f"B,b@x.example,{manager.user.email.upper()}",
        ),
        manager,
    )

    assert await problems(done) == [(2, "Account manager", "NOT_A_UNIT_MEMBER")]
    assert await Customer.all().values_list("account_manager_id", flat=True) == [manager.user.id]


async def test_the_rejected_rows_can_be_mended_and_imported_again() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    done = await import_file(
        table(
            "Company,E-mail,Description",
            "A,a@x.example,fine",
            '"=cmd()",nothing,"two\nlines"',
            "B,b@x.example",
            "C,c@x.example,x,surplus",
        ),
        manager,
    )
    assert done.rejected_key is not None

    content = await storage.get_bytes(done.rejected_key)
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))

    assert rows[0] == ["Company", "E-mail", "Description", LINE, REASONS]
    assert [(row[0], row[3]) for row in rows[1:]] == [("'=cmd()", "3"), ("B", "5"), ("C", "6")]
    assert rows[1][4].startswith("E-mail: ")
    mended = content.replace(b"nothing", b"d@x.example")
    again = await import_file(mended, manager)
    assert (again.created_count, again.failed_count) == (3, 0)
    assert LINE not in again.mapping
    assert await Customer.all().order_by("email").values_list("name", flat=True) == ["A", "B", "C", "=cmd()"]
    assert await Customer.get(name="=cmd()").values_list("description") == ("two\nlines",)


async def test_the_same_file_twice_needs_an_explicit_yes() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    await import_file(TWINS, manager)
    again = await preview(await start(TWINS, manager), manager)

    with pytest.raises(FileImportedBefore):
        await service.run_import(again.id, actor=manager.actor)
    assert (await Import.get(id=again.id)).state is ImportState.READY

    await service.run_import(again.id, confirm_repeat=True, actor=manager.actor)
    await work()
    assert (await Import.get(id=again.id)).skipped_count == 4


async def test_a_preview_counts_the_whole_file_and_writes_no_customer() -> None:
    unit = await make_unit()
    manager = await make_user(Role.MANAGER, [unit])
    await make_customer(unit=unit, email="c3@x.example")
    rows = [f"C{n},c{n}@x.example" if n % 10 else f"C{n},broken" for n in range(1, 1001)]

    ready = await preview(await start(table("Company,E-mail", *rows), manager), manager)

    stored = ready.preview or {}
    assert ready.state is ImportState.READY
    assert (stored["created"], stored["skipped"], stored["failed"]) == (899, 1, 100)
    assert ready.rows_total == 1000
    assert stored["codes"] == {"INVALID_EMAIL": 100}
    assert [row["line"] for row in stored["rows"]] == list(range(2, 22))
    assert stored["rows"][9]["problems"][0]["column"] == "E-mail"
    assert await Customer.all().count() == 1


async def test_an_unreadable_rest_of_a_file_fails_the_preview_with_its_line() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    rows = [f"C{n},c{n}@x.example" for n in range(20_000)]
    content = table("Company,E-mail", *rows, '"never closed,d@x.example', *rows)

    failed = await preview(await start(content, manager), manager)

    assert failed.state is ImportState.FAILED
    assert failed.failure is not None
    assert (failed.failure["code"], failed.failure["line"]) == ("UNCLOSED_QUOTE", 20_002)
    assert await Customer.all().count() == 0


@pytest.mark.parametrize(("state", "action"), [(state, action) for state in ImportState for action in Action])
async def test_each_state_allows_what_the_table_says_and_nothing_else(
    state: ImportState, action: Action
) -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    found = await start(TWINS, manager)
    ended = {"finished_at": now()} if not ALLOWED[state] else {}
    await Import.filter(id=found.id).update(state=state, **ended)
    promised = await OutboxJob.filter(kind__startswith="imports.").count()
    actions = {
        Action.CONFIGURE: lambda: service.configure_import(
            found.id, Configuration(duplicate_rule=DuplicateRule.UPDATE), actor=manager.actor
        ),
        Action.PREVIEW: lambda: service.preview_import(found.id, actor=manager.actor),
        Action.RUN: lambda: service.run_import(found.id, actor=manager.actor),
        Action.CANCEL: lambda: service.cancel_import(found.id, actor=manager.actor),
    }

    if action in ALLOWED[state]:
        assert (await actions[action]()).version == 2
        return
    with pytest.raises(InvalidTransition) as refused:
        await actions[action]()

    assert refused.value.allowed == tuple(each.value for each in ALLOWED[state])
    after = await Import.get(id=found.id)
    assert (after.state, after.version, after.duplicate_rule) == (state, 1, DuplicateRule.SKIP)
    assert await OutboxJob.filter(kind__startswith="imports.").count() == promised


async def test_others_imports_need_a_manager_and_other_units_are_not_there() -> None:
    unit = await make_unit()
    agent, colleague = await make_user(Role.AGENT, [unit]), await make_user(Role.AGENT, [unit])
    manager, stranger = (
        await make_user(Role.MANAGER, [unit]),
        await make_user(Role.MANAGER, [await make_unit()]),
    )
    analyst = await make_user(Role.ANALYST, [unit])
    found = await start(TWINS, agent)

    for person, refusal in ((colleague, Forbidden), (analyst, Forbidden), (stranger, NotFound)):
        with pytest.raises(refusal):
            await service.preview_import(found.id, actor=person.actor)
    with pytest.raises(Forbidden):
        await start(TWINS, analyst)
    with pytest.raises(NotFound):
        await start(TWINS, agent, unit_id=stranger.actor.unit_ids and next(iter(stranger.actor.unit_ids)))

    assert (await Import.get(id=found.id)).state is ImportState.UPLOADED
    assert await Import.all().count() == 1
    assert (await service.preview_import(found.id, actor=manager.actor)).state is ImportState.PREVIEWING


async def test_whoever_lost_their_rights_meanwhile_imports_nothing() -> None:
    agent = await make_user(Role.AGENT, [await make_unit()])
    found = await preview(await start(TWINS, agent), agent)
    await service.run_import(found.id, actor=agent.actor)
    agent.user.active = False
    await agent.user.save()

    await work()

    failed = await Import.get(id=found.id)
    assert failed.state is ImportState.FAILED
    assert failed.failure is not None
    assert failed.failure["code"] == "FORBIDDEN"
    assert await Customer.all().count() == 0


async def test_configuring_names_what_is_wrong_and_forgets_the_preview() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    found = await preview(await start(TWINS, manager), manager)

    with pytest.raises(InvalidInput) as refused:
        await service.configure_import(
            found.id,
            Configuration(
                mapping={"Company": "name", "E-mail": "nothing", "No such": "email", "City": "name"}
            ),
            actor=manager.actor,
        )
    with pytest.raises(VersionConflict):
        await service.configure_import(found.id, Configuration(), expected_version=1, actor=manager.actor)
    assert (await Import.get(id=found.id)).preview is not None
    changed = await service.configure_import(
        found.id, Configuration(mapping={"Company": "name"}), actor=manager.actor
    )

    assert {p.code for p in refused.value.problems} == {
        "UNKNOWN_COLUMN",
        "UNKNOWN_FIELD",
        "FIELD_MAPPED_TWICE",
    }
    assert (changed.state, changed.preview, changed.mapping) == (
        ImportState.UPLOADED,
        None,
        {"Company": "name"},
    )
    with pytest.raises(InvalidInput) as lacking:
        await service.preview_import(found.id, actor=manager.actor)
    assert [p.path for p in lacking.value.problems] == [("mapping", "email")]


async def test_another_way_of_reading_begins_with_another_mapping() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    found = await start(table("Company;E-mail", "A, B;a@x.example", "C, D;c@x.example"), manager)

    other = await service.configure_import(found.id, Configuration(has_header=False), actor=manager.actor)

    assert found.columns == ["Company", "E-mail"]
    assert other.columns == ["Column 1", "Column 2"]
    assert set(other.mapping) <= {"Column 1", "Column 2"}


async def test_cancelling_between_chunks_keeps_what_is_in(setting: Setting) -> None:
    setting(import_chunk_rows=10)
    manager = await make_user(Role.MANAGER, [await make_unit()])
    found = await preview(await start(TWINS, manager), manager)
    await service.run_import(found.id, actor=manager.actor)

    cancelled = await service.cancel_import(found.id, actor=manager.actor)
    await work()

    after = await Import.get(id=found.id)
    assert (cancelled.state, after.state, after.rows_done) == (
        ImportState.CANCELLED,
        ImportState.CANCELLED,
        0,
    )
    assert await Customer.all().count() == 0


async def test_checkpoints_advance_with_the_rows(setting: Setting) -> None:
    setting(import_chunk_rows=50)
    manager = await make_user(Role.MANAGER, [await make_unit()])
    rows = [f"C{n},c{n}@x.example,{'some words ' * 5}" for n in range(300)]

    done = await import_file(table("Company,E-mail,Description", *rows), manager)

    assert done.created_count == 300
    progress = await OutboxJob.filter(kind="event", payload__contains={"type": "CustomersImported"}).order_by(
        "id"
    )
    assert len(progress) > 3
    assert sum(job.payload["data"]["created"] for job in progress) == 300
    assert all(before.id < after.id for before, after in pairwise(progress))


async def test_rows_of_one_chunk_may_create_and_change_a_contact() -> None:
    unit = await make_unit()
    manager = await make_user(Role.MANAGER, [unit])
    kept = await make_customer(unit=unit, email="a@x.example")

    await import_file(
        table(
            "Company,E-mail,Contact name,Contact e-mail,Contact phone",
            "A,a@x.example,Ann,ann@x.example,",
            "A,a@x.example,Ann,ANN@x.example,+49 30 901820",
            "A,a@x.example,Bob,bob@x.example,",
        ),
        manager,
        duplicate_rule=DuplicateRule.UPDATE,
    )

    people = await Contact.filter(customer=kept).order_by("name").values_list("name", "phone", "is_primary")
    assert people == [("Ann", "+4930901820", True), ("Bob", None, False)]


async def test_an_import_leaves_the_search_indexes_with_nothing_to_file() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    rows = (f"Company {n},office{n}@x.example,Ann {n}" for n in range(300))

    await import_file(table("Company,E-mail,Contact name", *rows), manager)

    pages = "select gin_clean_pending_list($1::text::regclass) as pages"
    for index in ("customer_words", "search_word_parts"):
        _, found = await get_connection("default").execute_query(pages, [index])
        assert found[0]["pages"] == 0


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_the_account_has_each_line_however_the_file_is_cut(size: int, setting: Setting) -> None:
    setting(import_chunk_rows=size)
    manager = await make_user(Role.MANAGER, [await make_unit()])
    rows = [f"Company {n},{'nothing' if n % 5 == 3 else f'o{n % 8}@x.example'}" for n in range(20)]

    done = await import_file(table("Company,E-mail", *rows), manager)

    made = {row.customer_id for row in await ImportedRow.filter(run_id=done.id, outcome="CREATED")}
    met = {row.customer_id for row in await ImportedRow.filter(run_id=done.id, outcome="SKIPPED")}
    assert set(await account(done)) == set(range(2, 22))
    assert made == set(await Customer.all().values_list("id", flat=True))
    assert met <= made


async def test_ids_follow_the_names_of_a_chunk_and_the_account_the_lines() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    rows = ("Cora,c@x.example,Ann", "Bert,b@x.example,Bob", "Abel,a@x.example,Cid")

    done = await import_file(table("Company,E-mail,Contact name", *rows), manager)

    made = await Customer.all().order_by("id").values_list("name", flat=True)
    people = await Contact.all().order_by("id").values_list("name", flat=True)
    accounted = (
        await ImportedRow.filter(run_id=done.id).order_by("line").values_list("customer_id", flat=True)
    )
    assert made == ["Abel", "Bert", "Cora"]
    assert people == ["Cid", "Bob", "Ann"]
    assert [(await Customer.get(id=key)).name for key in accounted] == ["Cora", "Bert", "Abel"]
