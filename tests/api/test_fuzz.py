"""Whatever Schemathesis draws from the schema, for whoever asks: no fault of ours, and every error has a code."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import schemathesis
from factories import make_activity, make_contact, make_segment, make_user
from graphql import get_introspection_query
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invoicing import Shop, make_sent, make_shop
from kith_client import Kith
from schemathesis.graphql import nodes

from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode

EXAMPLES = 120  # for each caller, of 117 root fields; each run draws others
NONSENSE = st.text(max_size=20)
INSTANTS = st.datetimes().map(lambda each: f"{each.isoformat()}Z")
GOODBYES = {"Mutation.logOut", "Mutation.logOutEverywhere"}  # after them the caller would be nobody
# What stands for a value of each scalar: something of its kind, or anything at all.
SCALARS = {
    "CountryCode": st.sampled_from(["DE", "fr", "XX"]),
    "CurrencyCode": st.sampled_from(["EUR", "JPY", "eur", "XXX"]),
    "Date": st.dates().map(str),
    "DateTime": INSTANTS,
    "Decimal": st.decimals(places=2).map(str) | st.sampled_from(["1e400", "-0", "0." + "9" * 60]),
    "EmailAddress": st.emails(),
    "JSON": st.text(max_size=50),
    "LanguageCode": st.sampled_from(["en", "de", "zz"]),
    "PhoneNumber": st.sampled_from(["+4930123456", "030 123456", "0"]),
    "URL": st.sampled_from(["https://kith.example", "javascript:alert(1)"]),
    "Upload": st.none(),
}


@pytest.fixture
async def shop(db: None) -> Shop:
    return await make_shop()


@pytest.fixture
async def ids(shop: Shop) -> list[str]:
    """Ids of records that are there, and of none."""
    invoice, activity = await make_sent(shop), await make_activity(shop.customer)
    segment = await make_segment(unit=shop.unit, members=[shop.customer])
    contact, user = await make_contact(shop.customer), (await make_user(Role.AGENT, [shop.unit])).user
    return [
        encode(Kind.CUSTOMER, shop.customer.id),
        encode(Kind.INVOICE, invoice.id),
        encode(Kind.ACTIVITY, activity.id),
        encode(Kind.SEGMENT, segment.id),
        encode(Kind.CONTACT, contact.id),
        encode(Kind.USER, user.id),
        encode(Kind.BUSINESS_UNIT, shop.unit.id),
        encode(Kind.LEGAL_ENTITY, shop.entity.id),
        encode(Kind.CUSTOMER, user.id),
    ]


def documents(introspection: dict[str, Any], ids: list[str]) -> st.SearchStrategy[str]:
    """One root field after the other, with any arguments and any selection."""
    for name, values in (SCALARS | {"ID": st.sampled_from(ids)}).items():
        schemathesis.graphql.scalar(name, (values | NONSENSE).map(str).map(nodes.String))
    contract = schemathesis.graphql.from_dict({"data": introspection})
    operations = [each.ok() for each in contract.get_all_operations() if each.ok().label not in GOODBYES]
    return (
        st.sampled_from(operations).flatmap(lambda each: each.as_strategy()).map(lambda case: str(case.body))
    )


def check(client: httpx.Client, document: str) -> None:
    answer = client.post("/graphql", json={"query": document})

    shown = f"{document}\n{answer.status_code} {answer.text}"
    assert answer.status_code < 500, shown
    codes = [error.get("extensions", {}).get("code") for error in answer.json().get("errors", [])]
    assert None not in codes, shown
    assert "INTERNAL_SERVER_ERROR" not in codes, shown


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AGENT])
async def test_nothing_that_the_schema_allows_is_a_fault(
    role: Role, server: str, shop: Shop, ids: list[str], setting: Callable[..., None]
) -> None:
    setting(cost_per_minute=0, public_cost_per_minute=0)
    caller = await make_user(role, [shop.unit])
    told = await Kith(server, caller.token).graphql(get_introspection_query())
    drawn = documents(told, ids)

    @given(document=drawn)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def holds(document: str) -> None:
        check(client, document)

    headers = {"authorization": f"Bearer {caller.token}"}
    with httpx.Client(base_url=server, headers=headers, timeout=60) as client:
        await asyncio.to_thread(holds)  # the server it asks runs in this one
    assert (await Kith(server, caller.token).graphql("{ viewer { role } }"))["viewer"] == {"role": role.name}
