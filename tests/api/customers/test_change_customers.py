"""Changing customers through the API: what each mutation answers, and how a refusal reads."""

from typing import Any

import pytest
from factories import (
    make_contact,
    make_customer,
    make_legal_entity,
    make_live_customer,
    make_pick,
    make_unit,
    make_user,
)
from kith_client import GraphQLFailed, Kith

from crm.audit.models import HistoryEntry
from crm.customers.models import Customer, PickList, Stage, Status
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode, uuid7

pytestmark = pytest.mark.usefixtures("db")

ALL = "customer { id version }"


def _id(customer: Customer) -> str:
    return encode(Kind.CUSTOMER, customer.id)


async def test_a_customer_is_created_with_every_field(server: str) -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    picks = {each: await make_pick(each) for each in PickList}
    entity = await make_legal_entity()
    pli = {each: encode(Kind.PICK_LIST_ITEM, item.id) for each, item in picks.items()}
    given = {
        "name": " Zeta ",
        "email": "office@zeta.example",
        "unitId": encode(Kind.BUSINESS_UNIT, unit.id),
        "phone": "030 901820",
        "fax": "+49 30 901821",
        "website": "zeta.example",
        "description": "Old\r\nfriends",
        "stage": "WARM_LEAD",
        "consent": "GIVEN",
        "statusLabelId": pli[PickList.STATUS_LABEL],
        "customerGroupId": pli[PickList.CUSTOMER_GROUP],
        "industryId": pli[PickList.INDUSTRY],
        "sourceId": pli[PickList.SOURCE],
        "serviceProvisionId": pli[PickList.SERVICE_PROVISION],
        "invoiceTypeIds": [pli[PickList.INVOICE_TYPE]],
        "accountManagerId": encode(Kind.USER, agent.user.id),
        "serviceManagerId": encode(Kind.USER, agent.user.id),
        "address": {"street": "Am Wall 1", "city": "Berlin", "postcode": "10117", "country": "Germany"},
        "billingAddress": {"city": "Rome", "country": "IT"},
        "registrationNumber": "HRB 1",
        "vatId": "DE1",
        "accountNumber": "A-1",
        "externalId": "x1",
        "contractStart": "2026-01-01",
        "contractEnd": "2027-01-01",
        "contractReview": "2026-12-01",
        "contractValue": "1200.50",
        "probability": 60,
        "currency": "chf",
        "discount": {"percent": "2.5"},
        "taxRate": "19",
        "paymentTermsDays": 14,
        "legalEntityId": encode(Kind.LEGAL_ENTITY, entity.id),
        "language": "de",
        "tags": ["VIP"],
    }

    payload = await Kith(server, agent.token).mutate("createCustomer", "CreateCustomerInput", ALL, given)

    assert payload["errors"] == []
    row = await Customer.get(id=(await Customer.first() or Customer()).id)
    assert payload["customer"] == {"id": _id(row), "version": 1}
    assert (row.name, row.phone, row.website) == ("Zeta", "+4930901820", "https://zeta.example")
    assert (row.address_country, row.billing_same, row.billing_city) == ("DE", False, "Rome")
    assert (row.stage, row.currency, row.discount_percent, row.tags) == (Stage.WARM_LEAD, "CHF", 2.5, ["VIP"])
    assert (row.industry_id, row.legal_entity_id) == (picks[PickList.INDUSTRY].id, entity.id)
    assert await row.invoice_types.all().count() == 1
    assert (await HistoryEntry.get()).action == "create_customer"


async def test_every_problem_of_an_input_comes_at_once_with_its_path(server: str) -> None:
    agent = await make_user(Role.AGENT, [await make_unit()])
    wrong = {
        "name": "",
        "email": "x",
        "website": "ftp://x",
        "address": {"country": "Atlantis"},
        "discount": {"percent": "101"},
        "probability": 101,
    }

    payload = await Kith(server, agent.token).mutate("createCustomer", "CreateCustomerInput", ALL, wrong)

    assert payload["customer"] is None
    assert {(".".join(e["path"]), e["code"]) for e in payload["errors"]} == {
        ("name", "REQUIRED"),
        ("email", "INVALID_EMAIL"),
        ("website", "INVALID_URL"),
        ("address.country", "INVALID_COUNTRY"),
        ("discount.percent", "OUT_OF_RANGE"),
        ("probability", "OUT_OF_RANGE"),
    }
    assert {e["__typename"] for e in payload["errors"]} == {"InputError"}
    assert not await Customer.exists()


async def test_an_update_touches_only_what_it_names_and_null_empties(server: str) -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    customer = await make_customer(
        unit=unit,
        address_city="Kiel",
        address_street="Am Wall",
        billing_same=False,
        discount_amount="5",
        phone="+49301",
    )
    change = {
        "id": _id(customer),
        "expectedVersion": 1,
        "phone": None,
        "address": {"city": "Bonn"},
        "billingAddress": None,
        "discount": {"percent": "3"},
    }

    payload = await Kith(server, agent.token).mutate(
        "updateCustomer",
        "UpdateCustomerInput",
        "customer { version billingAddress { city street } discount { percent } }",
        change,
    )

    assert payload["errors"] == []
    assert payload["customer"]["billingAddress"] == {"city": "Bonn", "street": "Am Wall"}
    row = await Customer.get(id=customer.id)
    assert (row.phone, row.address_street, row.discount_amount, row.discount_percent) == (
        None,
        "Am Wall",
        None,
        3,
    )


async def test_a_version_conflict_brings_the_record_as_it_is(server: str) -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    customer = await make_customer(unit=unit, name="Newer", version=3)
    document = """mutation ($input: UpdateCustomerInput!) { updateCustomer(input: $input) { customer { id }
      errors { __typename code path ... on VersionConflict { currentVersion current { id ... on Customer { name } } } } } }"""
    change = {"id": _id(customer), "expectedVersion": 2, "name": "Mine"}

    payload = (await Kith(server, agent.token).graphql(document, {"input": change}))["updateCustomer"]

    assert payload["customer"] is None
    assert payload["errors"] == [
        {
            "__typename": "VersionConflict",
            "code": "VERSION_CONFLICT",
            "path": ["expectedVersion"],
            "currentVersion": 3,
            "current": {"id": _id(customer), "name": "Newer"},
        }
    ]
    assert (await Customer.get(id=customer.id)).name == "Newer"


async def test_a_duplicate_brings_the_record_in_the_way(server: str) -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    holder = await make_customer(unit=unit, account_number="A-1")
    document = """mutation ($input: CreateCustomerInput!) { createCustomer(input: $input) {
      errors { code path ... on DuplicateRecord { existing { id } } } } }"""
    given = {"name": "X", "email": "x@x.example", "accountNumber": "A-1"}

    payload = (await Kith(server, agent.token).graphql(document, {"input": given}))["createCustomer"]

    assert payload["errors"] == [
        {"code": "DUPLICATE_RECORD", "path": ["accountNumber"], "existing": {"id": _id(holder)}}
    ]
    assert await Customer.all().count() == 1


async def test_a_customer_lives_its_life(server: str) -> None:
    unit = await make_unit()
    manager = await make_user(Role.MANAGER, [unit])
    kith = Kith(server, manager.token)
    customer = await make_live_customer(
        unit=unit, manager=manager.user, stage=Stage.PROSPECT, status=Status.PROSPECT, live_since=None
    )
    steps: list[tuple[str, str, dict[str, Any], tuple[str, str]]] = [
        ("setCustomerStage", "SetCustomerStageInput", {"stage": "PROPOSAL"}, ("PROPOSAL", "PROSPECT")),
        ("goLiveCustomer", "CustomerInput", {}, ("LIVE", "ACTIVE")),
        ("deactivateCustomer", "CustomerInput", {}, ("LIVE", "INACTIVE")),
        ("activateCustomer", "CustomerInput", {}, ("LIVE", "ACTIVE")),
        ("churnCustomer", "CustomerReasonInput", {"reason": "Sold"}, ("LIVE", "CHURNED")),
        ("activateCustomer", "CustomerInput", {}, ("LIVE", "ACTIVE")),
        ("blockCustomer", "CustomerReasonInput", {"reason": "Late"}, ("LIVE", "ACTIVE")),
        ("unblockCustomer", "CustomerInput", {}, ("LIVE", "ACTIVE")),
        ("archiveCustomer", "CustomerInput", {}, ("LIVE", "ACTIVE")),
        ("restoreCustomer", "CustomerInput", {}, ("LIVE", "ACTIVE")),
    ]

    for name, input_type, more, (stage, status) in steps:
        payload = await kith.mutate(
            name, input_type, "customer { stage status }", {"id": _id(customer), **more}
        )
        assert payload == {"customer": {"stage": stage, "status": status}, "errors": []}, name
    gone = await kith.mutate("deleteCustomer", "CustomerInput", "deletedId", {"id": _id(customer)})

    assert gone == {"deletedId": _id(customer), "errors": []}
    assert await HistoryEntry.all().count() == len(steps) + 1


async def test_a_wrong_transition_says_what_is_possible(server: str) -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    customer = await make_customer(unit=unit)
    document = """mutation ($input: CustomerInput!) { deactivateCustomer(input: $input) {
      errors { __typename code message ... on InvalidTransition { action state allowed } } } }"""

    payload = (await Kith(server, agent.token).graphql(document, {"input": {"id": _id(customer)}}))[
        "deactivateCustomer"
    ]

    (error,) = payload["errors"]
    assert (error["code"], error["action"], error["state"]) == (
        "INVALID_TRANSITION",
        "deactivateCustomer",
        "PROSPECT",
    )
    assert {"goLiveCustomer", "setCustomerStage"} <= set(error["allowed"])
    assert not await HistoryEntry.exists()


async def test_what_hinders_going_live_is_named_field_by_field(server: str) -> None:
    unit = await make_unit()
    agent = await make_user(Role.AGENT, [unit])
    customer = await make_customer(unit=unit, registration_number="R")
    await make_contact(customer, phone=None)

    payload = await Kith(server, agent.token).mutate(
        "goLiveCustomer", "CustomerInput", ALL, {"id": _id(customer)}
    )

    assert {".".join(e["path"]) for e in payload["errors"]} == {
        *("accountNumber", "contractStart", "contractEnd", "contractReview", "accountManagerId"),
        "primaryContact.phone",
    }
    assert {e["code"] for e in payload["errors"]} == {"REQUIRED"}
    assert (await Customer.get(id=customer.id)).stage is Stage.PROSPECT


async def test_the_other_actions_answer_with_the_customer(server: str) -> None:
    here, there = await make_unit(), await make_unit()
    manager, agent = await make_user(Role.MANAGER, [here, there]), await make_user(Role.AGENT, [here])
    kith = Kith(server, manager.token)
    customer = await make_customer(unit=here)
    goods = await make_pick(PickList.INVOICE_TYPE, name="Goods")
    who, unit = encode(Kind.USER, agent.user.id), encode(Kind.BUSINESS_UNIT, there.id)
    steps: list[tuple[str, str, dict[str, Any], str, Any]] = [
        ("assignAccountManager", "AssignManagerInput", {"userId": who}, "accountManager { id }", {"id": who}),
        ("assignServiceManager", "AssignManagerInput", {"userId": who}, "serviceManager { id }", {"id": who}),
        ("assignServiceManager", "AssignManagerInput", {"userId": None}, "serviceManager { id }", None),
        ("tagCustomer", "TagCustomerInput", {"add": ["a", "b"], "remove": []}, "tags", ["a", "b"]),
        ("tagCustomer", "TagCustomerInput", {"remove": ["A"]}, "tags", ["b"]),
        (
            "recordCustomerConsent",
            "RecordCustomerConsentInput",
            {"consent": "GIVEN"},
            "consent { state }",
            {"state": "GIVEN"},
        ),
        (
            "setCustomerInvoiceTypes",
            "SetCustomerInvoiceTypesInput",
            {"invoiceTypeIds": [encode(Kind.PICK_LIST_ITEM, goods.id)]},
            "invoiceTypes { name }",
            [{"name": "Goods"}],
        ),
        (
            "moveCustomer",
            "MoveCustomerInput",
            {"unitId": unit, "accountManagerId": None},
            "unit { id }",
            {"id": unit},
        ),
    ]

    for name, input_type, more, selection, expected in steps:
        payload = await kith.mutate(
            name, input_type, f"customer {{ {selection} }}", {"id": _id(customer), **more}
        )
        assert payload["errors"] == [], name
        assert list(payload["customer"].values()) == [expected], name


async def test_the_same_idempotency_key_creates_once(server: str) -> None:
    kith = Kith(server, (await make_user(Role.AGENT, [await make_unit()])).token)
    given = {"name": "Once", "email": "once@x.example"}

    answers = [
        await kith.mutate("createCustomer", "CreateCustomerInput", ALL, given, **{"idempotency-key": "k1"})
        for _ in range(2)
    ]

    assert answers[0] == answers[1]
    assert await Customer.all().count() == 1


MUTATIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("updateCustomer", "UpdateCustomerInput", {"expectedVersion": 1, "name": "Mine"}),
    ("setCustomerStage", "SetCustomerStageInput", {"stage": "PROPOSAL"}),
    ("goLiveCustomer", "CustomerInput", {}),
    ("deactivateCustomer", "CustomerInput", {}),
    ("activateCustomer", "CustomerInput", {}),
    ("churnCustomer", "CustomerReasonInput", {"reason": "x"}),
    ("blockCustomer", "CustomerReasonInput", {"reason": "x"}),
    ("unblockCustomer", "CustomerInput", {}),
    ("archiveCustomer", "CustomerInput", {}),
    ("restoreCustomer", "CustomerInput", {}),
    ("deleteCustomer", "CustomerInput", {}),
    ("assignAccountManager", "AssignManagerInput", {"userId": None}),
    ("assignServiceManager", "AssignManagerInput", {"userId": None}),
    ("tagCustomer", "TagCustomerInput", {"add": ["x"]}),
    ("recordCustomerConsent", "RecordCustomerConsentInput", {"consent": "GIVEN"}),
    ("setCustomerInvoiceTypes", "SetCustomerInvoiceTypesInput", {"invoiceTypeIds": []}),
    ("moveCustomer", "MoveCustomerInput", {"unitId": None}),
]


async def test_every_mutation_answers_a_strangers_customer_like_one_that_is_not_there(server: str) -> None:
    unit = await make_unit()
    customer = await Customer.get(id=(await make_customer()).id)
    stranger = await make_user(Role.MANAGER, [unit])
    kith = Kith(server, stranger.token)

    for name, input_type, more in MUTATIONS:
        place = {"unitId": encode(Kind.BUSINESS_UNIT, unit.id)} if "unitId" in more else {}
        answers = [
            await kith.mutate(
                name, input_type, "__typename", {"id": encode(Kind.CUSTOMER, key), **more, **place}
            )
            for key in (customer.id, uuid7())
        ]
        assert answers[0] == answers[1], name
        assert [e["code"] for e in answers[0]["errors"]] == ["NOT_FOUND"], name

    assert dict(await Customer.get(id=customer.id)) == dict(customer)
    assert not await HistoryEntry.exists()


async def test_an_archived_customer_is_read_by_id_but_not_changed(server: str) -> None:
    unit = await make_unit()
    manager = await make_user(Role.MANAGER, [unit])
    kith = Kith(server, manager.token)
    customer = await make_customer(unit=unit, archived_at=now())

    found = await kith.graphql("query ($id: ID!) { customer(id: $id) { archivedAt } }", {"id": _id(customer)})
    change = {"id": _id(customer), "expectedVersion": 1, "name": "X"}
    payload = await kith.mutate("updateCustomer", "UpdateCustomerInput", ALL, change)

    assert found["customer"]["archivedAt"] is not None
    assert [e["code"] for e in payload["errors"]] == ["CUSTOMER_ARCHIVED"]
    assert (await Customer.get(id=customer.id)).name == customer.name


async def test_changing_needs_a_login_that_may_write(server: str) -> None:
    unit = await make_unit()
    analyst = await make_user(Role.ANALYST, [unit])
    given = {"name": "X", "email": "x@x.example"}

    with pytest.raises(GraphQLFailed) as nobody:
        await Kith(server).mutate("createCustomer", "CreateCustomerInput", ALL, given)
    refused = await Kith(server, analyst.token).mutate("createCustomer", "CreateCustomerInput", ALL, given)

    assert nobody.value.codes == ["UNAUTHENTICATED"]
    assert [e["code"] for e in refused["errors"]] == ["FORBIDDEN"]
    assert not await Customer.exists()
