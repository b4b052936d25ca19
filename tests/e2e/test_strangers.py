"""Every mutation that names a record, tried by those who may not: nobody is told more than they may know.

The table of mutations is held complete against the schema.
"""

from dataclasses import dataclass
from typing import Any

from factories import (
    Person,
    make_activity,
    make_contact,
    make_invoice,
    make_live_customer,
    make_segment,
    make_unit,
    make_user,
)
from graphql import GraphQLInputObjectType, GraphQLNonNull, build_schema
from kith_client import GraphQLFailed, Kith

from api.schema import schema
from crm.accounts.models import BusinessUnit
from crm.imports.models import Import
from crm.invoices.models import Delivery
from crm.invoices.rules import InvoiceState
from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode, uuid7
from tests.e2e.snapshot import snapshot

LINE = {"description": "Tea", "quantity": "1", "unitPrice": "2.50"}
NEW_INVOICE = {"lines": [LINE]}
REASON = {"reason": "Because."}

# By mutation: what its id names, and what else it wants to be given.
NAMING: dict[str, tuple[Kind, dict[str, Any]]] = {
    "activateCustomer": (Kind.CUSTOMER, {}),
    "archiveCustomer": (Kind.CUSTOMER, {}),
    "assignAccountManager": (Kind.CUSTOMER, {"userId": None}),
    "assignServiceManager": (Kind.CUSTOMER, {"userId": None}),
    "blockCustomer": (Kind.CUSTOMER, REASON),
    "churnCustomer": (Kind.CUSTOMER, REASON),
    "deactivateCustomer": (Kind.CUSTOMER, {}),
    "deleteCustomer": (Kind.CUSTOMER, {}),
    "goLiveCustomer": (Kind.CUSTOMER, {}),
    "recordCustomerConsent": (Kind.CUSTOMER, {"consent": "GIVEN"}),
    "restoreCustomer": (Kind.CUSTOMER, {}),
    "setCustomerInvoiceTypes": (Kind.CUSTOMER, {"invoiceTypeIds": []}),
    "setCustomerStage": (Kind.CUSTOMER, {"stage": "QUALIFIED"}),
    "tagCustomer": (Kind.CUSTOMER, {"add": ["mine"]}),
    "unblockCustomer": (Kind.CUSTOMER, {}),
    "updateCustomer": (Kind.CUSTOMER, {"expectedVersion": 1, "name": "Mine"}),
    "moveCustomer": (Kind.CUSTOMER, {"unitId": "own"}),
    "createContact": (Kind.CUSTOMER, {"name": "Eve", "email": "eve@kith.example"}),
    "logActivity": (Kind.CUSTOMER, {"type": "NOTE", "title": "Was here"}),
    "createInvoice": (Kind.CUSTOMER, NEW_INVOICE),
    "createAndSendInvoice": (Kind.CUSTOMER, NEW_INVOICE),
    "deleteContact": (Kind.CONTACT, {}),
    "setPrimaryContact": (Kind.CONTACT, {}),
    "updateContact": (Kind.CONTACT, {"name": "Eve"}),
    "deleteActivity": (Kind.ACTIVITY, {}),
    "updateActivity": (Kind.ACTIVITY, {"title": "Was here"}),
    "addCustomersToSegment": (Kind.SEGMENT, {"customerIds": ["own"]}),
    "removeCustomersFromSegment": (Kind.SEGMENT, {"customerIds": ["own"]}),
    "archiveSegment": (Kind.SEGMENT, {}),
    "deleteSegment": (Kind.SEGMENT, {}),
    "refreshSegment": (Kind.SEGMENT, {}),
    "restoreSegment": (Kind.SEGMENT, {}),
    "updateSegment": (Kind.SEGMENT, {"name": "Mine"}),
    "deleteInvoice": (Kind.INVOICE, {}),
    "duplicateInvoice": (Kind.INVOICE, {}),
    "markInvoicePaid": (Kind.INVOICE, {}),
    "previewInvoice": (Kind.INVOICE, {}),
    "recordPayment": (Kind.INVOICE, {"amount": "1", "method": "CASH"}),
    "resendInvoice": (Kind.INVOICE, {}),
    "sendInvoice": (Kind.INVOICE, {}),
    "updateInvoice": (Kind.INVOICE, {"expectedVersion": 1, "notes": "Mine"}),
    "voidInvoice": (Kind.INVOICE, REASON),
    "retryDelivery": (Kind.DELIVERY, {}),
    "configureImport": (Kind.IMPORT, {"duplicateRule": "UPDATE"}),
    "previewImport": (Kind.IMPORT, {}),
    "runImport": (Kind.IMPORT, {}),
    "cancelImport": (Kind.IMPORT, {}),
}
FOR_ADMINS = {
    *("createUser", "updateUser", "deactivateUser", "reactivateUser", "setUserUnits", "resetPassword"),
    *("createBusinessUnit", "updateBusinessUnit", "archiveBusinessUnit", "restoreBusinessUnit"),
    *("createPickListItem", "renamePickListItem", "movePickListItem", "archivePickListItem"),
    *("restorePickListItem", "deletePickListItem", "setRequiredFields", "retryJob"),
    *("createLegalEntity", "updateLegalEntity", "archiveLegalEntity", "restoreLegalEntity", "setEntityLogo"),
    *("removeEntityLogo", "setNumberSeries", "setEmailTemplate", "deleteEmailTemplate"),
}
NAMING_NOTHING = {
    *("logIn", "refreshLogin", "logOut", "logOutEverywhere", "changePassword", "createApiToken"),
    *("revokeApiToken", "createCustomer", "createStaticSegment", "createDynamicSegment"),
    "startCustomerImport",
}
READS = {"previewInvoice"}
MUTATIONS = build_schema(schema.as_str()).mutation_type
FIELDS = MUTATIONS.fields if MUTATIONS else {}


def test_every_mutation_has_its_place_here() -> None:
    assert FIELDS.keys() == NAMING.keys() | FOR_ADMINS | NAMING_NOTHING
    assert not NAMING.keys() & FOR_ADMINS


@dataclass(frozen=True)
class Branch:
    """A business unit with one of everything, by kind."""

    unit: BusinessUnit
    ids: dict[Kind, str]


async def make_branch(state: InvoiceState = InvoiceState.SENT) -> Branch:
    unit = await make_unit()
    customer = await make_live_customer(unit=unit)
    invoice = await make_invoice(customer, state=state)
    delivery = await Delivery.create(
        invoice=invoice,
        recipient="a@customer.example",
        subject="Yours",
        body="Yours",
        message_id=f"{uuid7()}@kith",
    )
    contact, activity = await make_contact(customer), await make_activity(customer)
    segment = await make_segment(unit=unit, members=[customer])
    upload = await Import.create(
        unit=unit, filename="customers.csv", storage_key="imports/none", size=1, sha256="0" * 64,
        created_by=(await make_user(Role.MANAGER, [unit])).user,
    )  # fmt: skip
    ids = {
        Kind.BUSINESS_UNIT: unit.id,
        Kind.CUSTOMER: customer.id,
        Kind.CONTACT: contact.id,
        Kind.ACTIVITY: activity.id,
        Kind.SEGMENT: segment.id,
        Kind.INVOICE: invoice.id,
        Kind.DELIVERY: delivery.id,
        Kind.IMPORT: upload.id,
    }
    return Branch(unit, {kind: encode(kind, key) for kind, key in ids.items()})


def given(mutation: str, id: str, own: Branch) -> dict[str, Any]:
    """The input that names `id`; what else it refers to is the caller's own."""
    _, fields = NAMING[mutation]
    filled = {**fields}
    if "unitId" in fields:
        filled["unitId"] = own.ids[Kind.BUSINESS_UNIT]
    if "customerIds" in fields:
        filled["customerIds"] = [own.ids[Kind.CUSTOMER]]
    name = "id" if "id" in input_of(mutation).fields else "customerId"
    return {name: id, **filled}


def input_of(mutation: str) -> GraphQLInputObjectType:
    kind = FIELDS[mutation].args["input"].type
    assert isinstance(kind, GraphQLNonNull)
    assert isinstance(kind.of_type, GraphQLInputObjectType)
    return kind.of_type


async def codes(server: str, who: Person | None, mutation: str, fields: dict[str, Any]) -> list[str]:
    """What the caller is refused with."""
    kith = Kith(server, who.token if who else None)
    try:
        payload = await kith.mutate(mutation, input_of(mutation).name, "", fields)
    except GraphQLFailed as failure:
        return failure.codes
    return [error["code"] for error in payload["errors"]]


async def test_what_is_not_there_and_what_is_in_another_unit_look_the_same(server: str, db: None) -> None:
    here, there = await make_branch(), await make_branch()
    manager = await make_user(Role.MANAGER, [here.unit])
    before = await snapshot()

    for mutation, (kind, _) in NAMING.items():
        wrong = {
            "of another unit": there.ids[kind],
            "of nothing": encode(kind, uuid7()),
            "of another kind": here.ids[Kind.BUSINESS_UNIT],
            "malformed": f"{kind.value}_1",
        }
        answers = {
            which: await codes(server, manager, mutation, given(mutation, each, here))
            for which, each in wrong.items()
        }
        assert answers == {which: ["NOT_FOUND"] for which in wrong}, mutation
        assert await snapshot() == before, mutation


async def test_nobody_and_those_who_only_read_change_nothing(server: str, db: None) -> None:
    here, draft = await make_branch(), await make_branch(InvoiceState.DRAFT)
    analyst = await make_user(Role.ANALYST, [here.unit, draft.unit])
    before = await snapshot()

    for mutation, (kind, _) in NAMING.items():
        own = draft if mutation in READS else here
        fields = given(mutation, own.ids[kind], own)
        assert await codes(server, None, mutation, fields) == ["UNAUTHENTICATED"], mutation
        refusal = [] if mutation in READS else ["FORBIDDEN"]
        assert await codes(server, analyst, mutation, fields) == refusal, mutation
        assert await snapshot() == before, mutation


async def test_an_agent_changes_nothing_about_a_customer_of_a_colleague(server: str, db: None) -> None:
    here, draft = await make_branch(), await make_branch(InvoiceState.DRAFT)
    agent = await make_user(Role.AGENT, [here.unit, draft.unit])
    before = await snapshot()

    for mutation, (kind, _) in NAMING.items():
        own = draft if mutation in READS else here
        answer = await codes(server, agent, mutation, given(mutation, own.ids[kind], own))
        assert answer == ([] if mutation in READS else ["FORBIDDEN"]), mutation
        assert await snapshot() == before, mutation
