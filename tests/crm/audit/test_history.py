"""Writing and reading history."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from factories import make_unit, make_user
from tortoise.connection import get_connection

from crm.audit import queries
from crm.audit.models import HistoryEntry
from crm.audit.service import Change, Entry, diff, plain, record, record_many
from crm.customers.models import Stage
from crm.kernel.actor import Actor, Role, Via, kith
from crm.kernel.clock import now
from crm.kernel.ids import Kind, uuid7
from crm.kernel.transaction import transaction

pytestmark = pytest.mark.usefixtures("db")

KEY = UUID("0198c0de-0000-7000-8000-000000000001")


async def write(
    actor: Actor, *subjects: UUID, customer_id: UUID | None = None, unit_id: UUID | None = None
) -> None:
    async with transaction():
        for subject in subjects:
            await record(
                actor=actor,
                subject_kind=Kind.CONTACT,
                subject_id=subject,
                action="update",
                customer_id=customer_id,
                unit_id=unit_id,
            )


async def test_an_entry_says_who_did_what_to_what_through_which_door() -> None:
    ann, unit, customer_id, contact_id = await make_user(), await make_unit(), uuid7(), uuid7()

    async with transaction():
        await record(
            actor=ann.actor.through(Via.IMPORT),
            subject_kind=Kind.CONTACT,
            subject_id=contact_id,
            action="update",
            changes=[Change("name", "Jo", "Joe"), Change("tags", ["a"], None)],
            customer_id=customer_id,
            unit_id=unit.id,
        )

    entry = await HistoryEntry.get()
    assert (entry.user_id, entry.actor_name, entry.via) == (ann.user.id, ann.user.name, Via.IMPORT)
    assert (Kind(entry.subject_kind), entry.subject_id, entry.action) == (Kind.CONTACT, contact_id, "update")
    assert (entry.customer_id, entry.unit_id) == (customer_id, unit.id)
    assert entry.changes == [
        {"field": "name", "before": "Jo", "after": "Joe"},
        {"field": "tags", "before": ["a"], "after": None},
    ]
    assert now() - entry.created_at < timedelta(minutes=1)


async def test_changes_are_kept_as_they_were_written() -> None:
    """As json, which costs an import's row less than jsonb: nothing is sorted, nothing is taken apart."""
    after = {"zone": 1, "a": {"long": None, "b": [2, 1]}}

    async with transaction():
        await record(
            actor=kith(),
            subject_kind=Kind.CUSTOMER,
            subject_id=KEY,
            action="update",
            changes=[Change("x", None, after)],
        )

    told = '[{"field":"x","before":null,"after":{"zone":1,"a":{"long":null,"b":[2,1]}}}]'
    assert await raw_changes() == [told]


async def raw_changes() -> list[str]:
    rows = await get_connection("default").execute_query_dict("select changes::text from history_entry")
    return [row["changes"] for row in rows]


async def test_many_entries_are_the_same_as_single_ones() -> None:
    unit, customer_id, changes = await make_unit(), uuid7(), [Change("name", 'Zoë "Z"\t\\', "日本\n")]
    given = {"subject_kind": Kind.CUSTOMER, "action": "create", "changes": changes}

    async with transaction():
        await record(actor=kith(), subject_id=customer_id, customer_id=customer_id, unit_id=unit.id, **given)
        await record_many(
            actor=kith(),
            entries=[
                Entry(subject_id=customer_id, customer_id=customer_id, unit_id=unit.id, **given)
                for _ in range(3)
            ],
        )
        await record_many(actor=kith(), entries=[])

    rows = [{k: v for k, v in dict(row).items() if k != "id"} for row in await HistoryEntry.all()]
    assert len(rows) == 4
    assert all(row == rows[0] for row in rows)
    assert (rows[0]["user_id"], rows[0]["actor_name"], rows[0]["via"]) == (None, "Kith", Via.JOB)


async def test_history_is_written_only_inside_the_change_it_tells_of() -> None:
    with pytest.raises(RuntimeError):
        await record(actor=kith(), subject_kind=Kind.USER, subject_id=KEY, action="update")
    with pytest.raises(RuntimeError):
        await record_many(actor=kith(), entries=[])

    assert await HistoryEntry.all().count() == 0


async def test_history_goes_when_its_change_is_rolled_back() -> None:
    entry = Entry(subject_kind=Kind.USER, subject_id=KEY, action="update")

    async def change() -> None:
        async with transaction():
            await record(actor=kith(), subject_kind=Kind.USER, subject_id=KEY, action="update")
            await record_many(actor=kith(), entries=[entry])
            raise LookupError

    with pytest.raises(LookupError):
        await change()

    assert await HistoryEntry.all().count() == 0


async def test_history_is_read_newest_first_by_customer_and_by_record() -> None:
    first, second, other, customer_id = uuid7(), uuid7(), uuid7(), uuid7()
    unit, former = await make_unit(), await make_unit()
    await write(kith(), first, customer_id=customer_id, unit_id=former.id)
    await write(kith(), first, second, customer_id=customer_id, unit_id=unit.id)
    await write(kith(), first, customer_id=customer_id, unit_id=unit.id)
    await write(kith(), other)

    whole = await queries.history_of_customer(customer_id, unit.id)
    of_first = await queries.history_of_subject(Kind.CONTACT, first, unit.id)

    assert [entry.subject_id for entry in whole] == [first, second, first]
    assert [entry.id for entry in of_first] == [whole[0].id, whole[2].id]
    assert await queries.history_of_subject(Kind.CUSTOMER, first, unit.id) == []


async def test_history_of_other_units_and_of_no_unit_does_not_exist_except_for_admins() -> None:
    north, south = await make_unit(), await make_unit()
    in_north, in_south, nowhere = uuid7(), uuid7(), uuid7()
    await write(kith(), in_north, unit_id=north.id)
    await write(kith(), in_south, unit_id=south.id)
    await write(kith(), nowhere)
    ann, loner, admin = await make_user(Role.MANAGER, [north]), await make_user(), await make_user(Role.ADMIN)

    assert [e.subject_id for e in await queries.visible_to(ann.actor)] == [in_north]
    assert await queries.visible_to(loner.actor) == []
    assert [e.subject_id for e in await queries.visible_to(admin.actor)] == [nowhere, in_south, in_north]


def test_a_difference_names_each_changed_field_once_in_order() -> None:
    before = {"name": "Acme", "phone": "1", "gone": 5, "value": Decimal("10.00")}
    after = {"value": Decimal(10), "name": "Acme AG", "phone": "1", "new": True}

    assert diff(before, after) == [
        Change("name", "Acme", "Acme AG"),
        Change("new", None, True),
        Change("gone", 5, None),
    ]
    assert diff(after, after) == []


def test_ids_in_a_difference_become_public_where_their_kind_is_known() -> None:
    changes = diff(
        {"unit_id": None, "file": None}, {"unit_id": KEY, "file": KEY}, {"unit_id": Kind.BUSINESS_UNIT}
    )

    assert changes == [
        Change("unit_id", None, "unit_0198c0de000070008000000000000001"),
        Change("file", None, "0198c0de-0000-7000-8000-000000000001"),
    ]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        (True, True),
        (7, 7),
        ("text", "text"),
        (Stage.LIVE, "LIVE"),
        (Decimal("1E+2"), "100"),
        (Decimal("0.10"), "0.10"),
        (date(2026, 2, 1), "2026-02-01"),
        (datetime(2026, 2, 1, 12, tzinfo=timezone(timedelta(hours=2))), "2026-02-01T10:00:00+00:00"),
        (datetime(2026, 2, 1, 12, tzinfo=UTC), "2026-02-01T12:00:00+00:00"),
        ({"b", "a"}, ["a", "b"]),
        (("x", Decimal(1)), ["x", "1"]),
        ({"rate": Decimal("19.0")}, {"rate": "19.0"}),
    ],
)
def test_values_are_kept_as_json_without_floats(value: object, kept: object) -> None:
    assert plain(value) == kept
    assert type(plain(value)) is type(kept)


@pytest.mark.parametrize("value", [1.5, b"bytes", object()])
def test_a_value_history_cannot_keep_is_an_error(value: object) -> None:
    with pytest.raises(TypeError, match="History cannot keep"):
        plain(value)
