"""Two units with a little of everything, and whoever looks at them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from factories import (
    Person,
    make_activity,
    make_customer,
    make_invoice,
    make_legal_entity,
    make_live_customer,
    make_pick,
    make_unit,
    make_user,
)

from crm.accounts.models import BusinessUnit
from crm.activities.models import ActivityType, Outcome
from crm.customers.models import Customer, PickList, Stage
from crm.invoices.models import LegalEntity
from crm.invoices.rules import InvoiceState
from crm.kernel.actor import Role
from crm.kernel.clock import today

CURRENCIES = ("EUR", "JPY", "KWD")
COUNTRIES = ("DE", "FR", None)


@dataclass(frozen=True, slots=True)
class Market:
    """Unit north has nine customers, unit south four; `people` look at it, by what they are."""

    north: BusinessUnit
    south: BusinessUnit
    people: dict[str, Person]


async def make_market() -> Market:
    north, south = await make_unit(name="North"), await make_unit(name="South")
    people = {
        "admin": await make_user(Role.ADMIN),
        "manager of north": await make_user(Role.MANAGER, [north]),
        "agent of south": await make_user(Role.AGENT, [south]),
        "analyst of both": await make_user(Role.ANALYST, [north, south]),
        "analyst of none": await make_user(Role.ANALYST),
    }
    await _fill(north, people["manager of north"], 9)
    await _fill(south, people["agent of south"], 4)
    return Market(north, south, people)


async def _fill(unit: BusinessUnit, person: Person, customers: int) -> None:
    entity, industry = await make_legal_entity(name=f"{unit.name} Ltd"), await make_pick(PickList.INDUSTRY)
    stages = list(Stage)
    for n in range(customers):
        end = date(2026, 1, 1) + timedelta(days=40 * n)
        given = {
            "unit": unit,
            "address_country": COUNTRIES[n % 3],
            "currency": CURRENCIES[n % 2],
            "contract_value": None if n % 4 == 3 else Decimal(n * 1000) + Decimal("0.1250"),
            "probability": None if n % 3 == 0 else n * 7,
            "industry": industry if n % 2 else None,
            "contract_start": date(2026, 1, 1),
            "contract_review": end,
            "contract_end": end,
            "archived_at": datetime(2026, 5, 1, tzinfo=UTC) if n == 8 else None,
            "account_manager": person.user,
        }
        if stages[n % 5] is Stage.LIVE:
            customer = await make_live_customer(**given, live_since=datetime(2026, n, 1, tzinfo=UTC))
        else:
            customer = await make_customer(**given, stage=stages[n % 5])
        await _fill_customer(customer, entity, person, n)


async def _fill_customer(customer: Customer, entity: LegalEntity, person: Person, n: int) -> None:
    for k in range(n % 4):
        late = today() - timedelta(days=25 * (n + k) - 10)
        net, tax = Decimal(7 * n + k) / 8, Decimal(n + k) / 8
        amounts = {"lines_total": net, "net_total": net, "tax_total": tax}
        amounts |= {"gross_total": net + tax, "due_total": net + tax}
        given = {"currency": CURRENCIES[(n + k) % 3], "customer_reference": f"PO {n}-{k}"} | amounts
        if k == 2:
            await make_invoice(customer, entity=entity, **given)
        else:
            day = {"issue_date": late - timedelta(days=30), "due_date": late}
            await make_invoice(customer, entity=entity, state=InvoiceState.SENT, **given | day)
    for k in range(n % 3):
        await make_activity(
            customer,
            type=[ActivityType.CALL, ActivityType.NOTE][k % 2],
            outcome=[Outcome.POSITIVE, None][k % 2],
            user=None if n % 2 else person.user,
            duration_minutes=None if k % 2 else 10 * n + 5,
            occurred_at=datetime(2026, 3, 29, 0, 30, tzinfo=UTC) + timedelta(hours=12 * n, days=17 * k),
            title=f"Talk {n}-{k}",
        )
