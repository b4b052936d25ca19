"""Every field, asked by everybody, by every way in: what is out of reach does not exist. And the rules are declared.

Each test adds the cells it looked at (field × viewer × way in); the last one counts them.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from access_cells import TYPES, is_record, object_of
from access_changes import by_error, by_event, by_subscription
from access_comparisons import by_comparison, operators
from access_files import LINKED, by_file
from access_matrix import Matrix, matrix
from access_reads import by_aggregate, by_filter, by_id, by_list
from factories import make_contact, make_customer
from graphql import GraphQLObjectType, get_named_type
from kith_client import Kith

from api.access import CARRIERS, Viewer, rule_of
from api.access import TYPES as DECLARED
from crm.accounts.models import Login
from crm.contacts.models import Contact
from crm.kernel.actor import Role

__all__ = ["matrix"]  # a fixture

LEAST_CELLS = 15_000


# The rules


def _fields() -> Iterator[tuple[str, str, Any]]:
    for name, kind in TYPES.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            for field_name, found in kind.fields.items():
                yield name, field_name, get_named_type(found.type)


def test_every_field_declares_who_may_see_it() -> None:
    assert [f"{kind}.{name}" for kind, name, _ in _fields() if rule_of(kind, name) is None] == []


def test_every_field_that_leads_to_a_record_has_a_rule_of_its_own() -> None:
    silent = [
        f"{kind}.{name}"
        for kind, name, of in _fields()
        if (is_record(of) or of.name.endswith("Connection"))
        and not kind.endswith(CARRIERS)
        and kind not in {"Query", "Mutation", "Subscription", "Viewer"}
        and name not in DECLARED[kind].fields
    ]
    assert silent == []


def test_no_rule_is_for_what_is_not_there() -> None:
    known = {(kind, name) for kind, name, _ in _fields()}
    assert [kind for kind in DECLARED if kind not in TYPES] == []
    assert [(k, n) for k, each in DECLARED.items() for n in each.fields if (k, n) not in known] == []


def test_every_link_to_a_file_is_followed() -> None:
    links = {f"{kind}.{name}" for kind, name, _ in _fields() if name == "url" or name.endswith("Url")}
    assert links == LINKED


async def test_portal_contacts_have_a_place_and_no_way_in(server: str, db: None) -> None:
    assert set(Viewer) - {Viewer.ANONYMOUS, Viewer.CONTACT} == {Viewer(role.value) for role in Role}
    assert not [name for name in Contact._meta.fields_map if "password" in name or "login" in name]  # noqa: SLF001
    related = Login._meta.fetch_fields  # noqa: SLF001  Tortoise's own description of a model
    assert set(related) == {"user"}
    customer = await make_customer()
    contact = await make_contact(customer, email="portal@customer.example")

    payload = await Kith(server).mutate(
        "logIn",
        "LogInInput",
        "accessToken",
        {"email": contact.email, "password": "correct horse battery staple"},
    )

    assert payload["accessToken"] is None
    assert [each["code"] for each in payload["errors"]] == ["WRONG_CREDENTIALS"]


def test_exports_are_a_gap_until_they_are_there() -> None:
    """When exports come, this fails: they are a way in, to be asked in the matrix below."""
    ways = [
        n for kind in ("Query", "Mutation", "Subscription") for n in object_of(kind).fields if "xport" in n
    ]
    assert ways == []


# The ways in


@pytest.mark.timeout(600)
async def test_nothing_out_of_reach_is_to_be_found_by_any_way_in(
    matrix: Matrix, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    await by_id(matrix)
    await by_list(matrix)
    await by_filter(matrix)
    await by_aggregate(matrix)
    telling = await by_comparison(matrix)
    await by_file(matrix)
    refused = await by_error(matrix)
    await by_subscription(matrix)
    await by_event(matrix)

    summary = f"access matrix: {len(matrix.cells)} cells, {len(matrix.leaks)} leaks, {refused} changes refused as NOT_FOUND"
    record_property("access", summary)
    with capsys.disabled():
        print(f"\n{summary}")  # noqa: T201  the count is what one runs it for
    assert not matrix.leaks, "\n".join(sorted(set(matrix.leaks))[:40])  # a diff of thousands takes for ever
    assert len(matrix.cells) >= LEAST_CELLS, summary
    assert refused >= 100, summary
    assert telling == operators()  # each would have told of another unit, were it let
