"""The filter means what it says: PostgreSQL and a plain Python reading of it pick the same customers."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from factories import (
    make_activity,
    make_contact,
    make_customer,
    make_invoice,
    make_legal_entity,
    make_pick,
    make_segment,
    make_unit,
    make_user,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tortoise.connection import get_connection

from crm.activities.models import ActivityType
from crm.customers import queries
from crm.customers.filters import CUSTOMER_FILTERS
from crm.customers.models import Consent, Customer, PickList, Stage
from crm.invoices.rules import InvoiceState
from crm.kernel.actor import Role, kith
from crm.kernel.clock import now
from crm.kernel.errors import InvalidInput
from crm.kernel.ids import Kind, decode, encode, uuid7
from crm.segments.models import SegmentMembership

pytestmark = pytest.mark.usefixtures("db")

Row = dict[str, Any]
DAYS = ["2026-01-01", "2026-06-01", "2027-01-01"]
INSTANT = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEYS = {
    Kind.USER: [uuid7() for _ in range(2)],
    Kind.PICK_LIST_ITEM: [uuid7() for _ in range(2)],
    Kind.SEGMENT: [uuid7()],
}
# Of the last six rows, as of what an import has just added.
NOT_FILED = """
with late as (delete from {0}_letters where id in (select id from {0} order by id desc limit 6) returning id)
insert into letters_due (of, first, last) select '{0}', id, id from late
"""


async def _twelve_customers() -> None:
    unit, entity = await make_unit(), await make_legal_entity()
    users = [(await make_user(Role.AGENT, [unit], id=key)).user for key in KEYS[Kind.USER]]
    industries = [await make_pick(PickList.INDUSTRY, id=key) for key in KEYS[Kind.PICK_LIST_ITEM]]
    segment = await make_segment(unit=unit, id=KEYS[Kind.SEGMENT][0])
    for n in range(12):
        customer = await make_customer(
            unit=unit,
            name=["Alpha", "alpha beta", "Beta", "100% Ünal"][n % 4],
            email=[f"office@{n}.example", f"Sales.{n}@beta.example", f"ünal{n}@x.example"][n % 3],
            stage=list(Stage)[n % 4],
            consent=list(Consent)[n % 3],
            address_country=[None, "DE", "FR"][n % 3],
            contract_value=[None, "10", "10.5", "100"][n % 4],
            probability=[None, 0, 50][n % 3],
            contract_start=[None, *DAYS][n % 4],
            tags=[[], ["a"], ["a", "B"]][n % 3],
            phone=[None, "+4930111"][n % 2],
            website=[None, "https://www.alpha.example", "https://ünal.example/100%_a"][n % 3],
            address_city=["Köln", None, "Alt-Kölln"][n // 2 % 3],
            industry=[None, *industries][n % 3],
            account_manager=[None, users[0]][n % 2],
            service_manager=[None, users[1], users[0]][n % 3],
            archived_at=now() if n % 6 == 5 else None,
            blocked_at=now() if n % 4 == 1 else None,
            blocked_reason="Late" if n % 4 == 1 else None,
        )
        for name, phone in [("Ann", None), ("Bob", "+4930222")][: n % 3]:
            await make_contact(
                customer,
                name=name,
                phone=phone,
                email=f"{name}.sales@{n % 2}.example",
                title=[None, "Leiter Einkauf"][n // 3 % 2],
            )
        if n % 4 == 2:
            await make_activity(
                customer, type=[ActivityType.CALL, ActivityType.NOTE][n // 4 % 2], occurred_at=INSTANT
            )
        if n % 3 == 1:
            await SegmentMembership.create(
                segment=segment, customer=customer, entered_at=INSTANT, left_at=None if n % 2 else now()
            )
        if n % 6 == 0:
            await make_invoice(customer, entity=entity, state=[InvoiceState.DRAFT, InvoiceState.SENT][n // 6])
    for table in ("customer", "contact"):
        await get_connection("default").execute_script(NOT_FILED.format(table))


async def _rows() -> list[Row]:
    rows: list[Row] = await Customer.all().values()
    for row in rows:
        customer = await Customer.get(id=row["id"])
        row["contacts"] = await customer.contacts.all().values()
        row["activities"] = await customer.activities.all().values()
        row["segments"] = await customer.memberships.filter(left_at__isnull=True).values()
        row["invoices"] = await customer.invoices.all().values()
    return rows


class World:
    """All customers as plain values; Hypothesis prints its arguments, and these would be long."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows


# What people read: a value is missing or it is there; "not" is the opposite, whatever is missing.

COLUMNS = {
    "name": "name",
    "email": "email",
    "phone": "phone",
    "stage": "stage",
    "consent": "consent",
    "website": "website",
    "city": "address_city",
    "title": "title",
    "country": "address_country",
    "contractValue": "contract_value",
    "probability": "probability",
    "contractStart": "contract_start",
    "lastActivityAt": "last_activity_at",
    "tags": "tags",
    "industry": "industry_id",
    "accountManager": "account_manager_id",
    "type": "type",
    "occurredAt": "occurred_at",
    "primary": "is_primary",
    "segment": "segment_id",
    "state": "state",
    "due": "due_total",
    "number": "number",
}
DERIVED: dict[str, Callable[[Row], Any]] = {
    "blocked": lambda row: row["blocked_at"] is not None,
    "archived": lambda row: row["archived_at"] is not None,
    "hasPhone": lambda row: row["phone"] is not None,
    "hasOwner": lambda row: bool({row["account_manager_id"], row["service_manager_id"]} - {None}),
}
OPERATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, given: value == given,
    "ne": lambda value, given: value != given,
    "in": lambda value, given: value in given,
    "notIn": lambda value, given: value not in given,
    "lt": lambda value, given: value is not None and value < given,
    "lte": lambda value, given: value is not None and value <= given,
    "gt": lambda value, given: value is not None and value > given,
    "gte": lambda value, given: value is not None and value >= given,
    "between": lambda value, given: value is not None and given[0] <= value <= given[1],
    "contains": lambda value, given: value is not None and given.lower() in value.lower(),
    "startsWith": lambda value, given: value is not None and value.lower().startswith(given.lower()),
    "isNull": lambda value, given: (value is None) is given,
    "has": lambda value, given: given in value,
    "hasAny": lambda value, given: bool(set(value) & set(given)),
    "hasAll": lambda value, given: set(value) >= set(given),
    "isEmpty": lambda value, given: (not value) is given,
}


def _holds(rule: Mapping[str, Any], row: Row) -> bool:
    return all(_member_holds(name, given, row) for name, given in rule.items())


def _member_holds(name: str, given: Any, row: Row) -> bool:
    match name:
        case "and":
            return all(_holds(each, row) for each in given)
        case "or":
            return any(_holds(each, row) for each in given)
        case "not":
            return not _holds(given, row)
        case "contacts" | "activities" | "segments" | "invoices":
            return all(_quantified(how, inner, row[name]) for how, inner in given.items())
        case "owner":
            return all(_owner_holds(op, operand, row) for op, operand in given.items())
    value = DERIVED[name](row) if name in DERIVED else row[COLUMNS[name]]
    if name == "country":
        given = {
            op: _code(operand) if op in {"eq", "ne", "in", "notIn"} else operand
            for op, operand in given.items()
        }
    return all(OPERATIONS[op](value, _read(operand, value)) for op, operand in given.items())


def _code(operand: Any) -> Any:
    codes = {"de": "DE", "Italia": "IT"}
    return [_code(each) for each in operand] if isinstance(operand, list) else codes.get(operand, operand)


def _quantified(how: str, rule: Mapping[str, Any], rows: list[Row]) -> bool:
    held = [_holds(rule, row) for row in rows]
    return {"some": any(held), "none": not any(held), "every": all(held)}[how]


def _owner_holds(op: str, operand: Any, row: Row) -> bool:
    owners = {row["account_manager_id"], row["service_manager_id"]} - {None}
    if op == "isNull":
        return (not owners) is operand
    wanted = {_read(each, None) for each in (operand if isinstance(operand, list) else [operand])}
    return bool(owners & wanted) is (op in {"eq", "in"})


def _read(operand: Any, value: Any) -> Any:
    """JSON as what the row holds."""
    if isinstance(operand, list):
        return [_read(each, value) for each in operand]
    if isinstance(operand, str) and operand[:4] in {"usr_", "pli_", "seg_"}:
        return decode(Kind(operand[:3]), operand)
    if isinstance(value, datetime):
        return datetime.fromisoformat(operand) if isinstance(operand, str) else operand
    if isinstance(value, date):
        return date.fromisoformat(operand) if isinstance(operand, str) else operand
    if isinstance(value, int | Decimal) and not isinstance(operand, bool):
        return Decimal(operand)
    return operand


# Filters at random.


def _ops(values: st.SearchStrategy[Any], *names: str) -> st.SearchStrategy[dict[str, Any]]:
    shapes = {
        "in": st.lists(values, max_size=3),
        "notIn": st.lists(values, max_size=3),
        "hasAny": st.lists(values, max_size=3),
        "hasAll": st.lists(values, max_size=2),
        "between": st.lists(values, min_size=2, max_size=2),
        "isNull": st.booleans(),
        "isEmpty": st.booleans(),
    }
    choices = st.sampled_from(names).flatmap(lambda name: st.tuples(st.just(name), shapes.get(name, values)))
    return st.lists(choices, min_size=1, max_size=2).map(dict)


def _ids(kind: Kind) -> st.SearchStrategy[str]:
    return st.sampled_from([encode(kind, key) for key in [*KEYS[kind], uuid7()]])


_TEXT = ("eq", "ne", "in", "notIn", "contains", "startsWith", "isNull")
_CHOICE = ("eq", "ne", "in", "notIn", "isNull")
_NUMBER = ("eq", "ne", "in", "notIn", "lt", "lte", "gt", "gte", "between", "isNull")
_NAMES = st.sampled_from(
    ["Alpha", "alpha", "beta", "%", "_", "Ü", "ünal", "% Ün", "", "Ann", "Bob", "nobody"]
)
_ADDRESSES = st.sampled_from(
    [
        "office@4.example",
        "Ann.sales@0.example",
        "ann.sales@0.EXAMPLE",
        "@0",
        "sales",
        "ales.1",
        "ünal",
        "%",
        "",
    ]
)
_PHONES = st.sampled_from(["+4930111", "+4930222", "+49"])
_SITES = st.sampled_from(["alpha", "www.", "ÜNAL", "0%_", "://", "x", ""])
_CITIES = st.sampled_from(["Köln", "KÖLL", "öl", "t-k", "alt", "Bonn", "k"])
_TITLES = st.sampled_from(["einkauf", "r E", "Leiter Einkauf", "lei", "Chef"])
_DECIMALS = st.sampled_from(["0", "10", "10.5", "100", "119"])
_DAYS = st.sampled_from([*DAYS, "2026-03-01"])
_MOMENTS = st.sampled_from([INSTANT.isoformat(), "2026-01-01T00:00:00+00:00", "2027-01-01T00:00:00+02:00"])
_FLAG = _ops(st.booleans(), "eq")

_CONTACT = {
    "name": _ops(_NAMES, *_TEXT),
    "email": _ops(_ADDRESSES, *_TEXT),
    "phone": _ops(_PHONES, *_TEXT),
    "title": _ops(_TITLES, *_TEXT),
    "primary": _FLAG,
}
_ACTIVITY = {
    "type": _ops(st.sampled_from(["CALL", "NOTE", "TASK"]), *_CHOICE),
    "occurredAt": _ops(_MOMENTS, "lt", "lte", "gt", "gte", "between", "isNull"),
}
_SEGMENT = {"segment": _ops(_ids(Kind.SEGMENT), *_CHOICE)}
_INVOICE = {
    "state": _ops(st.sampled_from(["DRAFT", "SENT", "PAID"]), *_CHOICE),
    "due": _ops(_DECIMALS, *_NUMBER),
    "number": _ops(_NAMES, *_TEXT),
}
_CUSTOMER = {
    "name": _ops(_NAMES, *_TEXT),
    "email": _ops(_ADDRESSES, *_TEXT),
    "phone": _ops(_PHONES, *_TEXT),
    "website": _ops(_SITES, *_TEXT),
    "city": _ops(_CITIES, *_TEXT),
    "stage": _ops(st.sampled_from(list(Stage)).map(str), *_CHOICE),
    "consent": _ops(st.sampled_from(list(Consent)).map(str), *_CHOICE),
    "country": _ops(st.sampled_from(["DE", "FR", "de", "Italia"]), *_TEXT),
    "contractValue": _ops(_DECIMALS, *_NUMBER),
    "probability": _ops(st.sampled_from(["0", "50", "49"]), *_NUMBER),
    "contractStart": _ops(_DAYS, *_NUMBER),
    "lastActivityAt": _ops(_MOMENTS, "lt", "lte", "gt", "gte", "between", "isNull"),
    "tags": _ops(st.sampled_from(["a", "B", "b", "%"]), "has", "hasAny", "hasAll", "isEmpty"),
    "industry": _ops(_ids(Kind.PICK_LIST_ITEM), *_CHOICE),
    "accountManager": _ops(_ids(Kind.USER), *_CHOICE),
    "owner": _ops(_ids(Kind.USER), *_CHOICE),
    "blocked": _FLAG,
    "archived": _FLAG,
    "hasPhone": _FLAG,
    "hasOwner": _FLAG,
}


def _groups(
    fields: dict[str, st.SearchStrategy[Any]], relations: dict[str, st.SearchStrategy[Any]]
) -> st.SearchStrategy[dict[str, Any]]:
    leaves = {name: strategy.map(lambda given: given) for name, strategy in {**fields, **relations}.items()}
    leaf = st.sampled_from(sorted(leaves)).flatmap(lambda name: leaves[name].map(lambda given: {name: given}))
    return st.recursive(
        leaf | st.just({}),
        lambda inner: st.one_of(
            inner.map(lambda rule: {"not": rule}),
            st.lists(inner, max_size=3).map(lambda rules: {"or": rules}),
            st.lists(inner, max_size=3).map(lambda rules: {"and": rules}),
            st.tuples(inner, inner).map(lambda two: {**two[0], **two[1]}),
        ),
        max_leaves=5,
    )


def _relation(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(
        st.sampled_from(["some", "none", "every"]), _groups(fields, {}), min_size=1, max_size=2
    )


RULES = _groups(
    _CUSTOMER,
    {
        "contacts": _relation(_CONTACT),
        "activities": _relation(_ACTIVITY),
        "segments": _relation(_SEGMENT),
        "invoices": _relation(_INVOICE),
    },
)


@given(rule=RULES)
@settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_postgresql_and_a_plain_reading_pick_the_same_customers(
    rule: dict[str, Any], world: "World"
) -> None:
    speaks = "archived" in str(rule)

    found = await queries.list_customers(kith(), rule=rule)

    expected = {
        row["id"] for row in world.rows if _holds(rule, row) and (speaks or row["archived_at"] is None)
    }
    assert {customer.id for customer in found} == expected


@pytest.fixture
async def world(db: None) -> "World":
    del db
    await _twelve_customers()
    return World(await _rows())


def test_the_random_filters_know_every_kind_of_field() -> None:
    drawn = {CUSTOMER_FILTERS.fields[name].operand for name in _CUSTOMER}

    assert drawn == {spec.operand for spec in CUSTOMER_FILTERS.fields.values()}


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ({"nmae": {"eq": "x"}}, "filter.nmae"),
        ({"name": "x"}, "filter.name"),
        ({"name": {"like": "x"}}, "filter.name.like"),
        ({"stage": {"eq": "DEAD"}}, "filter.stage.eq"),
        ({"industry": {"eq": "cus_1"}}, "filter.industry.eq"),
        ({"country": {"in": ["DE", "Nowhere"]}}, "filter.country.in"),
        ({"currency": {"eq": "Thaler"}}, "filter.currency.eq"),
        ({"contractValue": {"gt": "much"}}, "filter.contractValue.gt"),
        ({"contractStart": {"between": ["2026-01-01"]}}, "filter.contractStart.between"),
        ({"or": [{}, {"not": {"archived": {"eq": "yes"}}}]}, "filter.or.1.not.archived.eq"),
        ({"contacts": {"any": {}}}, "filter.contacts.any"),
        ({"activities": {"some": {"type": {"eq": "DANCE"}}}}, "filter.activities.some.type.eq"),
        ({"invoices": {"some": {"state": {"eq": "LOST"}}}}, "filter.invoices.some.state.eq"),
    ],
)
async def test_a_filter_that_makes_no_sense_is_refused_with_its_place(
    rule: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await queries.list_customers(kith(), rule=rule)

    assert [".".join(p.path) for p in refusal.value.problems] == [path]


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ({"country": {"eq": "Germany"}}, True),
        ({"country": {"in": ["Österreich", "de"]}}, True),
        ({"country": {"ne": "DEU"}}, False),
        ({"country": {"startsWith": "d"}}, True),
        ({"currency": {"eq": "€"}}, True),
        ({"language": {"eq": "German"}}, True),
        ({"language": {"notIn": ["de"]}}, False),
    ],
)
async def test_codes_are_taken_in_the_forms_that_people_write(rule: dict[str, Any], *, found: bool) -> None:
    await make_customer(address_country="DE", currency="EUR", language="de")

    assert await queries.list_customers(kith(), rule=rule).exists() is found


async def test_a_country_that_is_none_is_refused_with_what_to_write() -> None:
    with pytest.raises(InvalidInput, match="write it in English or as its two-letter code, such as DE"):
        await queries.list_customers(kith(), rule={"country": {"eq": "Nowhere"}})


async def test_archived_customers_are_listed_only_when_the_filter_speaks_of_them() -> None:
    unit = await make_unit()
    manager = await make_user(Role.MANAGER, [unit])
    kept, gone = await make_customer(unit=unit), await make_customer(unit=unit, archived_at=now())
    await make_customer(archived_at=now())

    async def listed(rule: dict[str, Any] | None) -> set[Any]:
        return {customer.id for customer in await queries.list_customers(manager.actor, rule=rule)}

    assert await listed(None) == {kept.id}
    assert await listed({"not": {"name": {"eq": "x"}}}) == {kept.id}
    assert await listed({"archived": {"eq": True}}) == {gone.id}
    assert await listed({"or": [{"archived": {"eq": True}}, {"archived": {"eq": False}}]}) == {
        kept.id,
        gone.id,
    }


async def test_segments_count_only_while_they_last() -> None:
    unit = await make_unit()
    inside, left = await make_customer(unit=unit), await make_customer(unit=unit)
    segment = await make_segment(unit=unit, name="Gold", members=[inside, left])
    await SegmentMembership.filter(customer=left).update(left_at=now())

    found = await queries.list_customers(kith(), rule={"segments": {"some": {"name": {"eq": segment.name}}}})

    assert [customer.id for customer in found] == [inside.id]
