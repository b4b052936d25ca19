"""Refusals where two rooms meet, through the API: each has its code, says where, and changes nothing."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from factories import (
    Person,
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
from kith_client import Kith

from crm.accounts.models import BusinessUnit
from crm.customers.models import Customer, PickList, Status
from crm.invoices.models import Invoice, LegalEntity
from crm.invoices.rules import InvoiceState
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode, uuid7
from tests.e2e.snapshot import snapshot

Refusal = tuple[str, list[str]]
LINES = [{"description": "Tea", "quantity": "1", "unitPrice": "2.50", "taxRate": "7"}]
TOMORROW = (date.today() + timedelta(days=2)).isoformat()  # noqa: DTZ011  any day after every zone's today


@dataclass(frozen=True)
class Office:
    """A unit with its manager, a LIVE customer of it with an entity that bills it; and a stranger elsewhere."""

    kith: Kith
    manager: Person
    unit: BusinessUnit
    entity: LegalEntity
    customer: Customer
    elsewhere: BusinessUnit
    stranger: Person

    async def refused(self, mutation: str, **given: Any) -> list[Refusal]:
        """Calls it, finds nothing changed, and returns code and path of every error."""
        before = await snapshot()
        kind = INPUTS.get(mutation) or f"{mutation[0].upper()}{mutation[1:]}Input"
        payload = await self.kith.mutate(mutation, kind, "", given)
        assert await snapshot() == before
        return [(error["code"], error["path"]) for error in payload["errors"]]


INPUTS = {
    **dict.fromkeys(("goLiveCustomer", "deleteCustomer"), "CustomerInput"),
    **dict.fromkeys(("assignAccountManager", "assignServiceManager"), "AssignManagerInput"),
    **dict.fromkeys(("deleteInvoice", "previewInvoice", "duplicateInvoice"), "InvoiceInput"),
    **dict.fromkeys(("deleteContact", "setPrimaryContact"), "ContactInput"),
    "addCustomersToSegment": "SegmentCustomersInput",
}


@pytest.fixture
async def office(server: str, db: None) -> Office:
    unit, elsewhere = await make_unit(), await make_unit()
    manager = await make_user(Role.MANAGER, [unit])
    entity = await make_legal_entity()
    customer = await make_live_customer(unit=unit, manager=manager.user, legal_entity=entity)
    stranger = await make_user(Role.AGENT, [elsewhere])
    return Office(Kith(server, manager.token), manager, unit, entity, customer, elsewhere, stranger)


def ref(kind: Kind, row: Any) -> str:
    return encode(kind, row.id)


# --- Who looks after whom ------------------------------------------------------------------------------------


async def test_nobody_from_another_unit_looks_after_a_customer(office: Office) -> None:
    customer, stranger = ref(Kind.CUSTOMER, office.customer), ref(Kind.USER, office.stranger.user)
    new = {"name": "New", "email": "new@kith.example"}

    assert await office.refused("createCustomer", **new, accountManagerId=stranger) == [
        ("NOT_A_UNIT_MEMBER", ["accountManagerId"])
    ]
    assert await office.refused(
        "updateCustomer", id=customer, expectedVersion=1, accountManagerId=stranger, serviceManagerId=stranger
    ) == [("NOT_A_UNIT_MEMBER", ["accountManagerId"]), ("NOT_A_UNIT_MEMBER", ["serviceManagerId"])]
    for mutation, field in (
        ("assignAccountManager", "accountManagerId"),
        ("assignServiceManager", "serviceManagerId"),
    ):
        assert await office.refused(mutation, id=customer, userId=stranger) == [
            ("NOT_A_UNIT_MEMBER", [field])
        ]


async def test_a_customer_does_not_move_away_from_who_looks_after_it(server: str, office: Office) -> None:
    admin = await make_user(Role.ADMIN)
    customer, elsewhere = ref(Kind.CUSTOMER, office.customer), ref(Kind.BUSINESS_UNIT, office.elsewhere)
    everywhere = Office(Kith(server, admin.token), *list(vars(office).values())[1:])

    assert await everywhere.refused("moveCustomer", id=customer, unitId=elsewhere) == [
        ("NOT_A_UNIT_MEMBER", ["accountManagerId"])
    ]
    assert await office.refused("moveCustomer", id=customer, unitId=elsewhere) == [("NOT_FOUND", ["unitId"])]


async def test_who_looks_after_customers_does_not_leave_their_unit(server: str, office: Office) -> None:
    admin = await make_user(Role.ADMIN)
    everywhere = Office(Kith(server, admin.token), *list(vars(office).values())[1:])
    manager = ref(Kind.USER, office.manager.user)

    refusal = await everywhere.refused("setUserUnits", id=manager, unitIds=[])

    assert [code for code, _ in refusal] == ["USER_MANAGES_CUSTOMERS"]


async def test_going_live_names_everything_that_is_missing(office: Office) -> None:
    bare = await make_customer(unit=office.unit)

    assert await office.refused("goLiveCustomer", id=ref(Kind.CUSTOMER, bare)) == [
        ("REQUIRED", ["registrationNumber"]),
        ("REQUIRED", ["accountNumber"]),
        ("REQUIRED", ["contractStart"]),
        ("REQUIRED", ["contractEnd"]),
        ("REQUIRED", ["contractReview"]),
        ("REQUIRED", ["accountManagerId"]),
        ("REQUIRED", ["primaryContact"]),
    ]


# --- Contacts, activities, segments ----------------------------------------------------------------------------


async def test_a_live_customer_keeps_its_primary_contact_and_how_to_reach_it(office: Office) -> None:
    primary = await office.customer.contacts.filter(is_primary=True).get()
    silent = await make_contact(office.customer, phone=None)
    contact = ref(Kind.CONTACT, primary)

    assert await office.refused("deleteContact", id=contact) == [("PRIMARY_CONTACT", ["id"])]
    for refusal in (
        await office.refused("updateContact", id=contact, phone=None),
        await office.refused("setPrimaryContact", id=ref(Kind.CONTACT, silent)),
    ):
        assert [code for code, _ in refusal] == ["LIVE_CUSTOMER_INCOMPLETE"]


async def test_another_customers_contact_is_nobody_here(office: Office) -> None:
    other = await make_live_customer(unit=office.unit, manager=office.manager.user)
    theirs = ref(Kind.CONTACT, await other.contacts.all().get())
    customer = ref(Kind.CUSTOMER, office.customer)
    draft = await make_invoice(office.customer, entity=office.entity)

    assert await office.refused(
        "logActivity", customerId=customer, type="CALL", title="Hello", contactId=theirs
    ) == [("NOT_FOUND", ["contactId"])]
    assert await office.refused(
        "sendInvoice", id=ref(Kind.INVOICE, draft), recipients=[{"contactId": theirs}]
    ) == [("NOT_FOUND", ["recipients", "0", "contactId"])]


async def test_a_segment_takes_no_customer_of_another_unit(office: Office) -> None:
    segment = ref(Kind.SEGMENT, await make_segment(unit=office.unit))
    foreign = await make_customer(unit=office.elsewhere)
    customers = [ref(Kind.CUSTOMER, office.customer), ref(Kind.CUSTOMER, foreign)]

    assert await office.refused("addCustomersToSegment", id=segment, customerIds=customers) == [
        ("NOT_FOUND", ["customerIds", "1"])
    ]


async def test_choices_come_from_their_own_list_and_fit_the_status(office: Office) -> None:
    source = ref(Kind.PICK_LIST_ITEM, await make_pick(PickList.SOURCE))
    lost = ref(Kind.PICK_LIST_ITEM, await make_pick(PickList.STATUS_LABEL, status=Status.CHURNED))
    customer = {"id": ref(Kind.CUSTOMER, office.customer), "expectedVersion": 1}

    assert await office.refused("updateCustomer", **customer, industryId=source, statusLabelId=lost) == [
        ("LABEL_OF_OTHER_STATUS", ["statusLabelId"]),
        ("NOT_FOUND", ["industryId"]),
    ]


# --- Invoices --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("standing", "code"),
    [
        ("prospect", "CUSTOMER_NOT_LIVE"),
        ("blocked", "CUSTOMER_BLOCKED"),
        ("archived", "CUSTOMER_ARCHIVED"),
    ],
)
async def test_who_is_not_live_or_is_blocked_or_archived_is_not_invoiced(
    office: Office, standing: str, code: str
) -> None:
    draft = await make_invoice(office.customer, entity=office.entity)
    if standing == "blocked":
        await Customer.filter(id=office.customer.id).update(blocked_at=now(), blocked_reason="Owes us")
    if standing == "archived":
        await Customer.filter(id=office.customer.id).update(archived_at=now())
    prospect = await make_customer(unit=office.unit, legal_entity=office.entity)
    customer = ref(Kind.CUSTOMER, prospect if standing == "prospect" else office.customer)

    for mutation in ("createInvoice", "createAndSendInvoice"):
        assert await office.refused(mutation, customerId=customer, lines=LINES) == [(code, ["customerId"])]
    if standing != "prospect":
        for mutation in ("sendInvoice", "duplicateInvoice"):
            refusal = await office.refused(mutation, id=ref(Kind.INVOICE, draft))
            assert [each for each, _ in refusal] == [code], mutation


async def test_an_invoice_refers_only_to_what_is_there(office: Office) -> None:
    goods = await make_pick(PickList.INVOICE_TYPE)
    services = ref(Kind.PICK_LIST_ITEM, await make_pick(PickList.INVOICE_TYPE))
    await office.customer.invoice_types.add(goods)
    new = {"customerId": ref(Kind.CUSTOMER, office.customer), "lines": LINES}

    assert await office.refused("createInvoice", **new, legalEntityId=encode(Kind.LEGAL_ENTITY, uuid7())) == [
        ("NOT_FOUND", ["legalEntityId"])
    ]
    assert await office.refused("createInvoice", **new, invoiceTypeId=services) == [
        ("INVOICE_TYPE_NOT_ALLOWED", ["invoiceTypeId"])
    ]
    await LegalEntity.filter(id=office.entity.id).update(archived_at=now())
    assert await office.refused("createInvoice", **new) == [("LEGAL_ENTITY_ARCHIVED", ["legalEntityId"])]


ALLOWED = {
    InvoiceState.DRAFT: {
        "updateInvoice",
        "deleteInvoice",
        "previewInvoice",
        "sendInvoice",
        "duplicateInvoice",
    },
    InvoiceState.SENT: {
        "resendInvoice",
        "recordPayment",
        "markInvoicePaid",
        "voidInvoice",
        "duplicateInvoice",
    },
    InvoiceState.PAID: {"duplicateInvoice"},
    InvoiceState.VOID: {"duplicateInvoice"},
}
ACTIONS: dict[str, dict[str, Any]] = {
    "updateInvoice": {"expectedVersion": 1, "notes": "Changed"},
    "deleteInvoice": {},
    "previewInvoice": {},
    "sendInvoice": {},
    "resendInvoice": {},
    "recordPayment": {"amount": "1.00", "method": "CASH"},
    "markInvoicePaid": {},
    "voidInvoice": {"reason": "Wrong"},
    "duplicateInvoice": {},
}


@pytest.mark.parametrize("state", ALLOWED)
async def test_what_an_invoices_state_does_not_allow_is_refused(office: Office, state: InvoiceState) -> None:
    invoice = await invoice_in(office, state)

    for action, more in ACTIONS.items():
        if action not in ALLOWED[state]:
            refusal = await office.refused(action, id=ref(Kind.INVOICE, invoice), **more)
            assert refusal == [("INVALID_TRANSITION", [])], action
    assert set(ACTIONS) == set.union(*ALLOWED.values())


async def invoice_in(office: Office, state: InvoiceState) -> Invoice:
    """Brought there by the API where it is no draft and not just sent."""
    first = InvoiceState.DRAFT if state is InvoiceState.DRAFT else InvoiceState.SENT
    invoice = await make_invoice(office.customer, entity=office.entity, state=first)
    here = {"id": ref(Kind.INVOICE, invoice)}
    if state is InvoiceState.PAID:
        done = await office.kith.mutate("markInvoicePaid", "MarkInvoicePaidInput", "invoice { state }", here)
        assert done["invoice"]["state"] == "PAID"
    if state is InvoiceState.VOID:
        wrong = here | {"reason": "Wrong"}
        done = await office.kith.mutate("voidInvoice", "VoidInvoiceInput", "invoice { state }", wrong)
        assert done["invoice"]["state"] == "VOID"
    return invoice


@pytest.mark.parametrize(
    ("payment", "refusal"),
    [
        ({"amount": "119.01"}, ("ABOVE_DUE", ["amount"])),
        ({"amount": "0"}, ("NOT_POSITIVE", ["amount"])),
        ({"amount": "-5"}, ("NOT_POSITIVE", ["amount"])),
        ({"amount": "1.005"}, ("TOO_MANY_DECIMALS", ["amount"])),
        ({"amount": "1", "paidOn": TOMORROW}, ("IN_THE_FUTURE", ["paidOn"])),
    ],
)
async def test_money_that_cannot_be_is_not_recorded(
    office: Office, payment: dict[str, str], refusal: Refusal
) -> None:
    invoice = await make_invoice(office.customer, entity=office.entity, state=InvoiceState.SENT)

    assert await office.refused("recordPayment", id=ref(Kind.INVOICE, invoice), method="CASH", **payment) == [
        refusal
    ]


async def test_an_invoice_that_is_paid_in_part_is_not_voided(office: Office) -> None:
    invoice = {
        "id": ref(
            Kind.INVOICE, await make_invoice(office.customer, entity=office.entity, state=InvoiceState.SENT)
        )
    }
    paid = invoice | {"amount": "19", "method": "CASH"}
    done = await office.kith.mutate("recordPayment", "RecordPaymentInput", "invoice { state }", paid)
    assert done["invoice"]["state"] == "SENT"

    assert await office.refused("voidInvoice", **invoice, reason="Wrong") == [
        ("INVOICE_HAS_PAYMENTS", ["id"])
    ]


async def test_a_customer_with_invoices_is_not_deleted(office: Office) -> None:
    customer = {"id": ref(Kind.CUSTOMER, office.customer)}
    await make_invoice(office.customer, entity=office.entity)

    assert await office.refused("deleteCustomer", **customer) == [("CUSTOMER_HAS_DRAFTS", ["id"])]
    await make_invoice(office.customer, entity=office.entity, state=InvoiceState.SENT)
    assert await office.refused("deleteCustomer", **customer) == [("CUSTOMER_HAS_INVOICES", ["id"])]
