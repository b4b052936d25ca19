"""Creating and changing customers: who may, what is refused, and what history and listeners are told."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from factories import make_customer, make_legal_entity, make_live_customer, make_pick, make_unit, make_user

from crm.accounts.errors import UnitArchived
from crm.accounts.models import UnitMembership
from crm.audit.models import HistoryEntry
from crm.contacts.models import Contact
from crm.customers import service
from crm.customers.errors import CustomerArchived
from crm.customers.models import Consent, Customer, PickList, Status
from crm.kernel.actor import Actor, Role, Scope
from crm.kernel.clock import now
from crm.kernel.errors import DomainError, DuplicateRecord, Forbidden, InvalidInput, NotFound, VersionConflict
from crm.kernel.ids import Kind, encode, uuid7
from crm.kernel.models import OutboxJob

pytestmark = pytest.mark.usefixtures("db")

NEW = {"name": "Ada Ltd", "email": "office@ada.example"}


async def _changes() -> dict[str, tuple[Any, Any]]:
    entry = await HistoryEntry.all().order_by("-created_at", "-id").first()
    assert entry is not None
    return {c["field"]: (c["before"], c["after"]) for c in entry.changes}


async def _untouched(customer: Customer) -> bool:
    row = await Customer.get(id=customer.id)
    told = await HistoryEntry.exists() or await OutboxJob.exists()
    return dict(row) == dict(customer) and not told


def _codes(error: pytest.ExceptionInfo[InvalidInput]) -> set[tuple[str, str]]:
    return {(".".join(p.path), p.code) for p in error.value.problems}


async def test_a_new_customer_is_a_prospect_of_the_agents_unit_with_a_history() -> None:
    unit = await make_unit(name="North")
    agent = await make_user(Role.AGENT, [unit])
    industry = await make_pick(PickList.INDUSTRY, name="Textiles")

    customer = await service.create_customer(
        {**NEW, "industry_id": industry.id, "address_city": "Kiel", "consent": "GIVEN"}, actor=agent.actor
    )

    row = await Customer.get(id=customer.id)
    assert (row.unit_id, row.status, row.version) == (unit.id, Status.PROSPECT, 1)
    assert (row.created_by_id, row.consent_by_id, row.billing_city) == (agent.user.id, agent.user.id, "Kiel")
    assert row.consent_at is not None
    changes = await _changes()
    assert changes["industry"] == (None, {"id": encode(Kind.PICK_LIST_ITEM, industry.id), "name": "Textiles"})
    assert changes["unit"][1]["name"] == "North"
    assert changes["address_city"] == (None, "Kiel")
    assert "billing_city" not in changes
    event = (await OutboxJob.get()).payload
    assert (event["type"], event["data"]["action"]) == ("CustomerChanged", "create_customer")
    assert "industry" in event["data"]["fields"]


async def test_everything_wrong_with_a_new_customer_is_named_at_once() -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    source = await make_pick(PickList.SOURCE)
    archived = await make_pick(PickList.INDUSTRY, archived_at=now())
    active = await make_pick(PickList.STATUS_LABEL, status=Status.ACTIVE)
    stranger = await make_user(Role.AGENT, [await make_unit()])

    with pytest.raises(InvalidInput) as refusal:
        await service.create_customer(
            {
                "email": "nobody",
                "industry_id": archived.id,
                "source_id": uuid7(),
                "customer_group_id": source.id,
                "status_label_id": active.id,
                "account_manager_id": stranger.user.id,
                "service_manager_id": uuid7(),
                "legal_entity_id": uuid7(),
                "invoice_type_ids": [source.id],
                "discount_percent": "5",
                "discount_amount": "5",
            },
            actor=agent.actor,
        )

    assert _codes(refusal) == {
        ("name", "REQUIRED"),
        ("email", "INVALID_EMAIL"),
        ("industryId", "PICK_LIST_ITEM_ARCHIVED"),
        ("sourceId", "NOT_FOUND"),
        ("customerGroupId", "NOT_FOUND"),
        ("statusLabelId", "LABEL_OF_OTHER_STATUS"),
        ("accountManagerId", "NOT_A_UNIT_MEMBER"),
        ("serviceManagerId", "NOT_A_UNIT_MEMBER"),
        ("legalEntityId", "NOT_FOUND"),
        ("invoiceTypeIds", "NOT_FOUND"),
        ("discount", "TWO_DISCOUNTS"),
    }
    assert not await Customer.exists()
    assert not await HistoryEntry.exists()


async def test_who_is_in_several_units_says_which() -> None:
    units = [await make_unit(), await make_unit()]
    agent = await make_user(Role.AGENT, units)

    with pytest.raises(InvalidInput) as refusal:
        await service.create_customer(NEW, actor=agent.actor)
    created = await service.create_customer(NEW, unit_id=units[1].id, actor=agent.actor)

    assert _codes(refusal) == {("unitId", "REQUIRED")}
    assert created.unit_id == units[1].id


async def test_a_unit_out_of_reach_is_not_there_and_an_archived_one_takes_nobody() -> None:
    agent = await make_user(Role.AGENT, [await make_unit()])
    admin = await make_user(Role.ADMIN)
    archived = await make_unit(archived_at=now())

    with pytest.raises(NotFound):
        await service.create_customer(NEW, unit_id=(await make_unit()).id, actor=agent.actor)
    with pytest.raises(NotFound):
        await service.create_customer(NEW, unit_id=uuid7(), actor=admin.actor)
    with pytest.raises(UnitArchived):
        await service.create_customer(NEW, unit_id=archived.id, actor=admin.actor)

    assert not await Customer.exists()


async def test_analysts_and_read_only_tokens_create_nothing() -> None:
    unit = await make_unit()
    analyst = await make_user(Role.ANALYST, [unit])
    token = Actor(analyst.user.id, "Token", Role.MANAGER, frozenset({unit.id}), scope=Scope.READ)

    for actor in (analyst.actor, token):
        with pytest.raises(Forbidden):
            await service.create_customer(NEW, actor=actor)

    assert not await Customer.exists()


@pytest.mark.parametrize(
    ("column", "path"), [("account_number", "accountNumber"), ("external_id", "externalId")]
)
async def test_a_taken_number_is_refused_with_the_customer_that_has_it(column: str, path: str) -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    holder = await make_customer(unit=unit, **{column: "A-1"})
    await make_customer(**{column: "A-2"})
    await make_customer(unit=unit, archived_at=now(), **{column: "A-3"})
    customer = await make_customer(unit=unit)
    before = await Customer.get(id=customer.id)

    with pytest.raises(DuplicateRecord) as created:
        await service.create_customer({**NEW, column: "A-1"}, actor=agent.actor)
    with pytest.raises(DuplicateRecord) as updated:
        await service.update_customer(customer.id, {column: "A-1"}, 1, actor=agent.actor)

    assert {created.value.existing_id, updated.value.existing_id} == {holder.id}
    assert created.value.path == (path,)
    assert await _untouched(before)
    await service.create_customer({**NEW, column: "A-2"}, actor=agent.actor)
    await service.create_customer({**NEW, column: "A-3"}, actor=agent.actor)


async def test_two_requests_for_one_number_leave_one_customer() -> None:
    agent = await make_user(Role.AGENT, [await make_unit()])
    values = {**NEW, "account_number": "A-1"}

    answers = await asyncio.gather(
        *(service.create_customer(values, actor=agent.actor) for _ in range(4)), return_exceptions=True
    )

    assert sum(isinstance(answer, DuplicateRecord) for answer in answers) == 3
    assert await Customer.all().count() == await HistoryEntry.all().count() == 1


async def test_an_update_changes_what_it_names_and_tells_only_of_that() -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    customer = await make_customer(unit=unit, phone="+4930111", tags=["old"], contract_value="10.50")

    await service.update_customer(
        customer.id,
        {"phone": None, "tags": ["New"], "contract_value": "10.5000", "address_country": "DE"},
        1,
        actor=agent.actor,
    )

    row = await Customer.get(id=customer.id)
    assert (row.phone, row.tags, row.version, row.billing_country) == (None, ["New"], 2, "DE")
    assert row.updated_by_id == agent.user.id
    assert await _changes() == {
        "phone": ("+4930111", None),
        "tags": (["old"], ["New"]),
        "address_country": (None, "DE"),
    }


async def test_an_update_without_any_change_does_nothing() -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    customer = await Customer.get(id=(await make_customer(unit=unit)).id)

    await service.update_customer(customer.id, {"name": customer.name, "tags": []}, 1, actor=agent.actor)

    assert await _untouched(customer)


async def test_an_update_of_an_older_version_names_the_newer_one() -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    customer = await Customer.get(id=(await make_customer(unit=unit, version=7)).id)

    with pytest.raises(VersionConflict) as refusal:
        await service.update_customer(customer.id, {"name": "Late"}, 6, actor=agent.actor)

    assert (refusal.value.record_id, refusal.value.current) == (customer.id, 7)
    assert await _untouched(customer)


async def test_of_two_updates_at_once_one_wins() -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    customer = await make_customer(unit=unit)

    answers = await asyncio.gather(
        *(service.update_customer(customer.id, {"name": n}, 1, actor=agent.actor) for n in "AB"),
        return_exceptions=True,
    )

    assert sum(isinstance(answer, VersionConflict) for answer in answers) == 1
    assert (await Customer.get(id=customer.id)).version == 2


LIVE_ONLY = ["registration_number", "account_number", "contract_start", "contract_end", "contract_review"]


@pytest.mark.parametrize("key", ["name", "email", *LIVE_ONLY, "account_manager_id"])
async def test_a_live_customers_required_fields_cannot_be_emptied(key: str) -> None:
    customer = await make_live_customer()
    admin = await make_user(Role.ADMIN)
    customer = await Customer.get(id=customer.id)

    with pytest.raises(InvalidInput) as refusal:
        await service.update_customer(customer.id, {key: None}, 1, actor=admin.actor)

    assert [p.code for p in refusal.value.problems] == ["REQUIRED"]
    assert await _untouched(customer)


@pytest.mark.parametrize("key", LIVE_ONLY)
async def test_a_prospect_may_lose_them(key: str) -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    customer = await make_customer(unit=unit, registration_number="R", account_number="A")

    await service.update_customer(customer.id, {key: None}, 1, actor=agent.actor)

    assert getattr(await Customer.get(id=customer.id), key) is None


async def test_the_database_stands_behind_the_managers_membership() -> None:
    unit = await make_unit()
    manager, agent = await make_user(Role.MANAGER, [unit]), await make_user(Role.AGENT, [unit])
    customer = await make_customer(unit=unit)

    async def leave() -> None:
        await UnitMembership.filter(user_id=agent.user.id).delete()

    answers = await asyncio.gather(
        service.assign_account_manager(customer.id, agent.user.id, actor=manager.actor),
        leave(),
        return_exceptions=True,
    )

    assert len([answer for answer in answers if isinstance(answer, Exception)]) == 1
    left = not await UnitMembership.exists(user_id=agent.user.id)
    assert ((await Customer.get(id=customer.id)).account_manager_id is None) is left


async def test_managers_are_members_of_the_unit_and_nobody_only_before_live() -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    stranger = await make_user(Role.MANAGER, [await make_unit()])
    customer = await make_live_customer(unit=unit, manager=agent.user)
    customer = await Customer.get(id=customer.id)

    with pytest.raises(InvalidInput) as other_unit:
        await service.assign_account_manager(customer.id, stranger.user.id, actor=agent.actor)
    with pytest.raises(InvalidInput) as unknown:
        await service.assign_service_manager(customer.id, uuid7(), actor=agent.actor)
    with pytest.raises(InvalidInput) as nobody:
        await service.assign_account_manager(customer.id, None, actor=agent.actor)

    assert _codes(other_unit) == {("accountManagerId", "NOT_A_UNIT_MEMBER")}
    assert _codes(unknown) == {("serviceManagerId", "NOT_A_UNIT_MEMBER")}
    assert _codes(nobody) == {("accountManagerId", "REQUIRED")}
    assert await _untouched(customer)
    await service.assign_service_manager(customer.id, agent.user.id, actor=agent.actor)
    await service.assign_service_manager(customer.id, None, actor=agent.actor)


async def test_an_agent_edits_their_own_and_nobodys_customers() -> None:
    unit = await make_unit()
    agent, colleague = await make_user(Role.AGENT, [unit]), await make_user(Role.AGENT, [unit])
    own = await make_customer(unit=unit, account_manager=agent.user, service_manager=colleague.user)
    nobodys = await make_customer(unit=unit)
    other = await make_customer(unit=unit, service_manager=colleague.user)

    await service.update_customer(own.id, {"name": "Mine"}, 1, actor=agent.actor)
    await service.update_customer(nobodys.id, {"name": "Free"}, 1, actor=agent.actor)
    with pytest.raises(Forbidden):
        await service.update_customer(other.id, {"name": "Theirs"}, 1, actor=agent.actor)

    assert (await Customer.get(id=other.id)).name == other.name


async def test_an_archived_choice_is_kept_where_it_is_and_given_to_nobody_new() -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    gone = await make_pick(PickList.INDUSTRY, archived_at=now())
    customer = await make_customer(unit=unit, industry=gone)

    await service.update_customer(customer.id, {"name": "X", "industry_id": gone.id}, 1, actor=agent.actor)

    row = await Customer.get(id=customer.id)
    assert (row.name, row.industry_id) == ("X", gone.id)


async def test_invoice_types_are_set_and_told_by_name() -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    customer = await make_customer(unit=unit)
    goods = await make_pick(PickList.INVOICE_TYPE, name="Goods")
    services = await make_pick(PickList.INVOICE_TYPE, name="Services")

    await service.set_invoice_types(customer.id, [goods.id, services.id, goods.id], actor=agent.actor)
    await service.set_invoice_types(customer.id, [services.id, goods.id], actor=agent.actor)
    await service.set_invoice_types(customer.id, [services.id], actor=agent.actor)

    assert [item.name for item in await customer.invoice_types.all()] == ["Services"]
    assert await HistoryEntry.all().count() == 2
    before, after = (await _changes())["invoice_types"]
    assert ([each["name"] for each in before], [each["name"] for each in after]) == (
        ["Goods", "Services"],
        ["Services"],
    )


async def test_tags_are_added_and_removed_whatever_their_case() -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    customer = await make_customer(unit=unit, tags=["VIP", "Retail"])

    await service.tag_customer(customer.id, add=["vip", "New"], remove=["RETAIL", "never"], actor=agent.actor)
    with pytest.raises(InvalidInput):
        await service.tag_customer(customer.id, add=["a;b"], actor=agent.actor)

    assert (await Customer.get(id=customer.id)).tags == ["VIP", "New"]


async def test_consent_is_noted_with_time_and_person_once() -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    customer = await make_customer(unit=unit)

    given = await service.record_consent(customer.id, Consent.GIVEN, actor=agent.actor)
    again = await service.record_consent(customer.id, Consent.GIVEN, actor=agent.actor)
    withdrawn = await service.record_consent(customer.id, Consent.WITHDRAWN, actor=agent.actor)
    with pytest.raises(InvalidInput):
        await service.record_consent(customer.id, Consent.UNKNOWN, actor=agent.actor)

    assert (given.consent_at, given.consent_by_id) == (again.consent_at, agent.user.id)
    assert withdrawn.consent_at is not None
    assert (await Customer.get(id=customer.id)).consent is Consent.WITHDRAWN
    assert await HistoryEntry.all().count() == 2


async def test_a_customer_moves_with_managers_who_work_there() -> None:
    old, new = await make_unit(), await make_unit()
    manager = await make_user(Role.MANAGER, [old, new])
    agent_old, agent_new = await make_user(Role.AGENT, [old]), await make_user(Role.AGENT, [new])
    customer = await make_live_customer(unit=old, manager=agent_old.user)
    customer = await Customer.get(id=customer.id)

    with pytest.raises(InvalidInput) as refusal:
        await service.move_customer(customer.id, new.id, actor=manager.actor)
    assert _codes(refusal) == {("accountManagerId", "NOT_A_UNIT_MEMBER")}
    with pytest.raises(InvalidInput):
        await service.move_customer(
            customer.id, new.id, managers={"account_manager_id": None}, actor=manager.actor
        )
    assert await _untouched(customer)
    managers = {"account_manager_id": agent_new.user.id}
    await service.move_customer(customer.id, new.id, managers=managers, actor=manager.actor)

    row = await Customer.get(id=customer.id)
    assert (row.unit_id, row.account_manager_id) == (new.id, agent_new.user.id)
    assert set(await _changes()) == {"unit", "account_manager"}
    assert (await HistoryEntry.get()).unit_id == new.id


async def test_a_customer_moves_only_between_units_of_its_mover() -> None:
    old, new = await make_unit(), await make_unit()
    here, both = await make_user(Role.MANAGER, [old]), await make_user(Role.AGENT, [old, new])
    customer = await Customer.get(id=(await make_customer(unit=old)).id)
    taken = await make_customer(unit=old, account_number="A")
    await make_customer(unit=new, account_number="A")

    with pytest.raises(NotFound):
        await service.move_customer(customer.id, new.id, actor=here.actor)
    with pytest.raises(Forbidden):
        await service.move_customer(customer.id, new.id, actor=both.actor)
    with pytest.raises(DuplicateRecord):
        await service.move_customer(taken.id, new.id, actor=(await make_user(Role.ADMIN)).actor)

    assert await _untouched(customer)


Edit = Callable[[UUID, Actor], Awaitable[Customer]]
EDITS: list[Edit] = [
    lambda key, actor: service.update_customer(key, {"name": "X"}, 1, actor=actor),
    lambda key, actor: service.assign_account_manager(key, actor.user_id, actor=actor),
    lambda key, actor: service.assign_service_manager(key, actor.user_id, actor=actor),
    lambda key, actor: service.set_invoice_types(key, [], actor=actor),
    lambda key, actor: service.tag_customer(key, add=["x"], actor=actor),
    lambda key, actor: service.record_consent(key, Consent.GIVEN, actor=actor),
    lambda key, actor: service.move_customer(key, next(iter(actor.unit_ids)), actor=actor),
]


@pytest.mark.parametrize("edit", EDITS)
async def test_an_archived_a_foreign_and_an_analysts_customer_are_not_edited(edit: Edit) -> None:
    unit = await make_unit()
    manager, analyst = await make_user(Role.MANAGER, [unit]), await make_user(Role.ANALYST, [unit])
    foreign = await Customer.get(id=(await make_customer()).id)
    archived = await Customer.get(id=(await make_customer(unit=unit, archived_at=now())).id)
    mine = await Customer.get(id=(await make_customer(unit=unit)).id)
    cases: list[tuple[Customer, Actor, type[DomainError]]] = [
        (foreign, manager.actor, NotFound),
        (archived, manager.actor, CustomerArchived),
        (mine, analyst.actor, Forbidden),
    ]

    for customer, actor, error in cases:
        with pytest.raises(error):
            await edit(customer.id, actor)
        assert await _untouched(customer)


async def test_the_legal_entity_must_be_open() -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    entity, gone = await make_legal_entity(), await make_legal_entity(archived_at=now())
    customer = await make_customer(unit=unit)

    with pytest.raises(InvalidInput) as refusal:
        await service.update_customer(customer.id, {"legal_entity_id": gone.id}, 1, actor=agent.actor)
    await service.update_customer(customer.id, {"legal_entity_id": entity.id}, 1, actor=agent.actor)

    assert _codes(refusal) == {("legalEntityId", "NOT_FOUND")}
    assert (await _changes())["legal_entity"][1]["name"] == entity.name
    assert not await Contact.exists()
