"""The demo's customers: uploaded, looked at, imported live, noticed when they come again, and made LIVE."""

from pathlib import Path
from typing import Any

from demo import files
from stack.importing import CustomerImport
from tests.e2e.main_job.job import Job


async def import_customers(job: Job, place: Path) -> None:
    """The first unit's file with all there is to see, the others' as a matter of course."""
    first, *others = job.company.demo.company.business_units
    rows = len(job.book.of_unit(first.name))
    file = write(job, place, first.name)
    found = await CustomerImport.start(job.kith, file, job.company.units[first.name])
    mapped = {column["name"]: (column["field"] or {}).get("key") for column in found.now["columns"]}
    assert mapped["Company name"] == "name"
    assert mapped["Contact e-mail"] == "contact_email"
    assert mapped["VAT id"] == "vat_id"

    heard: list[Any] = []
    await found.preview(heard.append)
    preview = found.now["preview"]
    assert heard[-1]["state"] == "READY"
    assert (preview["totalCount"], preview["newCount"]) == (rows, rows)
    assert (preview["duplicateCount"], preview["badCount"]) == (0, 0)
    assert await job.kith.nodes("customers", "id") == []

    await run_live(found, rows)
    for unit in others:
        other = await CustomerImport.start(
            job.kith, write(job, place, unit.name), job.company.units[unit.name]
        )
        await other.preview()
        await other.run()
        assert other.now["createdCount"] == other.now["rowsDone"] == len(job.book.of_unit(unit.name))

    await repeat(job, file, rows)
    await customers_are_those_of_the_file(job)


def write(job: Job, place: Path, unit: str) -> Path:
    file = place / f"{unit}.csv"
    file.write_bytes(files.customers_csv(job.book.today, unit))
    return file


async def run_live(found: CustomerImport, rows: int) -> None:
    """Watched over a socket of our own: it only ever grows, adds up at every moment, and ends with every row."""
    heard: list[Any] = []
    await found.run(heard.append)
    done = [event["rowsDone"] for event in heard]
    shares = [event["progress"] for event in heard]
    assert done == sorted(done)
    assert shares == sorted(shares)
    assert (shares[-1], done[-1], heard[-1]["state"]) == (1.0, rows, "COMPLETED")
    assert len(heard) > 1
    for event in heard:
        parts = (event[f"{part}Count"] for part in ("created", "updated", "skipped", "failed"))
        assert sum(parts) == event["rowsDone"]
    assert found.now["createdCount"] == rows
    assert found.now["rejectedRowsUrl"] is None


async def repeat(job: Job, file: Path, rows: int) -> None:
    """The same file again is noticed, and when it must be, changes nobody."""
    again = await CustomerImport.start(
        job.kith, file, job.company.units[job.company.demo.company.business_units[0].name]
    )
    await again.preview()
    assert again.now["preview"]["duplicateCount"] == rows
    assert again.now["sameFileAs"] is not None
    await again.run(again=True)
    assert (again.now["skippedCount"], again.now["createdCount"]) == (rows, 0)


async def customers_are_those_of_the_file(job: Job) -> None:
    selection = (
        "id accountNumber name email stage status currency vatId paymentTermsDays contractEnd "
        "unit { name } accountManager { email } industry { name } legalEntity { name } "
        "address { street city postcode country } primaryContact { name email }"
    )
    found = {each["accountNumber"]: each for each in await job.kith.nodes("customers", selection)}
    assert found.keys() == job.book.customers.keys()
    for account, row in job.book.customers.items():
        customer = found[account]
        assert (customer["stage"], customer["status"]) == ("PROSPECT", "PROSPECT")
        told = {
            "Company name": customer["name"],
            "E-mail": customer["email"],
            "Currency": customer["currency"],
            "VAT id": customer["vatId"] or "",
            "Contract end": customer["contractEnd"] or "",
            "Business unit": customer["unit"]["name"],
            "Account manager": (customer["accountManager"] or {}).get("email", ""),
            "Industry": customer["industry"]["name"],
            "Legal entity": customer["legalEntity"]["name"],
            "Street": customer["address"]["street"],
            "City": customer["address"]["city"],
            "Country": customer["address"]["country"],
            "Contact name": customer["primaryContact"]["name"],
            "Contact e-mail": customer["primaryContact"]["email"],
        }
        assert told == {heading: row[heading] for heading in told}
    job.customers = {account: customer["id"] for account, customer in found.items()}


async def go_live(job: Job) -> None:
    """Those who ordered."""
    for account in {order["account_number"] for order in job.orders}:
        payload = await job.kith.mutate(
            "goLiveCustomer", "CustomerInput", {"id": job.customers[account]}, "customer { stage status }"
        )
        assert payload["customer"] == {"stage": "LIVE", "status": "ACTIVE"}
