"""The README's five-minute tour, run word for word: its documents and variables, with the ids of the steps before."""

import asyncio
import json
import re
import subprocess
from pathlib import Path
from typing import Any

from factories import make_customer, make_legal_entity, make_live_customer, make_unit
from kith_client import Kith

from crm.kernel.ids import Kind, encode
from tests.e2e.conftest import ADMIN, CHECKOUT, PASSWORD, Running

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(graphql|json|sh)\n(.*?)```", README, re.DOTALL)
DOCUMENTS = {
    match[1]: text
    for kind, text in BLOCKS
    if kind == "graphql" and (match := re.search(r"(?:mutation|query) (\w+)", text))
}


def _variables(marker: str, **ids: str) -> dict[str, Any]:
    """The JSON block that contains `marker`, with the ids in the place of those cut short."""
    text = next(text for kind, text in BLOCKS if kind == "json" and marker in text)
    for prefix, value in ids.items():
        text = text.replace(f"{prefix}_…", value)
    variables: dict[str, Any] = json.loads(text)
    return variables


def _upload(url: str, token: str, unit: str) -> dict[str, Any]:
    command = next(text for kind, text in BLOCKS if kind == "sh" and "curl" in text)
    command = command.replace("http://127.0.0.1:8000", url).replace("unit_…", unit)
    ran = subprocess.run(
        ["sh", "-c", command],
        cwd=CHECKOUT,
        env={"TOKEN": token, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(ran.stdout)["data"]["startCustomerImport"]
    return answer


async def _until(kith: Kith, import_id: str, state: str) -> dict[str, Any]:
    while True:
        found: dict[str, Any] = (await kith.graphql(DOCUMENTS["Look"], {"id": import_id}))["import"]
        if found["state"] == state:
            return found
        assert found["state"] in {"UPLOADED", "PREVIEWING", "RUNNING"}, found
        await asyncio.sleep(0.05)


async def test_the_tour_of_the_readme_works_word_for_word(
    running: Running, server: str, tmp_path: Path
) -> None:
    unit, entity = await make_unit(), await make_legal_entity()
    unit_id = encode(Kind.BUSINESS_UNIT, unit.id)
    live = await make_live_customer(unit=unit, legal_entity=entity)
    prospect = await make_customer(unit=unit)

    log_in = _variables('"password": "…"')
    log_in["input"] |= {"email": ADMIN, "password": PASSWORD}
    token = (await Kith(server).graphql(DOCUMENTS["LogIn"], log_in))["logIn"]["accessToken"]
    kith = Kith(server, token)

    uploaded = await asyncio.to_thread(_upload, server, token, unit_id)
    assert uploaded["errors"] == []
    assert uploaded["import"]["missingFields"] == []
    import_id = uploaded["import"]["id"]
    await kith.graphql(DOCUMENTS["Preview"], {"input": {"id": import_id}})
    preview = (await _until(kith, import_id, "READY"))["preview"]
    assert preview["newCount"] > 0
    assert preview["badCount"] > 0
    await kith.graphql(DOCUMENTS["Run"], {"input": {"id": import_id}})
    assert (await _until(kith, import_id, "COMPLETED"))["problems"]["nodes"]

    made = await kith.graphql(DOCUMENTS["Segment"], _variables("Germany or France", unit=unit_id))
    assert made["createDynamicSegment"]["errors"] == []
    refused = await kith.graphql(DOCUMENTS["GoLive"], {"input": {"id": encode(Kind.CUSTOMER, prospect.id)}})
    assert len(refused["goLiveCustomer"]["errors"]) > 3

    customer_id = encode(Kind.CUSTOMER, live.id)
    draft = (await kith.graphql(DOCUMENTS["Draft"], _variables("Espresso", cus=customer_id)))["createInvoice"]
    # 12 × 18.40 − 5 % = 209.76, at 7 % 14.68; 9.90 at 19 % 1.88
    assert draft["errors"] == []
    assert (draft["invoice"]["net"]["amount"], draft["invoice"]["gross"]["amount"]) == ("219.66", "236.22")
    invoice_id = draft["invoice"]["id"]
    sent = (await kith.graphql(DOCUMENTS["Send"], {"input": {"id": invoice_id}}))["sendInvoice"]
    assert (sent["errors"], sent["invoice"]["state"]) == ([], "SENT")
    paid = (await kith.graphql(DOCUMENTS["Pay"], _variables("Statement 12", inv=invoice_id)))["recordPayment"]
    assert (paid["errors"], paid["invoice"]["due"]["amount"]) == ([], "136.22")
    settled = (await kith.graphql(DOCUMENTS["Settle"], {"input": {"id": invoice_id}}))["markInvoicePaid"]
    assert (settled["errors"], settled["invoice"]["state"]) == ([], "PAID")

    seen = (await kith.graphql(DOCUMENTS["Customer360"], {"id": customer_id}))["customer"]
    assert seen["balances"][0]["paid"]["amount"] == "236.22"
    assert seen["invoices"]["nodes"][0]["state"] == "PAID"
    assert seen["activities"]["nodes"][0]["type"] == "EMAIL"
    assert {each["action"] for each in seen["history"]["nodes"]} >= {"create_invoice", "send_invoice"}

    (month,) = (await kith.graphql(DOCUMENTS["Revenue"]))["invoicesAggregate"]
    assert (month["count"], month["net"]["sum"]["amount"], month["due"]["sum"]["amount"]) == (
        1,
        "219.66",
        "0.00",
    )
