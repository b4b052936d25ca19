"""Two business units with a record of every kind in each, every text of which says whose it is.

What belongs to a unit holds its `mark`; no answer to somebody who does not reach the unit may hold it, nor an id of its
records. The world holds the crossings too: a customer that moved, a stay in the former unit's segment, and records
that somebody of the other unit had a hand in.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

from factories import (
    Person,
    make_activity,
    make_legal_entity,
    make_live_customer,
    make_pick,
    make_segment,
    make_unit,
    make_user,
)
from import_runs import import_file, run, start
from PIL import Image

from crm.accounts.logins import API_TOKEN, digest, new_token
from crm.accounts.models import ApiToken, BusinessUnit
from crm.activities.models import ActivityType, Outcome
from crm.audit.models import HistoryEntry
from crm.contacts.models import Contact
from crm.customers.models import Customer, PickList
from crm.imports.models import Import
from crm.invoices import drafts, issuing, payments, voiding
from crm.invoices.contents import LineDraft
from crm.invoices.models import Delivery, Invoice, InvoiceLine, LegalEntity, Payment
from crm.kernel import storage
from crm.kernel.actor import Role, Scope, Via
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode
from crm.kernel.models import JobState, OutboxJob
from crm.segments.models import Segment, SegmentMembership

AUTHOR = "AuthorOfBoth"
"""In the name and the address of somebody of unit 2 who had a hand in unit 1's records: see Rule.NAMED."""

ADMINS = "Secret3"
"""The mark of what is for admins."""


@dataclass
class Side:
    """One unit, its people and the ids of its records by GraphQL type."""

    mark: str
    unit: BusinessUnit
    manager: Person
    agent: Person
    ids: dict[str, list[str]] = field(default_factory=dict)
    customer: Customer | None = None
    segment: Segment | None = None

    def note(self, type_name: str, kind: Kind, *rows: Any) -> None:
        self.ids.setdefault(type_name, []).extend(encode(kind, row.id) for row in rows)


@dataclass
class World:
    one: Side
    two: Side
    tokens: dict[str, str | None]
    """By viewer: the token to send."""
    everywhere: str
    """A segment over all units, which is for admins."""
    moved: str
    """A customer that moved from unit 2 to unit 1."""
    shared: dict[str, list[str]] = field(default_factory=dict)


async def make_world() -> World:
    logo = await storage.put_bytes("logos", _picture())
    entity = await make_legal_entity(name="Shared Entity", logo_key=logo.key)
    admin = await make_user(Role.ADMIN, name="Shared Admin")
    one, two = [await _side(number, entity) for number in (1, 2)]
    analyst = await make_user(
        Role.ANALYST, [one.unit], name=f"{one.mark} analyst", email=f"{one.mark}-analyst@kith.example"
    )
    one.note("User", Kind.USER, analyst.user)
    tokens = {
        "anonymous": None,
        "agent of unit 1": one.agent.token,
        "agent of unit 2": two.agent.token,
        "analyst token of unit 1": await _token(one, analyst),
        "manager of unit 1": one.manager.token,
        "admin": admin.token,
    }
    await _token(two, two.manager)
    everywhere, moved = await _crossings(one, two)
    job = await OutboxJob.create(
        kind="sample", payload={"note": one.mark + two.mark}, state=JobState.DEAD, finished_at=now()
    )
    world = World(one, two, tokens, everywhere, moved)
    pick = await make_pick(PickList.INDUSTRY, name="Shared industry")
    world.shared = {
        "LegalEntity": [encode(Kind.LEGAL_ENTITY, entity.id)],
        "PickListItem": [encode(Kind.PICK_LIST_ITEM, pick.id)],
        "Job": [encode(Kind.JOB, job.id)],
    }
    return world


def _picture() -> bytes:
    file = BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    return file.getvalue()


async def _side(number: int, entity: LegalEntity) -> Side:
    mark = f"Secret{number}"
    unit = await make_unit(name=f"{mark} unit")
    manager = await make_user(Role.MANAGER, [unit], name=f"{mark} manager", email=f"{mark}-m@kith.example")
    agent = await make_user(Role.AGENT, [unit], name=f"{mark} agent", email=f"{mark}-a@kith.example")
    side = Side(mark, unit, manager, agent)
    side.note("BusinessUnit", Kind.BUSINESS_UNIT, unit)
    side.note("User", Kind.USER, manager.user, agent.user)
    side.customer = customer = await _customer(side, entity)
    contact = await Contact.get(customer=customer, is_primary=True)
    await Contact.filter(id=contact.id).update(
        name=f"{mark} contact", email=f"{mark}-c@customer.example", notes=mark
    )
    side.note("Contact", Kind.CONTACT, contact)
    activity = await make_activity(
        customer,
        type=ActivityType.CALL,
        outcome=Outcome.POSITIVE,
        title=f"{mark} call",
        description=mark,
        user=agent.user,
        contact=contact,
    )
    side.note("Activity", Kind.ACTIVITY, activity)
    await _invoices(side, customer)
    side.segment = await make_segment(
        unit=unit, members=[customer], name=f"{mark} segment", description=mark, created_by=manager.user
    )
    rule = {"name": {"contains": mark}}
    dynamic = await make_segment(unit=unit, members=[customer], name=f"{mark} dynamic", rule=rule)
    side.note("Segment", Kind.SEGMENT, side.segment, dynamic)
    side.note(
        "SegmentMembership",
        Kind.SEGMENT_MEMBERSHIP,
        *await SegmentMembership.filter(segment__unit_id=unit.id),
    )
    content = f"Name;Email\n{mark} imported;{mark}-i@customer.example\n{mark} bad;nothing\n".encode()
    await import_file(content, manager, unit_id=unit.id)
    await run(await start(content, manager, unit_id=unit.id), manager, confirm_repeat=True)
    side.note("Import", Kind.IMPORT, *await Import.filter(unit_id=unit.id))
    await Import.filter(unit_id=unit.id).update(filename=f"{mark}.csv")
    await HistoryEntry.create(
        subject_kind=Kind.CUSTOMER.value,
        subject_id=customer.id,
        customer_id=customer.id,
        unit=unit,
        user=manager.user,
        actor_name=f"{mark} manager",
        via=Via.API,
        action="update_customer",
        changes=[{"field": "name", "before": mark, "after": mark}],
    )
    side.note("HistoryEntry", Kind.HISTORY_ENTRY, *await HistoryEntry.filter(unit_id=unit.id))
    side.note("Customer", Kind.CUSTOMER, *await Customer.filter(unit_id=unit.id))
    return side


async def _customer(side: Side, entity: LegalEntity) -> Customer:
    mark = side.mark
    texts = (
        "description",
        "address_city",
        "address_building",
        "address_state",
        "vat_id",
        "external_id",
        "registration_number",
    )
    given = {name: f"{mark} {name}" for name in texts}
    return await make_live_customer(
        unit=side.unit,
        manager=side.agent.user,
        name=f"{mark} customer",
        email=f"{mark}@customer.example",
        account_number=f"{mark}-ACC",
        tags=[mark],
        legal_entity=entity,
        tax_rate=Decimal(19),
        contract_value=Decimal(1000),
        probability=50,
        service_manager=side.manager.user,
        created_by=side.manager.user,
        updated_by=side.manager.user,
        website=f"https://{mark.lower()}.example/",
        **given,
    )


async def _invoices(side: Side, customer: Customer) -> None:
    mark, actor = side.mark, side.manager.actor
    lines = [LineDraft(f"{mark} goods", Decimal(1), Decimal(100), tax_rate=Decimal(19))]
    values = {"notes": mark, "customer_reference": f"{mark} reference"}
    draft = await drafts.create_invoice(customer.id, values, lines, actor=actor)
    sent = await drafts.create_invoice(customer.id, values, lines, actor=actor)
    await issuing.send_invoice(sent.id, actor=actor)
    await payments.record_payment(
        sent.id,
        {"amount": Decimal(19), "method": "CASH", "reference": mark},
        expected_version=None,
        actor=actor,
    )
    gone = await drafts.create_invoice(customer.id, values, lines, actor=actor)
    await issuing.send_invoice(gone.id, actor=actor)
    await voiding.void_invoice(gone.id, f"{mark} void", actor=actor)
    await drafts.duplicate_invoice(sent.id, actor=actor)
    pdf = await storage.put_bytes("invoices", f"%PDF-1.7 of {mark}".encode())
    await Invoice.filter(id=sent.id).update(pdf_key=pdf.key, pdf_sha256=pdf.sha256, pdf_size=pdf.size)
    mine = {"invoice__customer_id": customer.id}
    side.note("Invoice", Kind.INVOICE, sent, draft, gone)
    side.note("InvoiceLine", Kind.INVOICE_LINE, *await InvoiceLine.filter(**mine))
    side.note("Payment", Kind.PAYMENT, *await Payment.filter(**mine))
    side.note("Delivery", Kind.DELIVERY, *await Delivery.filter(**mine))


async def _token(side: Side, person: Person) -> str:
    secret = new_token(API_TOKEN)
    row = await ApiToken.create(
        user=person.user,
        name=f"{side.mark} token",
        hint="kith_",
        token_hash=digest(secret),
        scope=Scope.READ,
        expires_at=now() + timedelta(days=1),
    )
    side.note("ApiToken", Kind.API_TOKEN, row)
    return secret


async def _crossings(one: Side, two: Side) -> tuple[str, str]:
    """What tempts an edge to lead across: each would, were it not narrowed.

    Returns a segment over all units, and who moved.
    """
    author = (await make_user(Role.MANAGER, [two.unit], name=AUTHOR, email=f"{AUTHOR}@kith.example")).user
    two.note("User", Kind.USER, author)
    assert one.customer is not None
    assert two.customer is not None
    assert one.segment is not None
    assert two.segment is not None
    # Moved from 2 to 1: its history there, its stay in a segment there, and a segment that a stale stay leads to.
    moved = await make_live_customer(
        unit=one.unit, name=f"{one.mark} moved", manager=one.agent.user, created_by=author, updated_by=author
    )
    one.note("Customer", Kind.CUSTOMER, moved)
    await HistoryEntry.create(
        subject_kind=Kind.CUSTOMER.value, subject_id=moved.id, customer_id=moved.id, unit=two.unit, user=author,
        actor_name=AUTHOR, via=Via.API, action="update_customer",
        changes=[{"field": "name", "before": two.mark, "after": two.mark}],
    )  # fmt: skip
    for segment, customer in ((two.segment, moved), (two.segment, one.customer), (one.segment, two.customer)):
        await SegmentMembership.create(segment=segment, customer=customer)
    # The author had a hand in everything of unit 1.
    await Customer.filter(id=one.customer.id).update(created_by_id=author.id, consent_by_id=author.id)
    await Invoice.filter(customer_id=one.customer.id, number=None).update(created_by_id=author.id)
    # Over all units, for admins only.
    everywhere = await make_segment(members=[one.customer, two.customer], name=f"{ADMINS} everywhere")
    return encode(Kind.SEGMENT, everywhere.id), encode(Kind.CUSTOMER, moved.id)
