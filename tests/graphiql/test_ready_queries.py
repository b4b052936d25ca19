"""Every ready query of the analysts' page, asked of the real API over a small company: it answers, and with what it says.

The files hold their own variables, in a comment: see graphiql/README.md.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
from factories import Person, make_activity, make_invoice, make_pick, make_segment, make_user
from invoicing import Shop, make_sent, make_shop
from kith_client import GraphQLFailed, Kith
from kith_socket import opened, until_listened
from redis.asyncio import Redis

from api.schema import schema
from crm.activities.models import ActivityType
from crm.customers.events import CUSTOMERS, CustomerChanged
from crm.customers.models import PickList
from crm.imports.models import Import, ImportProblem, ImportState
from crm.invoices import payments
from crm.invoices.events import INVOICES, InvoiceChanged
from crm.invoices.models import Invoice
from crm.invoices.rules import InvoiceState
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.events import Event
from crm.kernel.ids import Kind, encode
from crm.kernel.models import JobState, OutboxJob

PAGE = Path(__file__).resolve().parents[2] / "graphiql"
FILES = {file.stem: file.read_text(encoding="utf-8") for file in (PAGE / "src" / "queries").glob("*.graphql")}
LIVE = {name for name, text in FILES.items() if "\nsubscription " in text}
FOR_ADMINS = {name for name, text in FILES.items() if "\n# Role: ADMIN\n" in text}

CUSTOMER = "Rösterei Ostwind"
CONTACT = "Contact "
# What a query shows of the company below, besides coming back without errors.
SHOWN = {
    "activity-by-person": ['"type": "MEETING"', '"count": 1'],
    "balances": [CUSTOMER, '"outstanding": {"amount": "219.00"', '"overdue": {"amount": "119.00"'],
    "contracts-ending": [CUSTOMER, "2028-09-27"],
    "customer-360": [CUSTOMER, CONTACT, "219.00", "Tasted the new crop", "Tasting guests", "record_payment"],
    "customer-fields": ["registrationNumber", "Coffee roaster"],
    "customers-by-country": [CUSTOMER, "Bremen"],
    "customers-by-stage": ['"live": {"totalCount": 1', CUSTOMER],
    "customers-with-contact": [CUSTOMER, CONTACT],
    "history": ["send_invoice", "record_payment"],
    "imports": ["spring.csv", "INVALID_EMAIL"],
    "invoice-ageing": ['"key": {"age": "CURRENT"}, "count": 1', '"age": "OVER_90"', '"amount": "119.00"'],
    "invoice-in-full": [CUSTOMER, "Coffee, 1 kg", '"rate": "19"', '"method": "CASH"', '"state": "QUEUED"'],
    "jobs": ['"dead": 1', "The mail server is away."],
    "largest-open-invoices": [CUSTOMER, '"due": {"amount": "119.00"', '"due": {"amount": "100.00"'],
    "organisation": ["INV-{year}-{seq:5}", "MANAGER"],
    "overdue-invoices": ["INV-2024-00008", CUSTOMER, CONTACT],
    "pipeline": ['"stage": "LIVE"', '"count": 1'],
    "preview-segment": ['"count": 1', CUSTOMER],
    "quiet-customers": [CUSTOMER, '"type": "EMAIL"'],
    "revenue-by-month": [
        '"issueDate": "2024-01-01"',
        '"net": {"sum": {"amount": "100.00", "currency": "EUR"}}',
    ],
    "search-customers": [CUSTOMER],
    "segments-with-members": ["Tasting guests", '"memberCount": 1', CUSTOMER],
    "timeline": ["Tasted the new crop"],
    "top-customers": [CUSTOMER, '"count": 2', '"net": {"sum": {"amount": "200.00", "currency": "EUR"}}'],
    "viewer": ['"role": "ADMIN"', "permissions"],
}


@dataclass(frozen=True, slots=True)
class Company:
    """One LIVE customer in Germany with an invoice partly paid, one overdue, and one of everything else."""

    shop: Shop
    admin: Person
    invoice: Invoice
    upload: Import


@pytest.fixture
async def company(db: None) -> Company:
    shop = await make_shop(name=CUSTOMER)
    manager = shop.manager
    await make_activity(
        shop.customer, type=ActivityType.MEETING, title="Tasted the new crop", user=manager.user
    )
    await make_segment(unit=shop.unit, members=[shop.customer], name="Tasting guests")
    await make_pick(PickList.INDUSTRY, name="Coffee roaster")
    await OutboxJob.create(
        kind="mail", state=JobState.DEAD, last_error="The mail server is away.", finished_at=now()
    )
    invoice = await make_sent(shop)
    part = {"amount": "19.00", "method": "CASH"}
    await payments.record_payment(invoice.id, part, actor=manager.actor)
    await _make_overdue(shop)
    admin = await make_user(Role.ADMIN)
    return Company(shop, admin, invoice, await _make_upload(shop))


async def _make_overdue(shop: Shop) -> None:
    terms = {"issue_date": date(2024, 1, 1), "due_date": date(2024, 1, 31), "number": "INV-2024-00008"}
    await make_invoice(shop.customer, entity=shop.entity, state=InvoiceState.SENT, **terms)


async def _make_upload(shop: Shop) -> Import:
    upload = await Import.create(
        unit=shop.unit,
        created_by=shop.manager.user,
        filename="spring.csv",
        storage_key="imports/spring",
        size=100,
        sha256="0" * 64,
        state=ImportState.COMPLETED,
        rows_total=1,
        rows_done=1,
        failed_count=1,
        started_at=now(),
        finished_at=now(),
    )
    await ImportProblem.create(
        run=upload, line=2, column="E-mail", value="x", code="INVALID_EMAIL", message="No."
    )
    return upload


def variables_of(name: str) -> dict[str, Any]:
    line = next((line for line in FILES[name].splitlines() if line.startswith("# Variables: ")), "{}")
    variables: dict[str, Any] = json.loads(line.removeprefix("# Variables: "))
    return variables


async def test_every_ready_query_shows_an_admin_what_it_promises(server: str, company: Company) -> None:
    answers = {}
    for name in FILES.keys() - LIVE:
        data = await Kith(server, company.admin.token).graphql(FILES[name], variables_of(name))
        answers[name] = json.dumps(data, ensure_ascii=False)

    missing = {name: [part for part in SHOWN[name] if part not in answers[name]] for name in answers}
    assert {name: parts for name, parts in missing.items() if parts} == {}
    assert answers.keys() == SHOWN.keys()


async def test_an_analyst_may_run_every_ready_query_that_is_not_marked_as_an_admins(
    server: str, company: Company
) -> None:
    analyst = await make_user(Role.ANALYST, [company.shop.unit])

    refused = {}
    for name in FILES.keys() - LIVE:
        try:
            await Kith(server, analyst.token).graphql(FILES[name], variables_of(name))
        except GraphQLFailed as failure:
            refused[name] = set(failure.codes)

    assert refused == {name: {"FORBIDDEN"} for name in FOR_ADMINS}


async def test_an_import_is_followed_from_where_it_is(server: str, company: Company) -> None:
    upload = encode(Kind.IMPORT, company.upload.id)

    async with opened(server, company.admin) as socket:
        await socket.subscribe("1", FILES["import-progress"], id=upload)
        heard = await socket.hear()

    progress = heard["payload"]["data"]["importProgress"]
    assert (progress["state"], progress["rowsDone"], progress["failedCount"]) == ("COMPLETED", 1, 1)


async def test_changes_of_customers_and_invoices_are_told_as_they_happen(
    server: str, redis_url: str, company: Company
) -> None:
    customer, invoice = company.shop.customer, company.invoice
    ids = {"customer_id": customer.id, "unit_id": company.shop.unit.id}

    async with opened(server, company.admin) as socket, Redis.from_url(redis_url) as redis:
        await socket.subscribe("customers", FILES["customer-changes"])
        await socket.subscribe("invoices", FILES["invoice-changes"])
        await until_listened(redis_url, CUSTOMERS)
        await until_listened(redis_url, INVOICES)
        await _tell(redis, CUSTOMERS, CustomerChanged(**ids, action="update_customer", fields=["name"]))
        first = await socket.hear()
        await _tell(redis, INVOICES, InvoiceChanged(**ids, invoice_id=invoice.id, action="record_payment"))
        second = await socket.hear()

    change = first["payload"]["data"]["customersChanged"]
    assert (first["id"], change["action"], change["customer"]["name"]) == (
        "customers",
        "update_customer",
        CUSTOMER,
    )
    change = second["payload"]["data"]["invoiceChanged"]
    assert (second["id"], change["action"]) == ("invoices", "record_payment")
    assert change["invoice"]["due"] == {"amount": "100.00", "currency": "EUR"}
    assert {"import-progress", "customer-changes", "invoice-changes"} == LIVE


async def _tell(redis: Redis, topic: str, event: Event) -> None:
    """As the worker does that carries events out of the outbox."""
    message = {"type": type(event).__name__, "data": event.to_json(), "id": "job_1"}
    await redis.publish(f"kith:{topic}", orjson.dumps(message))


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not here; it checks the page's queries")
@pytest.mark.skipif(not (PAGE / "node_modules").is_dir(), reason="graphiql/node_modules is not installed")
def test_the_pages_own_check_accepts_all_its_queries(tmp_path: Path) -> None:
    contract = tmp_path / "schema.graphql"
    contract.write_text(schema.as_str(), encoding="utf-8")

    check = subprocess.run(
        ["node", "scripts/check-queries.mjs", contract],
        cwd=PAGE,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (check.returncode, check.stderr) == (0, "")
