"""A small database in which every kind of record is there in its many forms: all that is nullable both null and set."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count, cycle
from typing import Any

from factories import (
    Person,
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
from import_runs import import_file, start

from crm.accounts.logins import API_TOKEN, digest, new_token
from crm.accounts.models import ApiToken, BusinessUnit, User
from crm.activities.models import ActivityType, Outcome
from crm.audit.models import HistoryEntry
from crm.contacts.models import Contact
from crm.customers.models import (
    Consent,
    Customer,
    Phase,
    PickList,
    PickListItem,
    RequiredField,
    Stage,
    Status,
)
from crm.imports.models import Import, ImportState
from crm.invoices import drafts, issuing, payments, voiding
from crm.invoices.contents import LineDraft
from crm.invoices.lines import Discount, TaxCategory
from crm.invoices.models import Delivery, DeliveryState, EmailTemplate, Invoice, LegalEntity
from crm.kernel.actor import Role, Scope, Via
from crm.kernel.ids import Kind, uuid7
from crm.kernel.models import JobState, OutboxJob
from crm.segments.models import SegmentMembership
from crm.segments.refresh import refresh

DAY = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
FAR = datetime(2199, 1, 1, tzinfo=UTC)
FRACTIONS = (0, 120_000, 123_456, 1, 999_999, 100)  # of a second, in microseconds
NAMES = (
    'Ada\'s "Bar" & <Grill>',
    "Back\\slash \\n GmbH",
    "100 % Kaffee_Röster",
    "Æther Œuvre Straße",
    "東京コーヒー株式会社",
    "🦄 Unicorn 👩‍👩‍👧 Ltd",
    "two\nlines\tand a tab",
    "{curly} $1 {0} :p %s",
    "O'Reilly; drop table customer; --",
    "ada",
    "Ada",
    "z",
    "Ünïcødé und so weiter",
    "null",
    "a_b%c",
    "E'\\047",
)
TEXTS = ('It\'s "fine"', "back\\slash", "100 %_", "", "ß 東京 🦄", "a\nb\tc\u2028d\x01", "NULL", "\ufeff")


def moment(number: int) -> datetime:
    """Instants that differ, with and without parts of a second."""
    return DAY + timedelta(hours=number, microseconds=FRACTIONS[number % len(FRACTIONS)])


@dataclass
class World:
    """`viewers` are tokens by name, None for nobody; the rest is what operations may name."""

    viewers: dict[str, str | None] = field(default_factory=dict)
    ids: dict[str, list[str]] = field(default_factory=dict)
    samples: dict[str, list[Any]] = field(default_factory=dict)
    cursors: dict[str, list[str]] = field(default_factory=dict)
    rows: dict[str, list[Any]] = field(default_factory=dict)


@dataclass
class _Maker:
    units: list[BusinessUnit] = field(default_factory=list)
    people: dict[str, Person] = field(default_factory=dict)
    picks: dict[PickList, list[PickListItem]] = field(default_factory=dict)
    entities: list[LegalEntity] = field(default_factory=list)
    customers: list[Customer] = field(default_factory=list)
    numbers: Any = field(default_factory=count)

    @property
    def manager(self) -> Person:
        return self.people["manager"]

    @property
    def users(self) -> list[User]:
        return [person.user for person in self.people.values()]


async def make_world() -> World:
    maker = _Maker()
    await _people(maker)
    secret = await _tokens(maker)
    await _pick_lists(maker)
    await _entities(maker)
    await _customers(maker)
    await _contacts(maker)
    await _invoices(maker)
    await _invoice_types(maker)
    await _activities(maker)
    await _segments(maker)
    await _history(maker)
    await _imports(maker)
    await _jobs(maker)
    await _required_fields()
    viewers = {name: person.token for name, person in maker.people.items() if name != "analyst"}
    return World(viewers={"nobody": None, **viewers, "analyst": secret})


async def _people(maker: _Maker) -> None:
    names = ("Nord", 'Süd "O\'Brien" \\', "Zu")
    maker.units = [await make_unit(name=name, created_at=moment(n)) for n, name in enumerate(names)]
    await BusinessUnit.filter(id=maker.units[2].id).update(archived_at=moment(4), time_zone="Asia/Tokyo")
    north, south, _ = maker.units
    maker.people = {
        "admin": await make_user(Role.ADMIN, name="Älva Admin"),
        "manager": await make_user(Role.MANAGER, [north], name="Mia 'M' Manager", created_at=moment(2)),
        "agent": await make_user(Role.AGENT, [south], name="agnes \\ agent", updated_at=moment(3)),
        "analyst": await make_user(Role.ANALYST, [north, south], name="Ann Ålyst"),
        "colleague": await make_user(Role.AGENT, [north, south], name="Colin", active=False),
    }


async def _tokens(maker: _Maker) -> str:
    """Returns the analyst's; `last_used_at` lies ahead, so that using it writes nothing."""
    secret = new_token(API_TOKEN)
    for name, scope, more in (
        ("analyst", Scope.READ, {"token_hash": digest(secret), "last_used_at": FAR}),
        ("admin", Scope.WRITE, {"revoked_at": moment(1)}),
        ("manager", Scope.READ, {"last_used_at": moment(3), "name": "Tök'en"}),
        ("analyst", Scope.WRITE, {}),
    ):
        given = {"name": f"For {name}", "hint": secret[:6], "token_hash": digest(new_token(API_TOKEN))} | more
        await ApiToken.create(user=maker.people[name].user, scope=scope, expires_at=FAR, **given)
    return secret


async def _pick_lists(maker: _Maker) -> None:
    for wanted in PickList:
        names = (f"{wanted.value} 'one'", "zwei \\ %", "Gone")
        status = {"status": Status.ACTIVE} if wanted is PickList.STATUS_LABEL else {}
        maker.picks[wanted] = [
            await make_pick(
                wanted, name=name, position=n % 2, archived_at=moment(n) if n > 1 else None, **status
            )
            for n, name in enumerate(names)
        ]


async def _entities(maker: _Maker) -> None:
    full = {
        "code": "K1",
        "address_building": "Haus 1",
        "address_street": "Weg 'A' 1",
        "address_city": "Bremen",
        "address_state": "HB",
        "address_postcode": "28195",
        "registration_number": "HRB 1",
        "email": "billing@kith.example",
        "phone": "+493012345678",
        "website": "https://kith.example/?a=1&b=%20",
        "bank_name": "Bänk",
        "iban": "DE02120300000000202051",
        "bic": "BYLADEM1001",
        "payment_instructions": "Please\npay \\ soon",
        "footer": "Foot'er 🦶",
        "logo_key": "logos/one",
        "time_zone": "Europe/Berlin",
        "language": "de-CH",
    }
    maker.entities = [
        await make_legal_entity(name="Kith GmbH", **full),
        await make_legal_entity(name="キス株式会社", currency="JPY", vat_id=None, time_zone="Asia/Tokyo"),
        await make_legal_entity(name="Kith W.L.L.", currency="KWD", address_country="KW"),
        await make_legal_entity(name="Old", archived_at=moment(5), code="X"),
    ]
    for language, entity in (("de", 0), ("en", 0), ("ja", 1)):
        await EmailTemplate.create(
            legal_entity=maker.entities[entity],
            language=language,
            subject="Rechnung {number} 'x'",
            body="Hallo,\n\n{customer} \\ 100 %",
        )


_NULLABLE: Mapping[str, Any] = {
    "fax": "+493099",
    "website": "https://example.com/ä?q='1'",
    "description": 'Long\n"story" \\ 100 %',
    "address_building": "B",
    "address_street": "Straße 1",
    "address_city": "Zürich",
    "address_state": "ZH",
    "address_postcode": "8001",
    "address_country": "CH",
    "billing_building": "C",
    "billing_street": "Rue d'Or",
    "billing_city": "Genève",
    "billing_state": "GE",
    "billing_postcode": "1201",
    "billing_country": "FR",
    "vat_id": "CHE-123",
    "contract_value": Decimal("1234.5678"),
    "probability": 50,
    "tax_rate": Decimal("7.7000"),
    "payment_terms_days": 14,
    "consent_at": moment(7),
    "churned_at": moment(8),
    "churn_reason": "Too 'dear' \\ %",
    "last_activity_at": moment(9),
    "external_id": "EXT-{n}",
    "phone": "+4930{n}123",
    "live_since": moment(10),
}


async def _customers(maker: _Maker) -> None:
    for n, name in enumerate(NAMES):
        given = _given(maker, n) | {"name": name, "email": f"o'ffice{n}@cust.example"}
        unit = maker.units[1] if n % 3 == 2 else maker.units[0]
        if n % 2:
            owner = maker.people["agent" if n % 3 == 2 else "manager"].user
            made = await make_live_customer(unit=unit, manager=owner, **given)
        else:
            stages = [each for each in Stage if each is not Stage.LIVE]
            made = await make_customer(unit=unit, **{"stage": stages[n // 2 % len(stages)]} | given)
        maker.customers.append(made)


def _given(maker: _Maker, n: int) -> dict[str, Any]:
    """Each nullable column is null for some customers and set for others, in many combinations."""
    chosen = [name for place, name in enumerate(_NULLABLE) if (n * 7 + place * 3) % 5 < 3]
    values = {name: _numbered(_NULLABLE[name], n) for name in chosen}
    values |= {"created_at": moment(n), "updated_at": moment(n * 2 % 7), "version": n + 1}
    values |= {"currency": ("EUR", "JPY", "KWD")[n % 3], "consent": list(Consent)[n % 3]}
    values |= {"tags": [[], ["vip"], ["vip", "it's", 'q"', "a,b", "\\", "NULL", "🦄", "{}"]][n % 3]}
    values |= {"language": ("en", "de-CH")[n % 2], "billing_same": n % 4 == 0}
    values |= (
        {"discount_percent": Decimal("12.5")},
        {"discount_amount": Decimal(3)},
        {},
        {"discount_percent": Decimal("0.0000")},
        {"discount_amount": Decimal(1)},
    )[n % 5]
    if n % 5 == 1:
        values |= {"blocked_at": moment(n), "blocked_reason": "Didn't pay \\ 100 %"}
    if n % 4 == 3:
        values |= {"archived_at": moment(n)}
    if n % 2:
        values |= {"status": (Status.ACTIVE, Status.INACTIVE, Status.CHURNED)[n // 2 % 3]}
        if n // 2 % 3 == 2:
            values |= {"churn_reason": "Moved"}
    for place, name in enumerate(
        ("status_label", "customer_group", "industry", "source", "service_provision")
    ):
        if (n + place) % 2:
            values[name] = maker.picks[PickList[name.upper()]][(n + place) % 3]
    for place, name in enumerate(("service_manager", "consent_by", "blocked_by", "created_by", "updated_by")):
        if (n + place) % 3:
            values[name] = maker.users[(n + place) % len(maker.users)]
    if n % 3 != 1 or n % 2:
        values["legal_entity"] = maker.entities[n % 3]
    return values


def _numbered(value: Any, n: int) -> Any:
    return value.replace("{n}", str(n)) if isinstance(value, str) else value


async def _contacts(maker: _Maker) -> None:
    full = {
        "title": "Head of 'Buying'",
        "department": "IT \\ Ops",
        "handle": "@x_y%",
        "notes": "Prefers\ntea 🍵",
        "consent": Consent.GIVEN,
        "consent_at": moment(5),
    }
    for n, customer in enumerate(maker.customers[:12]):
        for m in range(n % 3):
            chosen = {name: value for place, (name, value) in enumerate(full.items()) if (n + m + place) % 2}
            phone = {"phone": None} if m else {}
            await make_contact(
                customer, name=NAMES[(n + m * 5) % len(NAMES)], created_at=moment(m), **chosen | phone
            )


_LINES = (
    LineDraft("Coffee, 1 kg", Decimal(2), Decimal("50.00"), tax_rate=Decimal(19)),
    LineDraft(
        "Fine\n'print' \\ %", Decimal("0.333333"), Decimal("1.123456"), unit="HUR", tax_rate=Decimal("7.7")
    ),
    LineDraft(
        "Off",
        Decimal(3),
        Decimal("10.5"),
        discount=Discount(percent=Decimal("33.3333")),
        tax_rate=Decimal(19),
    ),
    LineDraft("Free", Decimal(1), Decimal(0), tax_category=TaxCategory.REVERSE_CHARGE),
    LineDraft(
        "Less",
        Decimal(10),
        Decimal("100.1"),
        discount=Discount(amount=Decimal(5)),
        tax_category=TaxCategory.ZERO_RATED,
    ),
)


async def _invoices(maker: _Maker) -> None:
    billable = [
        each
        for each in maker.customers
        if each.stage is Stage.LIVE and not each.blocked_at and not each.archived_at
    ]
    steps = cycle(("draft", "sent", "part", "paid", "void", "overdue"))
    turns = [(customer, next(steps)) for _ in range(4) for customer in billable]
    made = [await _invoice(maker, customer, step, n) for n, (customer, step) in enumerate(turns)]
    await drafts.duplicate_invoice(made[1].id, actor=maker.people["admin"].actor)
    await make_invoice(maker.customers[3], entity=maker.entities[3])
    issued = [each for each in made if each.number]
    for n, each in enumerate(issued[::2]):
        await Invoice.filter(id=each.id).update(pdf_key=f"invoices/{n}", pdf_sha256="ab" * 32, pdf_size=n + 1)
    await _deliveries()


async def _invoice(maker: _Maker, customer: Customer, step: str, n: int) -> Invoice:
    actor = maker.people["admin"].actor
    values: dict[str, Any] = {"legal_entity_id": maker.entities[n % 3].id}
    if n % 2:
        discount = Discount(percent=Decimal("2.5")) if n % 4 == 1 else Discount(amount=Decimal(1))
        values |= {"discount": discount, "notes": "No'te\n\\", "customer_reference": f"PO_{n} 100%"}
    if n % 3 == 1:
        values |= {"invoice_type_id": maker.picks[PickList.INVOICE_TYPE][n % 2].id}
        values |= {"delivery_date": date(2026, 2, n % 28 + 1), "language": "de"}
    invoice = await drafts.create_invoice(customer.id, values, _LINES[: 1 + n % len(_LINES)], actor=actor)
    if step == "draft":
        return invoice
    await Invoice.filter(id=invoice.id).update(created_at=moment(n % 5))
    await issuing.send_invoice(invoice.id, actor=actor)
    match step:
        case "part":
            half = {"amount": Decimal(1), "method": "CARD", "reference": "Re'f \\"}
            await payments.record_payment(invoice.id, half, expected_version=None, actor=actor)
        case "paid":
            await payments.mark_invoice_paid(invoice.id, {}, actor=actor)
        case "void":
            await voiding.void_invoice(invoice.id, "By 'mistake' \\", actor=actor)
    return await Invoice.get(id=invoice.id)


async def _invoice_types(maker: _Maker) -> None:
    for n, customer in enumerate(maker.customers):
        await customer.invoice_types.add(*maker.picks[PickList.INVOICE_TYPE][: n % 4])
        if customer.discount_amount is not None:  # finer and larger than its invoices could bear
            await Customer.filter(id=customer.id).update(discount_amount=Decimal("1000.2555"))


async def _deliveries() -> None:
    states: Iterable[dict[str, Any]] = cycle(
        (
            {},
            {"state": DeliveryState.SENT, "sent_at": moment(3), "attempts": 1},
            {"state": DeliveryState.FAILED, "reason": "550 'no' \\ such\nuser", "attempts": 5},
            {"reason": "421 later", "recipient_name": "", "created_by_id": None},
        )
    )
    for delivery, change in zip(await Delivery.all().order_by("id"), states, strict=False):
        if change:
            await Delivery.filter(id=delivery.id).update(**change)


async def _activities(maker: _Maker) -> None:
    invoices = await Invoice.filter(number__isnull=False).order_by("id").limit(3)
    for n in range(24):
        customer = maker.customers[n * 5 % len(maker.customers)]
        kind = list(ActivityType)[n % 6]
        timed = kind in {ActivityType.CALL, ActivityType.MEETING}
        await make_activity(
            customer,
            type=kind,
            title=NAMES[n % len(NAMES)],
            description=TEXTS[n % len(TEXTS)] if n % 3 else None,
            occurred_at=FAR if n % 8 == 0 else moment(n % 9),
            duration_minutes=n if timed and n % 4 else None,
            outcome=list(Outcome)[n % 3] if n % 4 else None,
            user=maker.users[n % 5] if n % 5 else None,
            contact=await Contact.filter(customer=customer).first() if n % 2 else None,
            invoice_id=invoices[n % 3].id if n % 6 == 1 else uuid7() if n == 4 else None,
        )


async def _segments(maker: _Maker) -> None:
    north, south, _ = maker.units
    users = maker.users
    rule = {
        "or": [
            {"tags": {"has": "vip"}},
            {"contractValue": {"gt": "1000.50"}},
            {"not": {"name": {"contains": "a"}}},
        ]
    }
    gold = await make_segment(unit=north, name="Gold 'n %", members=maker.customers[:5], created_by=users[0])
    silver = await make_segment(
        unit=south, name="Silber \\", description="D'oh 100_", members=maker.customers[2:9:3]
    )
    await make_segment(name="Everywhere", members=maker.customers[::4])
    await make_segment(unit=north, name="Old", archived_at=moment(3), members=maker.customers[:2])
    for unit in (north, south, None):
        dynamic = await make_segment(
            unit=unit, name=f"Rule {unit and unit.name}", rule=rule, stale_since=moment(2)
        )
        await refresh(dynamic.id)
    await SegmentMembership.filter(segment=gold, customer=maker.customers[1]).update(left_at=FAR)
    for n, customer in enumerate(maker.customers[5:9]):
        await SegmentMembership.create(
            segment=(gold, silver)[n % 2],
            customer=customer,
            entered_at=moment(n),
            left_at=moment(n + 3),
            added_by=users[n],
        )


async def _history(maker: _Maker) -> None:
    changes = [
        {"field": "name", "before": None, "after": "Ä 'new' \\ name"},
        {"field": "contract_value", "before": "1.50", "after": None},
        {"field": "address_city", "before": "", "after": "x\ny"},
        {"field": "tags", "before": ["a", "b"], "after": []},
        {
            "field": "legal_entity_id",
            "before": {"id": "ent_1", "name": "Kith"},
            "after": {"id": "ent_2", "name": None},
        },
        {"field": "billing_same", "before": True, "after": False},
        {"field": "probability", "before": 0, "after": 100},
        {"field": "x", "before": [1, [2, {"a": None}]], "after": {"z": 1, "a": {}}},
    ]
    for n in range(10):
        customer = maker.customers[n]
        await HistoryEntry.create(
            subject_kind=Kind.CUSTOMER.value,
            subject_id=customer.id,
            customer_id=customer.id if n % 4 else None,
            unit_id=customer.unit_id if n % 5 else None,
            user=maker.users[n % 5] if n % 3 else None,
            actor_name="Kith 'x'",
            via=list(Via)[n % 4],
            action="up_date",
            changes=changes[: n % 9],
            created_at=moment(n % 4),
        )


_FILE = (
    b"Name;Email;Phone;Country;Value\n"
    b"Fresh 'One' \\;fresh@new.example;+49 30 1234567;DE;1,5\n"
    b";nobody@new.example;;DE;\n"
    b"Bad;not an address;12;XX;abc\n"
    b"Twice;fresh@new.example;;;\n"
    b'Quoted ""x"";q@new.example;;;2\n'
)


async def _imports(maker: _Maker) -> None:
    admin, (north, south, _) = maker.people["admin"], maker.units
    await import_file(_FILE, admin, unit_id=north.id)
    again = await start(_FILE, admin, unit_id=north.id, name="again 'x'.csv")
    await Import.filter(id=again.id).update(
        options={
            "date_order": "DAY_FIRST",
            "decimal_comma": True,
            "default_country": "DE",
            "unknown_choices": "LEAVE_EMPTY",
        }
    )
    other = await start(_FILE, admin, unit_id=south.id, name="ä.csv")
    await Import.filter(id=other.id).update(
        state=ImportState.RUNNING,
        started_at=moment(3),
        rows_total=7,
        rows_done=3,
        created_count=3,
        updated_at=moment(5),
    )
    failed = await start(b"name,name,\nA,B,C\n", admin, unit_id=south.id)
    await Import.filter(id=failed.id).update(
        state=ImportState.FAILED,
        failure={"code": "NOT_CSV", "message": "It's \\ bad", "line": 3},
        finished_at=moment(3),
    )
    looked = await start(_FILE, admin, unit_id=north.id)
    await Import.filter(id=looked.id).update(
        state=ImportState.PREVIEWING, checkpoint={"offset": 33, "line": 2}
    )


async def _jobs(maker: _Maker) -> None:
    """What waits is due far ahead, so that the backlog says the same at any moment."""
    del maker
    await OutboxJob.filter(state=JobState.PENDING).update(run_after=FAR)
    for n in range(3):
        await OutboxJob.create(
            kind="event",
            payload={"n": n, "text": 'it\'s \\ "x"', "deep": {"a": [1.5, None, True]}},
            state=JobState.DEAD,
            attempts=n,
            last_error="Tra'ce\nback \\" if n else None,
            run_after=moment(n),
            finished_at=moment(n),
        )


async def _required_fields() -> None:
    """Last, for an import would have to name them."""
    for phase, name in ((Phase.CREATE, "industry_id"), (Phase.LIVE, "address_city"), (Phase.LIVE, "phone")):
        await RequiredField.create(phase=phase, field=name)
