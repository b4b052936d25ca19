"""Every action from every state: allowed as the table says, or refused with nothing changed."""

from collections.abc import Awaitable, Callable
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from factories import (
    Person,
    make_activity,
    make_contact,
    make_customer,
    make_invoice,
    make_live_customer,
    make_pick,
    make_segment,
    make_unit,
    make_user,
)

from crm.audit.models import HistoryEntry
from crm.customers import lifecycle
from crm.customers.errors import CustomerArchived, CustomerHasDrafts, CustomerHasInvoices
from crm.customers.models import Customer, PickList, Stage, Status
from crm.customers.rules import BEFORE_LIVE, Action
from crm.invoices.rules import InvoiceState
from crm.kernel.actor import Actor, Role
from crm.kernel.clock import now
from crm.kernel.errors import DuplicateRecord, Forbidden, InvalidInput, InvalidTransition, NotFound
from crm.kernel.models import OutboxJob

pytestmark = pytest.mark.usefixtures("db")

ACTIONS: dict[Action, Callable[[UUID, Actor], Awaitable[Customer]]] = {
    Action.SET_STAGE: lambda key, actor: lifecycle.set_stage(key, Stage.QUALIFIED, actor=actor),
    Action.GO_LIVE: lambda key, actor: lifecycle.go_live(key, actor=actor),
    Action.DEACTIVATE: lambda key, actor: lifecycle.deactivate(key, actor=actor),
    Action.ACTIVATE: lambda key, actor: lifecycle.activate(key, actor=actor),
    Action.CHURN: lambda key, actor: lifecycle.churn(key, "They moved away", actor=actor),
    Action.BLOCK: lambda key, actor: lifecycle.block(key, "Does not pay", actor=actor),
    Action.UNBLOCK: lambda key, actor: lifecycle.unblock(key, actor=actor),
    Action.ARCHIVE: lambda key, actor: lifecycle.archive(key, actor=actor),
    Action.RESTORE: lambda key, actor: lifecycle.restore(key, actor=actor),
    Action.DELETE: lambda key, actor: lifecycle.delete(key, actor=actor),
}

# What DOMAIN §2 says, written out: per status, then per flag.
FROM_STATUS: dict[Action, dict[Status, dict[str, Any]]] = {
    Action.SET_STAGE: {Status.PROSPECT: {"stage": Stage.QUALIFIED, "status": Status.PROSPECT}},
    Action.GO_LIVE: {Status.PROSPECT: {"stage": Stage.LIVE, "status": Status.ACTIVE}},
    Action.DEACTIVATE: {Status.ACTIVE: {"stage": Stage.LIVE, "status": Status.INACTIVE}},
    Action.ACTIVATE: {
        Status.INACTIVE: {"stage": Stage.LIVE, "status": Status.ACTIVE},
        Status.CHURNED: {"stage": Stage.LIVE, "status": Status.ACTIVE, "churn_reason": None},
    },
    Action.CHURN: {
        Status.ACTIVE: {"status": Status.CHURNED, "churn_reason": "They moved away"},
        Status.INACTIVE: {"status": Status.CHURNED, "churn_reason": "They moved away"},
    },
}


async def _customer(status: Status, *, manager: Person, **flags: Any) -> Customer:
    """A customer that could go live, in the given state."""
    state: dict[str, Any] = {"status": status, "stage": Stage.LIVE}
    if status is Status.PROSPECT:
        state["stage"] = Stage.PROSPECT
    if status is Status.CHURNED:
        state |= {"churn_reason": "Bankrupt", "churned_at": now()}
    unit = await manager.user.memberships.all().first().prefetch_related("unit")
    return await make_live_customer(unit=unit.unit, manager=manager.user, **(state | flags))


async def _row(customer: Customer) -> dict[str, Any]:
    return dict((await Customer.filter(id=customer.id).values())[0])


async def _nothing_told() -> bool:
    return not await HistoryEntry.exists() and not await OutboxJob.exists()


@pytest.mark.parametrize(("action", "status"), list(product(FROM_STATUS, Status)))
async def test_an_action_is_allowed_from_the_statuses_of_the_table_only(
    action: Action, status: Status
) -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    customer = await _customer(status, manager=manager)
    before = await _row(customer)
    expected = FROM_STATUS[action].get(status)

    if expected is None:
        with pytest.raises(InvalidTransition) as refusal:
            await ACTIONS[action](customer.id, manager.actor)
        assert (refusal.value.action, refusal.value.state) == (action.value, status.value)
        assert await _row(customer) == before
        assert await _nothing_told()
        return
    await ACTIONS[action](customer.id, manager.actor)

    after = await _row(customer)
    assert {key: after[key] for key in expected} == expected
    assert after["version"] == before["version"] + 1
    assert after["updated_by_id"] == manager.user.id
    entry = await HistoryEntry.get()
    assert (entry.subject_id, entry.user_id, entry.unit_id) == (
        customer.id,
        manager.user.id,
        customer.unit_id,
    )
    assert (await OutboxJob.get()).payload["data"]["action"] == entry.action


@pytest.mark.parametrize(("status", "blocked"), list(product(Status, [False, True])))
async def test_a_customer_is_blocked_once_and_unblocked_once(status: Status, blocked: bool) -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    flag = {"blocked_at": now(), "blocked_reason": "Late"} if blocked else {}
    customer = await _customer(status, manager=manager, **flag)
    before = await _row(customer)
    possible, impossible = (Action.UNBLOCK, Action.BLOCK) if blocked else (Action.BLOCK, Action.UNBLOCK)

    with pytest.raises(InvalidTransition):
        await ACTIONS[impossible](customer.id, manager.actor)

    assert await _row(customer) == before
    assert await _nothing_told()
    await ACTIONS[possible](customer.id, manager.actor)
    after = await _row(customer)
    assert after["status"] is status
    assert (after["blocked_reason"], after["blocked_by_id"]) == (
        (None, None) if blocked else ("Does not pay", manager.user.id)
    )
    assert (after["blocked_at"] is None) is blocked


@pytest.mark.parametrize("action", [a for a in Action if a not in {Action.RESTORE, Action.DELETE}])
async def test_an_archived_customer_allows_nothing_but_restore_and_delete(action: Action) -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    customer = await _customer(Status.ACTIVE, manager=manager, archived_at=now())
    before = await _row(customer)

    with pytest.raises(CustomerArchived) as refusal:
        await ACTIONS[action](customer.id, manager.actor)

    assert refusal.value.code == "CUSTOMER_ARCHIVED"
    assert await _row(customer) == before
    assert await _nothing_told()


@pytest.mark.parametrize("status", list(Status))
async def test_archive_and_restore_leave_everything_else_as_it_was(status: Status) -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    customer = await _customer(status, manager=manager)
    before = await _row(customer)

    await lifecycle.archive(customer.id, actor=manager.actor)
    archived = await _row(customer)
    await lifecycle.restore(customer.id, actor=manager.actor)
    restored = await _row(customer)

    moving = {"version", "updated_at", "updated_by_id", "archived_at"}
    assert archived["archived_at"] is not None
    assert restored["archived_at"] is None
    assert {k: v for k, v in restored.items() if k not in moving} == {
        k: v for k, v in before.items() if k not in moving
    }


async def test_restoring_what_is_not_archived_is_refused() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    customer = await _customer(Status.ACTIVE, manager=manager)

    with pytest.raises(InvalidTransition):
        await lifecycle.restore(customer.id, actor=manager.actor)

    assert await _nothing_told()


@pytest.mark.parametrize("column", ["account_number", "external_id"])
async def test_restoring_into_a_conflict_names_the_customer_in_the_way(column: str) -> None:
    unit = await make_unit()
    manager = await make_user(Role.MANAGER, [unit])
    archived = await make_customer(unit=unit, archived_at=now(), **{column: "X-1"})
    other = await make_customer(unit=unit, **{column: "X-1"})

    with pytest.raises(DuplicateRecord) as refusal:
        await lifecycle.restore(archived.id, actor=manager.actor)

    assert refusal.value.existing_id == other.id
    assert (await Customer.get(id=archived.id)).archived_at is not None
    assert await _nothing_told()


async def test_the_stages_before_live_are_taken_in_any_order() -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])

    for before, after in product(BEFORE_LIVE, repeat=2):
        customer = await make_customer(unit=unit, stage=before)
        await lifecycle.set_stage(customer.id, after, actor=agent.actor)
        assert (await Customer.get(id=customer.id)).stage is after
        assert await HistoryEntry.filter(subject_id=customer.id).count() == (before is not after)


async def test_live_is_no_stage_to_set() -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    customer = await make_customer(unit=unit)

    with pytest.raises(InvalidInput) as refusal:
        await lifecycle.set_stage(customer.id, Stage.LIVE, actor=agent.actor)

    assert [p.path for p in refusal.value.problems] == [("stage",)]
    assert (await Customer.get(id=customer.id)).stage is Stage.PROSPECT


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, "zero\x00"])
@pytest.mark.parametrize("act", [lifecycle.block, lifecycle.churn])
async def test_a_reason_is_needed_and_short(act: Any, reason: str) -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    customer = await _customer(Status.ACTIVE, manager=manager)
    before = await _row(customer)

    with pytest.raises(InvalidInput) as refusal:
        await act(customer.id, reason, actor=manager.actor)

    assert [p.path for p in refusal.value.problems] == [("reason",)]
    assert await _row(customer) == before


async def test_a_status_label_that_fits_no_more_is_taken_off() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    label = await make_pick(PickList.STATUS_LABEL, name="Gold", status=Status.ACTIVE)
    customer = await _customer(Status.ACTIVE, manager=manager, status_label=label)

    await lifecycle.deactivate(customer.id, actor=manager.actor)

    assert (await Customer.get(id=customer.id)).status_label_id is None
    changes = (await HistoryEntry.get()).changes
    assert {c["field"] for c in changes} == {"status", "status_label"}
    assert next(c["before"]["name"] for c in changes if c["field"] == "status_label") == "Gold"


LIVE_FIELDS = {
    "registration_number": ("registrationNumber",),
    "account_number": ("accountNumber",),
    "contract_start": ("contractStart",),
    "contract_end": ("contractEnd",),
    "contract_review": ("contractReview",),
    "account_manager_id": ("accountManagerId",),
}


@pytest.mark.parametrize("column", list(LIVE_FIELDS))
async def test_going_live_needs_each_of_its_fields(column: str) -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    customer = await _customer(Status.PROSPECT, manager=manager)
    await Customer.filter(id=customer.id).update(**{column: None})

    with pytest.raises(InvalidInput) as refusal:
        await lifecycle.go_live(customer.id, actor=manager.actor)

    assert [(p.path, p.code) for p in refusal.value.problems] == [(LIVE_FIELDS[column], "REQUIRED")]
    assert (await Customer.get(id=customer.id)).stage is Stage.PROSPECT
    assert await _nothing_told()


async def test_going_live_names_everything_that_is_missing_at_once() -> None:
    unit = await make_unit()
    manager = await make_user(Role.MANAGER, [unit])
    customer = await make_customer(unit=unit)

    with pytest.raises(InvalidInput) as refusal:
        await lifecycle.go_live(customer.id, actor=manager.actor)

    assert {p.path for p in refusal.value.problems} == {*LIVE_FIELDS.values(), ("primaryContact",)}


async def test_going_live_needs_the_primary_contacts_phone() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    customer = await _customer(Status.PROSPECT, manager=manager)
    await customer.contacts.all().update(phone=None)
    await make_contact(customer, phone="+4930111")

    with pytest.raises(InvalidInput) as refusal:
        await lifecycle.go_live(customer.id, actor=manager.actor)

    assert [p.path for p in refusal.value.problems] == [("primaryContact", "phone")]
    assert (await Customer.get(id=customer.id)).stage is Stage.PROSPECT


async def test_going_live_needs_a_manager_who_still_works_here() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    customer = await _customer(Status.PROSPECT, manager=manager)
    await manager.user.select_for_update().filter(id=manager.user.id).update(active=False)

    with pytest.raises(InvalidInput) as refusal:
        await lifecycle.go_live(customer.id, actor=manager.actor)

    assert [p.code for p in refusal.value.problems] == ["NOT_A_UNIT_MEMBER"]
    assert (await Customer.get(id=customer.id)).stage is Stage.PROSPECT


MANAGERS_ONLY = [Action.BLOCK, Action.UNBLOCK, Action.ARCHIVE, Action.RESTORE, Action.DELETE]


@pytest.mark.parametrize("role", [Role.AGENT, Role.ANALYST])
async def test_who_may_not_is_refused_whatever_the_state(role: Role) -> None:
    unit = await make_unit()
    manager, other = await make_user(Role.MANAGER, [unit]), await make_user(role, [unit])
    customer = await _customer(Status.ACTIVE, manager=manager)
    before = await _row(customer)

    for act in ACTIONS.values():
        with pytest.raises(Forbidden):
            await act(customer.id, other.actor)

    assert await _row(customer) == before
    assert await _nothing_told()


@pytest.mark.parametrize("action", MANAGERS_ONLY)
async def test_an_agent_may_not_even_with_a_customer_of_their_own(action: Action) -> None:
    agent = await make_user(Role.AGENT, [await make_unit()])
    customer = await _customer(Status.ACTIVE, manager=agent)

    with pytest.raises(Forbidden):
        await ACTIONS[action](customer.id, agent.actor)

    assert await Customer.exists(id=customer.id, archived_at__isnull=True, blocked_at__isnull=True)


async def test_a_customer_of_another_unit_is_not_there() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    stranger = await make_user(Role.MANAGER, [await make_unit()])
    customer = await _customer(Status.PROSPECT, manager=manager)
    before = await _row(customer)

    for act in ACTIONS.values():
        with pytest.raises(NotFound):
            await act(customer.id, stranger.actor)

    assert await _row(customer) == before
    assert await _nothing_told()


async def test_an_agent_takes_their_own_customer_through_its_life() -> None:
    agent = await make_user(Role.AGENT, [await make_unit()])
    customer = await _customer(Status.PROSPECT, manager=agent)

    await lifecycle.go_live(customer.id, actor=agent.actor)
    await lifecycle.deactivate(customer.id, actor=agent.actor)
    await lifecycle.activate(customer.id, actor=agent.actor)
    await lifecycle.churn(customer.id, "Sold", actor=agent.actor)

    entries = await HistoryEntry.all().order_by("created_at", "id")
    assert [e.action for e in entries] == ["go_live", "deactivate", "activate", "churn"]
    assert {c["field"]: c["after"] for c in entries[0].changes}.keys() == {"stage", "status", "live_since"}


async def test_deleting_takes_along_what_hangs_on_the_customer_and_keeps_the_history() -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    customer = await _customer(Status.ACTIVE, manager=manager)
    await make_contact(customer)
    await make_activity(customer)
    await make_segment(members=[customer])

    await lifecycle.delete(customer.id, actor=manager.actor)

    assert not await Customer.exists(id=customer.id)
    entry = await HistoryEntry.get()
    assert entry.action == "delete_customer"
    assert {"field": "name", "before": customer.name, "after": None} in entry.changes


@pytest.mark.parametrize(("state", "error"), [("SENT", CustomerHasInvoices), ("DRAFT", CustomerHasDrafts)])
async def test_a_customer_with_invoices_is_not_deleted(state: str, error: type[Exception]) -> None:
    manager = await make_user(Role.MANAGER, [await make_unit()])
    customer = await _customer(Status.ACTIVE, manager=manager)
    await make_invoice(customer, state=InvoiceState(state))

    with pytest.raises(error):
        await lifecycle.delete(customer.id, actor=manager.actor)

    assert await Customer.exists(id=customer.id)
    assert await customer.contacts.all().count() == 1
    assert await _nothing_told()
