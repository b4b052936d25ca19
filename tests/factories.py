"""The one place where tests make records, straight in the database: valid unless asked otherwise.

`db` (tests/conftest.py) empties the tables after each test. Names and e-mails are unique within a run.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from crm.accounts.logins import ACCESS, digest, new_token
from crm.accounts.models import BusinessUnit, Login, Transport, UnitMembership, User
from crm.activities.models import Activity, ActivityType
from crm.contacts.models import Contact
from crm.customers.models import Customer, PickList, PickListItem, Stage, Status
from crm.invoices.models import DocumentKind, Invoice, LegalEntity, NumberSeries
from crm.invoices.rules import InvoiceState
from crm.kernel.actor import Actor, Role
from crm.kernel.clock import now
from crm.kernel.ids import uuid7
from crm.segments.models import Segment, SegmentMembership, SegmentType

PASSWORD = "correct horse battery staple"
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Person:
    """A user with a running login: `token` for the API, `actor` for the services."""

    user: User
    token: str
    actor: Actor


async def make_unit(**fields: Any) -> BusinessUnit:
    return await BusinessUnit.create(**{"name": f"Unit {next(_numbers)}"} | fields)


async def make_user(role: Role = Role.AGENT, units: Iterable[BusinessUnit] = (), **fields: Any) -> Person:
    """A user who is logged in. To log in by password, give a `password_hash`."""
    number = next(_numbers)
    given = {"name": f"User {number}", "email": f"user{number}@kith.example", "password_hash": "!"} | fields
    user = await User.create(role=role, **given)
    units = list(units)
    for unit in units:
        await UnitMembership.create(user=user, unit=unit)
    token, login = await _log_in(user)
    reach = frozenset(unit.id for unit in units)
    return Person(user, token, Actor(user.id, user.name, role, reach, login_id=login.id))


async def _log_in(user: User) -> tuple[str, Login]:
    token, later = new_token(ACCESS), now() + timedelta(hours=1)
    login = await Login.create(
        user=user,
        family=uuid7(),
        transport=Transport.BEARER,
        access_hash=digest(token),
        access_expires_at=later,
        refresh_hash=digest(token + "refresh"),
        refresh_expires_at=later,
    )
    return token, login


async def make_pick(pick_list: PickList, **fields: Any) -> PickListItem:
    given: dict[str, Any] = {"name": f"Choice {next(_numbers)}"} | fields
    if pick_list is PickList.STATUS_LABEL:
        given.setdefault("status", Status.PROSPECT)
    return await PickListItem.create(list=pick_list, **given)


async def make_customer(*, unit: BusinessUnit | None = None, **fields: Any) -> Customer:
    """A prospect, in a unit of its own unless one is given."""
    number = next(_numbers)
    given = {"name": f"Customer {number}", "email": f"office{number}@customer.example"} | fields
    return await Customer.create(unit=unit or await make_unit(), **given)


async def make_live_customer(
    *, unit: BusinessUnit | None = None, manager: User | None = None, **fields: Any
) -> Customer:
    """LIVE and ACTIVE with all that needs: a manager in the unit (made if none is given), a primary contact."""
    unit = unit or await make_unit()
    manager = manager or (await make_user(Role.AGENT, [unit])).user
    number, day = next(_numbers), date(2026, 1, 1)
    given: dict[str, Any] = {
        "stage": Stage.LIVE,
        "status": Status.ACTIVE,
        "live_since": now(),
        "registration_number": f"HRB {number}",
        "account_number": f"ACC-{number}",
        "contract_start": day,
        "contract_end": day + timedelta(days=1000),
        "contract_review": day + timedelta(days=900),
        "account_manager": manager,
        "address_street": "Marktplatz 1",
        "address_city": "Bremen",
        "address_postcode": "28195",
        "address_country": "DE",
    }
    customer = await make_customer(unit=unit, **(given | fields))
    await make_contact(customer)
    return customer


async def make_contact(customer: Customer, **fields: Any) -> Contact:
    """The customer's primary contact if it is the first."""
    number = next(_numbers)
    given = {
        "name": f"Contact {number}",
        "email": f"person{number}@customer.example",
        "phone": f"+4930{number:07}",
        "is_primary": not await Contact.exists(customer=customer, is_primary=True),
    }
    return await Contact.create(customer=customer, **(given | fields))


async def make_activity(customer: Customer, **fields: Any) -> Activity:
    given = {"type": ActivityType.NOTE, "title": f"Note {next(_numbers)}", "occurred_at": now()}
    return await Activity.create(customer=customer, **(given | fields))


async def make_segment(
    *, unit: BusinessUnit | None = None, members: Iterable[Customer] = (), **fields: Any
) -> Segment:
    """Static unless a `rule` is given."""
    kind = SegmentType.DYNAMIC if fields.get("rule") is not None else SegmentType.STATIC
    segment = await Segment.create(
        **{"unit": unit, "name": f"Segment {next(_numbers)}", "type": kind} | fields
    )
    for member in members:
        await SegmentMembership.create(segment=segment, customer=member)
    return segment


async def make_legal_entity(**fields: Any) -> LegalEntity:
    """With a number series for invoices: `INV-{year}-{seq:5}`."""
    number = next(_numbers)
    given = {"name": f"Entity {number}", "address_country": "DE", "currency": "EUR", "vat_id": "DE123456789"}
    entity = await LegalEntity.create(**(given | fields))
    await NumberSeries.create(legal_entity=entity, kind=DocumentKind.INVOICE, pattern="INV-{year}-{seq:5}")
    return entity


async def make_invoice(customer: Customer, *, entity: LegalEntity | None = None, **fields: Any) -> Invoice:
    """A draft without lines; with `state=InvoiceState.SENT` an issued one of 119 (100 net, 19 % tax)."""
    entity = entity or await make_legal_entity()
    given: dict[str, Any] = {
        "currency": entity.currency,
        "payment_terms_days": 30,
        "unit_id": customer.unit_id,
    }
    if fields.get("state") is InvoiceState.SENT:
        given |= _issued(next(_numbers))
    return await Invoice.create(customer=customer, legal_entity=entity, **(given | fields))


def _issued(number: int) -> dict[str, Any]:
    amounts = {"lines_total": 100, "net_total": 100, "tax_total": 19, "gross_total": 119, "due_total": 119}
    return {name: Decimal(amount) for name, amount in amounts.items()} | {
        "number": f"INV-2026-{number:05}",
        "number_year": 2026,
        "number_seq": number,
        "issue_date": date(2026, 1, 1),
        "due_date": date(2026, 1, 31),
        "frozen": {},
        "sent_at": now(),
    }
