"""What aggregates say, against what Python makes of the same rows; and whose rows they are made of."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from factories import make_activity, make_customer, make_invoice, make_live_customer, make_unit, make_user
from invoicing import make_in_state, make_shop
from kith_client import Kith

from crm.activities.models import Activity, ActivityType
from crm.customers.models import Customer, Stage
from crm.invoices import rules
from crm.invoices.models import Invoice
from crm.invoices.rules import InvoiceState
from crm.kernel.actor import Role
from crm.kernel.clock import now, today
from crm.kernel.money import minor_digits, round_money
from tests.api.analytics.aggregate_calls import by, groups
from tests.api.analytics.market import Market

REACH = {  # whose rows each of them sees
    "admin": ("North", "South"),
    "manager of north": ("North",),
    "agent of south": ("South",),
    "analyst of both": ("North", "South"),
    "analyst of none": (),
}


def money(amounts: Iterable[Decimal | None], currencies: Iterable[str]) -> dict[str, Any] | None:
    """The statistics of amounts; None where there are none, or of several currencies."""
    pairs = [(a, c) for a, c in zip(amounts, currencies, strict=True) if a is not None]
    if len({currency for _, currency in pairs}) != 1:
        return None
    given, currency = [amount for amount, _ in pairs], pairs[0][1]

    def told(amount: Decimal) -> str:
        return f"{round_money(amount, currency):.{minor_digits(currency)}f}"

    return {
        "sum": {"amount": told(sum(given, Decimal())), "currency": currency},
        "avg": {"amount": told(sum(given, Decimal()) / len(given)), "currency": currency},
        "min": {"amount": told(min(given))},
        "max": {"amount": told(max(given)), "currency": currency},
    }


def numbers(values: Iterable[int | None]) -> dict[str, Any] | None:
    given = [value for value in values if value is not None]
    if not given:
        return None
    mean = (Decimal(sum(given)) / len(given)).quantize(Decimal("0.0001")).normalize()
    return {"sum": str(sum(given)), "avg": f"{mean:f}", "min": min(given), "max": max(given)}


def gathered(rows: Iterable[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    found = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found


def month(day: date | None) -> str | None:
    return None if day is None else str(day.replace(day=1))


def year(day: date | None) -> str | None:
    return None if day is None else str(day.replace(month=1, day=1))


# Totals


async def test_customers_come_to_what_their_rows_come_to(server: str, market: Market) -> None:
    rows = await Customer.filter(archived_at=None).prefetch_related("industry")
    answer = await groups(
        server,
        market.people["admin"],
        "customers",
        groupBy=by("INDUSTRY", "CURRENCY", "CONTRACT_END MONTH"),
    )

    told = {
        ((each["key"]["industry"] or {}).get("name"), each["key"]["currency"], each["key"]["contractEnd"]): (
            each["count"],
            each["contractValue"],
            each["probability"],
        )
        for each in answer
    }
    expected = gathered(rows, lambda r: (r.industry and r.industry.name, r.currency, month(r.contract_end)))
    assert told == {
        key: (
            len(some),
            money([r.contract_value for r in some], [r.currency for r in some]),
            numbers(r.probability for r in some),
        )
        for key, some in expected.items()
    }


async def test_invoices_come_to_what_their_rows_come_to(server: str, market: Market) -> None:
    rows = await Invoice.all().prefetch_related("customer")
    answer = await groups(
        server, market.people["admin"], "invoices", groupBy=by("STATE", "COUNTRY", "ISSUE_DATE YEAR")
    )

    told = {
        (each["key"]["state"], each["key"]["country"], each["key"]["issueDate"]): [
            each["count"],
            *(each[name] for name in ("net", "tax", "gross", "paid", "due")),
        ]
        for each in answer
    }
    expected = gathered(rows, lambda r: (r.state.value, r.customer.address_country, year(r.issue_date)))
    assert told == {
        key: [
            len(some),
            *(
                money([getattr(r, f"{name}_total") for r in some], [r.currency for r in some])
                for name in ("net", "tax", "gross", "paid", "due")
            ),
        ]
        for key, some in expected.items()
    }
    assert {each["gross"] is None for each in answer} == {True, False}, "currencies meet in some groups"


async def test_activities_come_to_what_their_rows_come_to(server: str, market: Market) -> None:
    rows = await Activity.all().prefetch_related("user")
    answer = await groups(server, market.people["admin"], "activities", groupBy=by("USER", "TYPE", "OUTCOME"))

    told = {
        ((each["key"]["user"] or {}).get("name"), each["key"]["type"], each["key"]["outcome"]): (
            each["count"],
            each["durationMinutes"],
        )
        for each in answer
    }
    expected = gathered(rows, lambda r: (r.user and r.user.name, r.type.value, r.outcome and r.outcome.value))
    assert told == {
        key: (len(some), numbers(r.duration_minutes for r in some)) for key, some in expected.items()
    }


@pytest.mark.parametrize("of", ["customers", "invoices", "activities"])
async def test_nothing_is_one_group_of_nothing_until_it_is_grouped(server: str, db: None, of: str) -> None:
    analyst = await make_user(Role.ANALYST, [await make_unit()])

    (everything,) = await groups(server, analyst, of)
    assert everything.pop("count") == 0
    assert set(everything["key"].values()) == {None}
    assert all(value is None for name, value in everything.items() if name not in {"key", "__typename"})
    field = {"customers": "STAGE", "invoices": "STATE", "activities": "TYPE"}[of]
    assert await groups(server, analyst, of, groupBy=by(field)) == []


async def test_a_sum_never_mixes_currencies(server: str, db: None) -> None:
    unit, admin = await make_unit(), await make_user(Role.ADMIN)
    euros = {"unit": unit, "currency": "EUR"}
    await make_customer(**euros, contract_value=Decimal("10.004"))
    await make_customer(**euros, contract_value=Decimal("10.004"))
    await make_customer(unit=unit, currency="JPY")

    (all_of_them,) = await groups(server, admin, "customers")
    # The yen are the currency of nothing, so there is nothing to mix; rounding comes last.
    assert all_of_them["contractValue"]["sum"] == {"amount": "20.01", "currency": "EUR"}
    assert all_of_them["count"] == 3

    await make_customer(unit=unit, currency="JPY", contract_value=Decimal(1500))
    (all_of_them,) = await groups(server, admin, "customers")
    assert all_of_them["contractValue"] is None
    split = await groups(server, admin, "customers", groupBy=by("CURRENCY"))
    assert [(each["key"]["currency"], each["contractValue"]["sum"]["amount"]) for each in split] == [
        ("EUR", "20.01"),
        ("JPY", "1500"),
    ]


# Visibility


async def test_only_rows_of_the_viewers_units_are_counted(server: str, market: Market) -> None:
    """For everyone, in every way of grouping: the groups of a unit are the same, whoever else looks at more."""
    counted = {
        "customers": lambda units: Customer.filter(unit__name__in=units, archived_at=None).count(),
        "invoices": lambda units: Invoice.filter(customer__unit__name__in=units).count(),
        "activities": lambda units: Activity.filter(customer__unit__name__in=units).count(),
    }
    assert market.people.keys() == REACH.keys()
    for whose, person in market.people.items():
        units = list(REACH[whose])
        for of, count in counted.items():
            expected = await count(units) if units else 0
            (everything,) = await groups(server, person, of)
            assert everything["count"] == expected, (whose, of)
            split = await groups(server, person, of, groupBy=by("UNIT"))
            assert [each["key"]["unit"]["name"] for each in split] == units, (whose, of)
            assert sum(each["count"] for each in split) == expected, (whose, of)


async def test_no_dimension_or_statistic_tells_of_another_unit(server: str, market: Market) -> None:
    """North's manager gets the same answers to everything when South was never there."""
    manager = market.people["manager of north"]
    asked = [
        ("customers", by(field))
        for field in ("STAGE", "STATUS", "COUNTRY", "INDUSTRY", "ACCOUNT_MANAGER", "CURRENCY", "CREATED DAY")
    ]
    asked += [
        ("invoices", by(field))
        for field in ("CUSTOMER", "LEGAL_ENTITY", "AGE", "DUE_DATE WEEK", "ISSUE_DATE YEAR")
    ]
    asked += [("activities", by(field)) for field in ("USER", "TYPE", "OCCURRED DAY")]
    before = [await groups(server, manager, of, groupBy=grouping) for of, grouping in asked]

    south = {"customer__unit_id": market.south.id}
    await Invoice.filter(**south, state=InvoiceState.DRAFT).delete()
    await Activity.filter(**south).delete()
    elsewhere = [await groups(server, manager, of, groupBy=grouping) for of, grouping in asked]

    assert elsewhere == before
    names = str(before)
    assert "South" not in names
    assert "North Ltd" in names


async def test_an_invoice_counts_for_the_unit_its_customer_is_in_now(server: str, market: Market) -> None:
    agent = market.people["agent of south"]
    (before,) = await groups(server, agent, "invoices")
    mover = await Customer.filter(unit=market.north, invoices__state=InvoiceState.SENT).first()
    assert mover is not None
    moved = await Invoice.filter(customer=mover).count()

    await Customer.filter(id=mover.id).update(unit_id=market.south.id, account_manager_id=agent.user.id)

    split = await groups(server, agent, "invoices", groupBy=by("UNIT"))
    assert [(each["key"]["unit"]["name"], each["count"]) for each in split] == [
        ("South", before["count"] + moved)
    ]


async def test_archived_customers_count_only_where_the_filter_speaks_of_them(
    server: str, market: Market
) -> None:
    admin = market.people["admin"]
    (usual,) = await groups(server, admin, "customers")
    (archived,) = await groups(server, admin, "customers", filter={"archived": {"eq": True}})

    assert (usual["count"], archived["count"]) == (12, 1)


async def test_the_filter_and_the_search_are_the_lists(server: str, market: Market) -> None:
    admin = Kith(server, market.people["admin"].token)
    for of, arguments in (
        ("customers", 'filter: {probability: {gt: "20"}}'.replace('"', "")),
        ("customers", 'search: "office"'),
        ("invoices", 'filter: {state: {eq: SENT}}, search: "po 5"'),
        ("activities", 'filter: {type: {eq: NOTE}}, search: "talk"'),
    ):
        answer = await admin.graphql(
            f"{{ {of}({arguments}) {{ totalCount }} {of}Aggregate({arguments}) {{ count }} }}"
        )
        assert answer[f"{of}Aggregate"] == [{"count": answer[of]["totalCount"]}], arguments
        assert answer[of]["totalCount"] > 0


# Keys


async def test_the_age_of_an_invoice_is_what_the_business_says(server: str, db: None) -> None:
    shop = await make_shop()
    for late in (-5, 0, 1, 30, 31, 60, 61, 90, 91, 400):
        day = today() - timedelta(days=late)
        await make_invoice(
            shop.customer,
            entity=shop.entity,
            state=InvoiceState.SENT,
            issue_date=day - timedelta(days=10),
            due_date=day,
        )
    for state in (InvoiceState.DRAFT, InvoiceState.PAID, InvoiceState.VOID):
        await make_in_state(shop, state)

    answer = await groups(server, shop.manager, "invoices", groupBy=by("AGE"))

    expected = gathered(await Invoice.all(), _age)
    ages = ["CURRENT", "DAYS_1_30", "DAYS_31_60", "DAYS_61_90", "OVER_90", None]
    assert [(each["key"]["age"], each["count"]) for each in answer] == [
        (age, len(expected[age])) for age in ages
    ]
    assert [len(expected[age]) for age in ages] == [2, 2, 2, 2, 2, 3]


def _age(invoice: Invoice) -> str | None:
    if invoice.state is not InvoiceState.SENT or invoice.due_date is None:
        return None
    days = rules.days_overdue(
        state=invoice.state,
        due_on=invoice.due_date,
        due=invoice.due_total,
        time_zone=invoice.time_zone,
        now=now(),
    )
    bounds = {0: "CURRENT", 30: "DAYS_1_30", 60: "DAYS_31_60", 90: "DAYS_61_90"}
    return next((age for bound, age in bounds.items() if days <= bound), "OVER_90")


@pytest.mark.parametrize(
    ("zone", "instant", "days"),
    [
        ("UTC", datetime(2026, 1, 1, 0, 0, tzinfo=UTC), ["2026-01-01", "2025-12-29", "2026-01-01"]),
        ("America/New_York", datetime(2026, 1, 1, 4, 59, 59, 999999, UTC), ["2025-12-31", "2025-12-29", "2025-12-01"]),
        ("America/New_York", datetime(2026, 1, 1, 5, 0, tzinfo=UTC), ["2026-01-01", "2025-12-29", "2026-01-01"]),
        ("Pacific/Kiritimati", datetime(2026, 2, 28, 10, 0, tzinfo=UTC), ["2026-03-01", "2026-02-23", "2026-03-01"]),
        # Clocks in Berlin go forward at 1:00 UTC: its day of 29 March lasts 23 hours.
        ("Europe/Berlin", datetime(2026, 3, 28, 23, 0, tzinfo=UTC), ["2026-03-29", "2026-03-23", "2026-03-01"]),
        ("Europe/Berlin", datetime(2026, 3, 29, 21, 59, 59, tzinfo=UTC), ["2026-03-29", "2026-03-23", "2026-03-01"]),
        ("Europe/Berlin", datetime(2026, 3, 29, 22, 0, tzinfo=UTC), ["2026-03-30", "2026-03-30", "2026-03-01"]),
        ("Asia/Kathmandu", datetime(2026, 3, 31, 18, 15, tzinfo=UTC), ["2026-04-01", "2026-03-30", "2026-04-01"]),
    ],
)  # fmt: skip
async def test_days_begin_where_the_caller_says(
    server: str, plain_server: str, db: None, zone: str, instant: datetime, days: list[str]
) -> None:
    admin = await make_user(Role.ADMIN)
    await make_activity(await make_customer(), occurred_at=instant)

    for way in (server, plain_server):
        told = []
        for bucket in ("DAY", "WEEK", "MONTH"):
            (group,) = await groups(way, admin, "activities", groupBy=by(f"OCCURRED {bucket}"), timeZone=zone)
            told.append(group["key"]["occurred"])
        assert told == days


@pytest.mark.parametrize(
    ("bucket", "first_days"),
    [
        ("DAY", ["2025-12-31", "2026-01-01", "2026-03-31", "2026-04-01", "2026-06-30"]),
        ("WEEK", ["2025-12-29", "2026-03-30", "2026-06-29"]),
        ("MONTH", ["2025-12-01", "2026-01-01", "2026-03-01", "2026-04-01", "2026-06-01"]),
        ("QUARTER", ["2025-10-01", "2026-01-01", "2026-04-01"]),
        ("YEAR", ["2025-01-01", "2026-01-01"]),
    ],
)
async def test_days_are_gathered_whatever_the_time_zone(
    server: str, db: None, bucket: str, first_days: list[str]
) -> None:
    """Contracts end on days, not at instants."""
    admin, unit = await make_user(Role.ADMIN), await make_unit()
    for day in ("2025-12-31", "2026-01-01", "2026-03-31", "2026-04-01", "2026-06-30"):
        await make_customer(unit=unit, contract_end=date.fromisoformat(day))

    for zone in ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"):
        answer = await groups(server, admin, "customers", groupBy=by(f"CONTRACT_END {bucket}"), timeZone=zone)
        assert [each["key"]["contractEnd"] for each in answer] == first_days


# Orders


async def test_groups_stand_in_the_order_of_their_keys(server: str, market: Market) -> None:
    admin = market.people["admin"]

    async def told(of: str, field: str, key: str, **more: Any) -> list[Any]:
        return [each["key"][key] for each in await groups(server, admin, of, groupBy=by(field), **more)]

    assert await told("customers", "STAGE", "stage") == [stage.value for stage in Stage]
    falling = [{"key": {"stage": "DESC"}}]
    assert await told("customers", "STAGE", "stage", orderBy=falling) == [s.value for s in reversed(Stage)]
    assert await told("customers", "COUNTRY", "country") == ["DE", "FR", None]
    entities = await told("invoices", "LEGAL_ENTITY", "legalEntity")
    assert [each["name"] for each in entities] == ["North Ltd", "South Ltd"]
    names = [each["name"] for each in await told("invoices", "CUSTOMER", "customer")]
    assert names == sorted(names)
    assert len(names) > 5


async def test_top_customers_by_revenue(server: str, db: None) -> None:
    shop = await make_shop(name="Small")
    large = await make_live_customer(unit=shop.unit, name="Large")
    mixed = await make_live_customer(unit=shop.unit, name="Mixed")
    for customer, amount, currency in (
        (shop.customer, 100, "EUR"),
        (large, 200, "EUR"),
        (large, 300, "EUR"),
        (mixed, 9000, "EUR"),
        (mixed, 1, "USD"),
    ):
        amounts = {"lines_total": amount, "net_total": amount, "tax_total": 0, "gross_total": amount}
        await make_invoice(
            customer,
            entity=shop.entity,
            state=InvoiceState.SENT,
            currency=currency,
            due_total=amount,
            **amounts,
        )

    async def top(direction: str, **more: Any) -> list[str]:
        order = [{"gross": {"sum": direction}}]
        found = await groups(server, shop.manager, "invoices", groupBy=by("CUSTOMER"), orderBy=order, **more)
        return [each["key"]["customer"]["name"] for each in found]

    assert await top("DESC") == ["Large", "Small", "Mixed"]
    assert await top("ASC") == ["Small", "Large", "Mixed"]
    assert await top("DESC", first=1) == ["Large"]
    assert await top("DESC", filter={"currency": {"eq": "EUR"}}) == ["Mixed", "Large", "Small"]


async def test_activity_by_person(server: str, db: None) -> None:
    unit = await make_unit()
    busy, idle = await make_user(Role.AGENT, [unit], name="Busy"), await make_user(Role.AGENT, [unit])
    customer = await make_customer(unit=unit)
    for minutes in (10, 20, None):
        kind = ActivityType.NOTE if minutes is None else ActivityType.CALL
        await make_activity(customer, user=busy.user, type=kind, duration_minutes=minutes)
    await make_activity(customer, user=idle.user)

    answer = await groups(server, idle, "activities", groupBy=by("USER"), orderBy=[{"count": "DESC"}])

    assert [(each["key"]["user"]["name"], each["count"]) for each in answer] == [
        ("Busy", 3),
        (idle.user.name, 1),
    ]
    assert answer[0]["durationMinutes"] == {"sum": "30", "avg": "15", "min": 10, "max": 20}
    assert answer[1]["durationMinutes"] is None
