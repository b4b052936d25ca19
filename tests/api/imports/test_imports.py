"""Importing through the API alone, with a real worker: upload, mapping, preview, run, progress, report."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from factories import Person, make_unit, make_user
from kith_client import GraphQLFailed, Kith
from kith_socket import Socket, code_of, opened
from own_process import running

from crm.accounts.models import BusinessUnit
from crm.customers.models import Customer
from crm.imports.models import Import
from crm.kernel.actor import Role, Scope
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode
from crm.kernel.models import OutboxJob

PROGRESS = """
subscription ($id: ID!) { importProgress(id: $id) {
  state progress rowsTotal rowsDone createdCount updatedCount skippedCount failedCount rowsPerSecond finishedAt
} }
"""
READ = """
query ($id: ID!) { import(id: $id) {
  state version filename encoding delimiter hasHeader duplicateRule duplicateKey progress unknownChoices
  unit { id } createdBy { id } notices { code } missingFields { key } failure { code } sameFileAs { id }
  columns { name samples field { key } suggestedField { key } confidence reason }
  preview { totalCount newCount duplicateCount badCount problemCounts { code count }
            rows { line outcome values { field label value } problems { column value code message } } }
  problems(first: 10) { totalCount nodes { line column value code message fatal } }
  rejectedRowsUrl
} }
"""
FILE = b"""Company;E-mail;Town;Contact person
Acme;office@acme.example;K\xc3\xb6ln;Ann
Twin;OFFICE@acme.example;;
Broken;nobody;;
"""


@pytest.fixture(scope="module")
def worker(database: str) -> Iterator[None]:
    with running("workers", says="worker ready"):
        yield


@pytest.fixture
async def unit(db: None) -> BusinessUnit:
    return await make_unit()


@pytest.fixture
async def manager(unit: BusinessUnit) -> Person:
    return await make_user(Role.MANAGER, [unit])


async def upload(kith: Kith, content: bytes, **given: Any) -> dict[str, Any]:
    return await kith.upload(
        "startCustomerImport",
        "StartCustomerImportInput",
        "import { id state }",
        given,
        ("customers.csv", content),
    )


async def change(kith: Kith, name: str, **given: Any) -> dict[str, Any]:
    kinds = {"configureImport": "ConfigureImportInput", "runImport": "RunImportInput"}
    return await kith.mutate(name, kinds.get(name, "ImportInput"), "import { id state version }", given)


async def follow(socket: Socket, state: str) -> list[dict[str, Any]]:
    """What a subscription tells until the import is in that state."""
    told: list[dict[str, Any]] = []
    while not told or told[-1]["state"] != state:
        message = await socket.hear()
        assert message["type"] == "next", message
        told.append(message["payload"]["data"]["importProgress"])
    return told


async def test_a_file_becomes_customers_step_by_step(
    server: str, worker: None, manager: Person, unit: BusinessUnit
) -> None:
    kith = Kith(server, manager.token)

    started = await upload(kith, FILE, unitId=encode(Kind.BUSINESS_UNIT, unit.id))
    key = started["import"]["id"]
    looked = (await kith.graphql(READ, {"id": key}))["import"]
    assert (looked["state"], looked["encoding"], looked["delimiter"]) == ("UPLOADED", "UTF_8", "SEMICOLON")
    assert (looked["unit"]["id"], looked["createdBy"]["id"]) == (
        encode(Kind.BUSINESS_UNIT, unit.id),
        encode(Kind.USER, manager.user.id),
    )
    assert looked["columns"][2]["samples"] == ["Köln"]
    assert [(c["field"] or {}).get("key") for c in looked["columns"]] == [
        *("name", "email", "address_city"),
        "contact_name",
    ]

    async with opened(server, manager) as socket:
        await socket.subscribe("1", PROGRESS, id=key)
        assert (await follow(socket, "UPLOADED"))[0]["progress"] == 0
        assert (await change(kith, "previewImport", id=key))["errors"] == []
        await follow(socket, "READY")
        seen = (await kith.graphql(READ, {"id": key}))["import"]
        assert (await change(kith, "runImport", id=key))["errors"] == []
        last = (await follow(socket, "COMPLETED"))[-1]

    preview = seen["preview"]
    counts = [preview[name] for name in ("totalCount", "newCount", "duplicateCount", "badCount")]
    assert counts == [3, 1, 1, 1]
    assert [row["outcome"] for row in preview["rows"]] == ["CREATED", "SKIPPED", "FAILED"]
    assert preview["rows"][0]["values"][0] == {"field": "name", "label": "Name", "value": "Acme"}
    assert preview["rows"][2]["problems"][0]["column"] == "E-mail"
    assert preview["problemCounts"] == [{"code": "INVALID_EMAIL", "count": 1}]
    assert (last["progress"], last["rowsDone"], last["createdCount"]) == (1, 3, 1)
    assert (last["skippedCount"], last["failedCount"]) == (1, 1)
    await check_report(kith, key)
    assert await Customer.all().values_list("name", "unit_id") == [("Acme", unit.id)]


async def check_report(kith: Kith, key: str) -> None:
    done = (await kith.graphql(READ, {"id": key}))["import"]
    assert done["problems"]["totalCount"] == 1
    assert (done["problems"]["nodes"][0]["line"], done["problems"]["nodes"][0]["value"]) == (4, "nobody")
    path = done["rejectedRowsUrl"].partition("/files/")[2]
    async with httpx.AsyncClient() as client:
        report = await client.get(f"{kith.url}/files/{path}")
    rows = list(csv.reader(io.StringIO(report.content.decode("utf-8-sig"))))
    assert report.headers["content-type"] == "text/csv; charset=utf-8"
    assert rows[1][:2] == ["Broken", "nobody"]
    assert rows[1][4] == "4"


async def test_configuring_changes_mapping_rule_and_key(server: str, manager: Person) -> None:
    kith = Kith(server, manager.token)
    key = (await upload(kith, FILE))["import"]["id"]

    refused = await change(kith, "configureImport", id=key, mapping=[{"column": "Nope", "field": "name"}])
    done = await change(
        kith,
        "configureImport",
        id=key,
        expectedVersion=1,
        mapping=[{"column": "Company", "field": "name"}, {"column": "Town"}],
        duplicateRule="UPDATE",
        duplicateKey="ACCOUNT_NUMBER",
        defaultCountry="Germany",
        unknownChoices="LEAVE_EMPTY",
    )

    assert [(e["code"], e["path"]) for e in refused["errors"]] == [("UNKNOWN_COLUMN", ["mapping", "Nope"])]
    assert done["errors"] == []
    found = (await kith.graphql(READ, {"id": key}))["import"]
    assert (found["duplicateRule"], found["duplicateKey"], found["unknownChoices"]) == (
        *("UPDATE", "ACCOUNT_NUMBER"),
        "LEAVE_EMPTY",
    )
    assert [(c["name"], c["field"]) for c in found["columns"]][2] == ("Town", None)
    assert [field["key"] for field in found["missingFields"]] == ["email"]
    lacking = await change(kith, "previewImport", id=key)
    assert [(e["code"], e["path"]) for e in lacking["errors"]] == [
        ("REQUIRED_FIELD_NOT_MAPPED", ["mapping", "account_number"]),
        ("REQUIRED_FIELD_NOT_MAPPED", ["mapping", "email"]),
    ]
    stale = await change(kith, "configureImport", id=key, expectedVersion=1)
    assert [e["code"] for e in stale["errors"]] == ["VERSION_CONFLICT"]


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "EMPTY_FILE"), (b"PK\x03\x04rest", "BINARY_FILE"), (b'A,B\n"x,y@x.example\n', "UNCLOSED_QUOTE")],
)
async def test_an_unreadable_upload_is_refused(
    server: str, manager: Person, content: bytes, code: str
) -> None:
    refused = await upload(Kith(server, manager.token), content)

    assert refused["import"] is None
    assert [(e["code"], e["path"]) for e in refused["errors"]] == [(code, ["file"])]
    assert await Import.all().count() == 0


async def test_an_upload_needs_a_part_a_header_and_the_right(
    server: str, manager: Person, unit: BusinessUnit
) -> None:
    kith = Kith(server, manager.token)
    text = await kith.mutate(
        "startCustomerImport", "StartCustomerImportInput", "import { id }", {"file": "not a file"}
    )
    analyst = await make_user(Role.ANALYST, [unit])
    forbidden = await upload(Kith(server, analyst.token), FILE)
    elsewhere = await upload(kith, FILE, unitId=encode(Kind.BUSINESS_UNIT, (await make_unit()).id))
    with pytest.raises(GraphQLFailed) as bare:
        await _without_header(kith)

    assert [e["code"] for e in text["errors"]] == ["NOT_A_FILE"]
    assert [e["code"] for e in forbidden["errors"]] == ["FORBIDDEN"]
    assert [(e["code"], e["path"]) for e in elsewhere["errors"]] == [("NOT_FOUND", ["unitId"])]
    assert bare.value.codes == ["BAD_REQUEST"]
    assert await Import.all().count() == await OutboxJob.all().count() == 0


async def _without_header(kith: Kith) -> None:
    operations = '{"query": "{ __typename }", "variables": {"file": null}}'
    parts = {"operations": operations, "map": '{"0": ["variables.file"]}'}
    async with httpx.AsyncClient(base_url=kith.url) as client:
        answer = await client.post("/graphql", data=parts, files={"0": ("a.csv", FILE)})
    raise GraphQLFailed(answer.json()["errors"])


async def test_imports_of_other_units_are_not_there(server: str, manager: Person) -> None:
    kith = Kith(server, manager.token)
    key = (await upload(kith, FILE))["import"]["id"]
    stranger = await make_user(Role.MANAGER, [await make_unit()])
    other = Kith(server, stranger.token)

    assert await other.graphql(READ, {"id": key}) == {"import": None}
    assert (await other.graphql("{ imports { totalCount } }"))["imports"]["totalCount"] == 0
    assert await other.graphql("query ($id: ID!) { node(id: $id) { id } }", {"id": key}) == {"node": None}
    for name in ("previewImport", "runImport", "cancelImport", "configureImport"):
        refused = await change(other, name, id=key)
        assert [e["code"] for e in refused["errors"]] == ["NOT_FOUND"]
    async with opened(server, stranger) as socket:
        (answer, *_) = await socket.answer("1", PROGRESS, id=key)
        assert code_of(answer) == "NOT_FOUND"
    assert (await kith.graphql("{ imports(state: UPLOADED) { nodes { id } } }"))["imports"]["nodes"] == [
        {"id": key}
    ]


async def test_a_reading_token_starts_nothing(server: str, manager: Person) -> None:
    kith = Kith(server, manager.token)
    token = await kith.mutate(
        "createApiToken",
        "CreateApiTokenInput",
        "secret",
        {"name": "reports", "scope": Scope.READ.value, "expiresAt": (now() + timedelta(days=1)).isoformat()},
    )
    assert token["errors"] == []

    refused = await upload(Kith(server, token["secret"]), FILE)

    assert [e["code"] for e in refused["errors"]] == ["FORBIDDEN"]
    assert await Import.all().count() == 0


async def test_the_template_can_be_filled_in_and_imported(server: str, manager: Person) -> None:
    kith = Kith(server, manager.token)
    asked = await kith.graphql(
        "{ importTemplate importTemplateUrl importFields { key label kind required help } }"
    )
    async with httpx.AsyncClient() as client:
        file = await client.get(kith.url + "/files/" + asked["importTemplateUrl"].partition("/files/")[2])

    assert file.content.decode("utf-8-sig") == asked["importTemplate"]
    labels = next(csv.reader(io.StringIO(asked["importTemplate"])))
    assert labels == [field["label"] for field in asked["importFields"]]
    started = await upload(kith, file.content)
    found = (await kith.graphql(READ, {"id": started["import"]["id"]}))["import"]
    keys = {field["label"]: field["key"] for field in asked["importFields"]}
    assert {c["name"]: c["field"]["key"] for c in found["columns"] if c["field"]} == keys
