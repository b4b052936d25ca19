"""Customers: imported from the demo's file, completed, and brought to where they stand before they are invoiced."""

import tempfile
from pathlib import Path

from demo.records import Customer, CustomerPlan, Person, Stage, Status
from demo.tables import table_bytes
from stack.client import Json
from stack.errors import CallFailed
from stack.importing import CustomerImport
from stack.seed.company import STATUS_LABEL
from stack.seed.context import Seeding
from stack.seed.crowd import each

READ = "id accountNumber stage status version blocked { at } statusLabel { id }"
PEOPLE = "contacts(first: 100) { nodes { id email } }"


async def read_customers(seeding: Seeding, more: str = "") -> None:
    """Read all customers with an account number, as they are now."""
    found = await seeding.kith.nodes("customers", f"{READ} {more}")
    seeding.customers = {each["accountNumber"]: each for each in found if each["accountNumber"]}


async def import_customers(seeding: Seeding) -> None:
    """Import each business unit's customers who are not there yet."""
    await read_customers(seeding)
    step = seeding.steps.begin("Customers", len(seeding.demo.customers))
    for unit in seeding.demo.company.business_units:
        mine = [customer for customer in seeding.demo.customers if customer.unit == unit.name]
        new = [customer for customer in mine if customer.account_number not in seeding.customers]
        if new:
            await _import(seeding, unit.name, new)
        step.advance(len(mine))
    await read_customers(seeding, PEOPLE)


async def _import(seeding: Seeding, unit: str, customers: list[Customer]) -> None:
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "customers.csv"
        file.write_bytes(table_bytes(customers, Customer))
        found = await CustomerImport.start(seeding.kith, file, seeding.units[unit])
    await found.configure(duplicateKey="ACCOUNT_NUMBER", duplicateRule="SKIP")
    await found.preview()
    await found.run(again=True)
    if found.now["failedCount"]:
        problem = found.now["problems"]["nodes"][0]
        raise CallFailed(f"The demo's customers of {unit} are not all right: {problem['message']}")


async def add_people(seeding: Seeding) -> None:
    """Add the contacts beside the primary one, which came with the import."""
    step = seeding.steps.begin("People", len(seeding.demo.people))
    there = {number: _emails(customer) for number, customer in seeding.customers.items()}

    async def add(person: Person) -> None:
        if person.email not in there[person.account_number]:
            await _add(seeding, person)
        step.advance()

    await each(seeding.demo.people, add)
    await read_customers(seeding, PEOPLE)


def _emails(customer: Json) -> set[str]:
    return {contact["email"] for contact in customer["contacts"]["nodes"]}


async def _add(seeding: Seeding, person: Person) -> None:
    given = {
        "customerId": seeding.customers[person.account_number]["id"],
        "name": person.name,
        "email": person.email,
        "phone": person.phone,
        "title": person.title,
        "department": person.department,
        "handle": person.handle,
        "consent": person.consent,
        "notes": person.notes,
    }
    await seeding.kith.mutate("createContact", "CreateContactInput", given)


async def go_live(seeding: Seeding) -> None:
    """Move prospects along the pipeline, and make those LIVE that the plan says were."""
    step = seeding.steps.begin("Going live", len(seeding.demo.plan.customers))

    async def move(plan: CustomerPlan) -> None:
        customer = seeding.customers[plan.account_number]
        if customer["stage"] == Stage.PROSPECT != plan.stage:
            await _move(seeding, customer["id"], plan.stage)
        step.advance()

    await each(seeding.demo.plan.customers, move)


async def _move(seeding: Seeding, customer_id: str, stage: Stage) -> None:
    if stage is Stage.LIVE:
        await seeding.kith.mutate("goLiveCustomer", "CustomerInput", {"id": customer_id})
    else:
        given = {"id": customer_id, "stage": stage}
        await seeding.kith.mutate("setCustomerStage", "SetCustomerStageInput", given)


async def settle_customers(seeding: Seeding) -> None:
    """Once their invoices are there: who is on pause, left us or is blocked; and every status label."""
    await read_customers(seeding)
    step = seeding.steps.begin("Relationships", len(seeding.demo.plan.customers))

    async def settle(plan: CustomerPlan) -> None:
        customer = seeding.customers[plan.account_number]
        if customer["statusLabel"] is None:
            await _settle(seeding, plan, customer)
        step.advance()

    await each(seeding.demo.plan.customers, settle)


async def _settle(seeding: Seeding, plan: CustomerPlan, customer: Json) -> None:
    """The label comes last: a customer that has one was settled already."""
    key = {"id": customer["id"]}
    if plan.blocked_reason and customer["blocked"] is None:
        await _change(seeding, "blockCustomer", "CustomerReasonInput", key | {"reason": plan.blocked_reason})
    if customer["status"] == Status.ACTIVE and plan.status is Status.INACTIVE:
        await _change(seeding, "deactivateCustomer", "CustomerInput", key)
    if customer["status"] == Status.ACTIVE and plan.status is Status.CHURNED:
        reason = {"reason": plan.churn_reason or "Left"}
        await _change(seeding, "churnCustomer", "CustomerReasonInput", key | reason)
    label = seeding.choices[STATUS_LABEL, plan.status_label]
    version = (await seeding.kith.query("query ($id: ID!) { customer(id: $id) { version } }", key))[
        "customer"
    ]
    given = key | {"expectedVersion": version["version"], "statusLabelId": label}
    await _change(seeding, "updateCustomer", "UpdateCustomerInput", given)


async def _change(seeding: Seeding, name: str, input_type: str, given: Json) -> None:
    await seeding.kith.mutate(name, input_type, given)
