"""Pick lists and required fields: admins change them, everybody uses them."""

from typing import Any

import pytest
from factories import make_customer, make_invoice, make_live_customer, make_pick, make_unit, make_user
from kith_client import Kith

from crm.audit.models import HistoryEntry
from crm.customers.models import Customer, Phase, PickList, PickListItem, RequiredField, Status
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.ids import Kind, decode, encode, uuid7

pytestmark = pytest.mark.usefixtures("db")

ITEM = "item { id name position status archivedAt }"
LIST = """query ($list: PickList!, $search: String, $archived: Boolean! = false) {
  pickListItems(list: $list, search: $search, archived: $archived) { nodes { name } } }"""


def _id(item: PickListItem) -> str:
    return encode(Kind.PICK_LIST_ITEM, item.id)


async def _admin(server: str) -> Kith:
    return Kith(server, (await make_user(Role.ADMIN)).token)


async def _names(kith: Kith, **variables: Any) -> list[str]:
    return [node["name"] for node in (await kith.graphql(LIST, variables))["pickListItems"]["nodes"]]


async def test_choices_are_added_renamed_moved_and_searched(server: str) -> None:
    kith = await _admin(server)
    for name in ("Retail", "Textiles", "Chemistry"):
        added = await kith.mutate(
            "createPickListItem", "CreatePickListItemInput", ITEM, {"list": "INDUSTRY", "name": f" {name} "}
        )
        assert added["errors"] == []
    await make_pick(PickList.SOURCE, name="Fair")
    chemistry = await PickListItem.get(name="Chemistry")

    await kith.mutate(
        "movePickListItem", "MovePickListItemInput", ITEM, {"id": _id(chemistry), "position": 0}
    )
    await kith.mutate(
        "renamePickListItem", "RenamePickListItemInput", ITEM, {"id": _id(chemistry), "name": "Chemicals"}
    )

    assert await _names(kith, list="INDUSTRY") == ["Chemicals", "Retail", "Textiles"]
    assert await _names(kith, list="INDUSTRY", search="ret") == ["Retail"]
    assert await HistoryEntry.filter(subject_kind="pli").count() == 5


async def test_an_unused_choice_is_deleted_and_a_used_one_archived(server: str) -> None:
    kith = await _admin(server)
    free, used = await make_pick(PickList.INDUSTRY), await make_pick(PickList.INDUSTRY)
    kind, billed = await make_pick(PickList.INVOICE_TYPE), await make_pick(PickList.INVOICE_TYPE)
    customer = await make_customer(industry=used)
    await customer.invoice_types.add(kind)
    await make_invoice(await make_live_customer(), invoice_type=billed)

    gone = await kith.mutate(
        "deletePickListItem", "PickListItemInput", f"deletedId {ITEM}", {"id": _id(free)}
    )
    kept = [
        await kith.mutate("deletePickListItem", "PickListItemInput", f"deletedId {ITEM}", {"id": _id(item)})
        for item in (used, kind, billed)
    ]

    assert gone == {"deletedId": _id(free), "item": None, "errors": []}
    assert [(each["deletedId"], each["item"]["archivedAt"] is None) for each in kept] == [(None, False)] * 3
    assert (await Customer.get(id=customer.id)).industry_id == used.id
    assert await customer.invoice_types.all().count() == 1
    assert not await PickListItem.exists(id=free.id)


async def test_an_archived_choice_leaves_the_list_and_comes_back_unless_its_name_is_taken(
    server: str,
) -> None:
    kith = await _admin(server)
    gold = await make_pick(PickList.CUSTOMER_GROUP, name="Gold")

    await kith.mutate("archivePickListItem", "PickListItemInput", ITEM, {"id": _id(gold)})
    again = await kith.mutate("archivePickListItem", "PickListItemInput", ITEM, {"id": _id(gold)})
    renamed = await kith.mutate(
        "renamePickListItem", "RenamePickListItemInput", ITEM, {"id": _id(gold), "name": "X"}
    )
    assert [again["errors"][0]["code"], renamed["errors"][0]["code"]] == [
        "INVALID_TRANSITION",
        "PICK_LIST_ITEM_ARCHIVED",
    ]
    assert await _names(kith, list="CUSTOMER_GROUP") == []
    assert await _names(kith, list="CUSTOMER_GROUP", archived=True) == ["Gold"]

    other = await make_pick(PickList.CUSTOMER_GROUP, name="GOLD")
    taken = await kith.mutate("restorePickListItem", "PickListItemInput", ITEM, {"id": _id(gold)})
    await other.delete()
    back = await kith.mutate("restorePickListItem", "PickListItemInput", ITEM, {"id": _id(gold)})
    open_one = await kith.mutate("restorePickListItem", "PickListItemInput", ITEM, {"id": _id(gold)})

    assert taken["errors"][0]["code"] == "DUPLICATE_RECORD"
    assert (back["errors"], back["item"]["archivedAt"]) == ([], None)
    assert open_one["errors"][0]["code"] == "INVALID_TRANSITION"


@pytest.mark.parametrize(
    ("given", "path", "code"),
    [
        ({"list": "SOURCE", "name": " "}, "name", "REQUIRED"),
        ({"list": "SOURCE", "name": "x" * 121}, "name", "TOO_LONG"),
        ({"list": "SOURCE", "name": "fair"}, "name", "DUPLICATE_RECORD"),
        ({"list": "SOURCE", "name": "X", "status": "ACTIVE"}, "status", "STATUS_LABEL_ONLY"),
        ({"list": "STATUS_LABEL", "name": "X"}, "status", "REQUIRED"),
    ],
)
async def test_a_wrong_choice_is_refused(server: str, given: dict[str, Any], path: str, code: str) -> None:
    kith = await _admin(server)
    await make_pick(PickList.SOURCE, name="Fair")

    payload = await kith.mutate("createPickListItem", "CreatePickListItemInput", ITEM, given)

    assert [(e["path"], e["code"]) for e in payload["errors"]] == [([path], code)]
    assert await PickListItem.all().count() == 1


async def test_a_status_label_stands_for_a_status(server: str) -> None:
    kith = await _admin(server)

    payload = await kith.mutate(
        "createPickListItem",
        "CreatePickListItemInput",
        ITEM,
        {"list": "STATUS_LABEL", "name": "Gone", "status": "CHURNED"},
    )

    item = await PickListItem.get(id=decode(Kind.PICK_LIST_ITEM, payload["item"]["id"]))
    assert item.status is Status.CHURNED


SETTINGS: list[tuple[str, str, dict[str, Any]]] = [
    ("createPickListItem", "CreatePickListItemInput", {"list": "SOURCE", "name": "X"}),
    ("renamePickListItem", "RenamePickListItemInput", {"id": None, "name": "X"}),
    ("movePickListItem", "MovePickListItemInput", {"id": None, "position": 0}),
    ("archivePickListItem", "PickListItemInput", {"id": None}),
    ("restorePickListItem", "PickListItemInput", {"id": None}),
    ("deletePickListItem", "PickListItemInput", {"id": None}),
    ("setRequiredFields", "SetRequiredFieldsInput", {"phase": "CREATE", "fields": ["sourceId"]}),
]


async def test_only_admins_edit_and_what_is_not_there_is_not_found(server: str) -> None:
    manager = Kith(server, (await make_user(Role.MANAGER, [await make_unit()])).token)
    admin = await _admin(server)
    item = await make_pick(PickList.SOURCE, archived_at=now())

    for name, input_type, given in SETTINGS:
        here = {**given, **({"id": _id(item)} if "id" in given else {})}
        refused = await manager.mutate(name, input_type, "__typename", here)
        assert [e["code"] for e in refused["errors"]] == ["FORBIDDEN"], name
        if "id" in given:
            nowhere = {**given, "id": encode(Kind.PICK_LIST_ITEM, uuid7())}
            missing = await admin.mutate(name, input_type, "__typename", nowhere)
            assert [e["code"] for e in missing["errors"]] == ["NOT_FOUND"], name

    assert [dict(row) for row in await PickListItem.all()] == [dict(await PickListItem.get(id=item.id))]
    assert not await HistoryEntry.exists()
    assert not await RequiredField.exists()


async def test_admins_lengthen_what_is_required_from_the_beginning(server: str) -> None:
    admin = await _admin(server)
    unit = await make_unit()
    agent = Kith(server, (await make_user(Role.AGENT, [unit])).token)
    customer = await make_customer(unit=unit, phone="+4930111")
    new = {"name": "X", "email": "x@x.example"}

    changed = await admin.mutate(
        "setRequiredFields",
        "SetRequiredFieldsInput",
        "requiredFields { phase field }",
        {"phase": "CREATE", "fields": ["phone", "sourceId", "address.city", "tags", "name"]},
    )
    refused = await agent.mutate("createCustomer", "CreateCustomerInput", "customer { id }", new)
    emptied = await agent.mutate(
        "updateCustomer",
        "UpdateCustomerInput",
        "customer { id }",
        {"id": encode(Kind.CUSTOMER, customer.id), "expectedVersion": 1, "phone": None},
    )
    other = await agent.mutate(
        "updateCustomer",
        "UpdateCustomerInput",
        "customer { id }",
        {"id": encode(Kind.CUSTOMER, customer.id), "expectedVersion": 1, "name": "Still fine"},
    )

    entry = await HistoryEntry.get(action="set_required_fields")
    assert entry.changes == [
        {"field": "CREATE", "before": [], "after": ["address_city", "phone", "source_id", "tags"]}
    ]
    names = {field["field"] for field in changed["requiredFields"]}
    assert names == {"phone", "sourceId", "address.city", "tags"}
    assert {".".join(e["path"]) for e in refused["errors"]} == names
    assert [e["path"] for e in emptied["errors"]] == [["phone"]]
    assert other["errors"] == []
    assert await Customer.all().count() == 1
    assert (await Customer.get(id=customer.id)).phone == "+4930111"


async def test_admins_lengthen_what_going_live_needs(server: str) -> None:
    admin = await _admin(server)
    unit = await make_unit()
    manager = await make_user(Role.MANAGER, [unit])
    customer = await make_live_customer(unit=unit, manager=manager.user, stage="PROSPECT", status="PROSPECT")

    await admin.mutate(
        "setRequiredFields", "SetRequiredFieldsInput", "__typename", {"phase": "LIVE", "fields": ["vatId"]}
    )
    refused = await Kith(server, manager.token).mutate(
        "goLiveCustomer", "CustomerInput", "customer { id }", {"id": encode(Kind.CUSTOMER, customer.id)}
    )
    await admin.mutate(
        "setRequiredFields", "SetRequiredFieldsInput", "__typename", {"phase": "LIVE", "fields": []}
    )
    allowed = await Kith(server, manager.token).mutate(
        "goLiveCustomer", "CustomerInput", "customer { stage }", {"id": encode(Kind.CUSTOMER, customer.id)}
    )

    assert [e["path"] for e in refused["errors"]] == [["vatId"]]
    assert allowed["customer"] == {"stage": "LIVE"}


async def test_what_cannot_be_required_is_refused(server: str) -> None:
    admin = await _admin(server)
    await RequiredField.create(phase=Phase.LIVE, field="vat_id")

    payload = await admin.mutate(
        "setRequiredFields",
        "SetRequiredFieldsInput",
        "__typename",
        {"phase": "LIVE", "fields": ["vatId", "stage", "shoeSize"]},
    )

    assert [e["code"] for e in payload["errors"]] == ["FIELD_NOT_REQUIRABLE"]
    assert await RequiredField.all().count() == 1


async def test_the_fields_of_a_customer_are_listed(server: str) -> None:
    kith = Kith(server, (await make_user(Role.ANALYST, [await make_unit()])).token)
    document = "{ customerFields { name label kind maxLength pickList requiredFrom requirable } requiredFields { field } }"

    found = await kith.graphql(document)

    by_name = {field["name"]: field for field in found["customerFields"]}
    assert by_name["name"]["requiredFrom"] == "CREATE"
    assert by_name["contractEnd"]["requiredFrom"] == "LIVE"
    assert by_name["industryId"]["pickList"] == "INDUSTRY"
    assert by_name["billingAddress.city"]["maxLength"] == 120
    assert found["requiredFields"] == []
