"""The client that commands use, against the real API and against what is none."""

import socket
from datetime import UTC, datetime

import pytest
from factories import PASSWORD, make_customer, make_unit, make_user

from crm.accounts.passwords import pool
from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode, uuid7
from stack.client import Client
from stack.errors import CallFailed

CHANGES = "subscription ($id: ID!) { customerChanged(id: $id) { action customer { name } } }"


async def admin(server: str) -> Client:
    person = await make_user(Role.ADMIN, password_hash=await pool().hash(PASSWORD))
    client = Client(server)
    await client.log_in(person.user.email, PASSWORD)
    return client


async def test_it_logs_in_reads_changes_and_renews_its_login(server: str, db: None) -> None:
    async with await admin(server) as kith:
        payload = await kith.mutate(
            "createBusinessUnit", "CreateBusinessUnitInput", {"name": "North"}, "businessUnit { name }"
        )
        first = await kith.query("{ businessUnits { nodes { name } } }")
        kith._login["accessExpiresAt"] = datetime.now(UTC).isoformat()  # noqa: SLF001  time cannot be waited for
        before = kith._login["refreshToken"]  # noqa: SLF001
        again = await kith.query("{ businessUnits { nodes { name } } }")

        assert payload["businessUnit"] == {"name": "North"}
        assert first == again == {"businessUnits": {"nodes": [{"name": "North"}]}}
        assert kith._login["refreshToken"] != before  # noqa: SLF001


async def test_it_reads_a_list_to_its_end(server: str, db: None) -> None:
    unit = await make_unit()
    for number in range(205):
        await make_customer(unit=unit, account_number=f"A-{number:03}")

    async with await admin(server) as kith:
        found = await kith.nodes("customers", "accountNumber", 'filter: { accountNumber: { ne: "A-000" } }')

    assert {each["accountNumber"] for each in found} == {f"A-{number:03}" for number in range(1, 205)}
    assert len(found) == 204


async def test_a_subscription_that_is_refused_is_a_sentence(server: str, db: None) -> None:
    async with await admin(server) as kith:
        changes = kith.subscribe(CHANGES, {"id": encode(Kind.CUSTOMER, uuid7())})
        with pytest.raises(CallFailed, match="There is no such customer") as refusal:
            await anext(changes)

    assert refusal.value.codes == ("NOT_FOUND",)


async def test_a_refusal_is_sentences_with_places_and_codes(server: str, db: None) -> None:
    async with await admin(server) as kith:
        new = {"email": "a@kith.example", "name": "", "role": "AGENT", "password": "short"}
        with pytest.raises(CallFailed) as refusal:
            await kith.mutate("createUser", "CreateUserInput", new)
        with pytest.raises(CallFailed) as nonsense:
            await kith.query("{ nonsense }")

    assert "password: A password has at least 12 characters." in str(refusal.value)
    assert "name: " in str(refusal.value)
    assert "PASSWORD_TOO_SHORT" in refusal.value.codes
    assert nonsense.value.codes == ("GRAPHQL_VALIDATION_FAILED",)


async def test_a_wrong_password_is_a_sentence(server: str, db: None) -> None:
    async with Client(server) as kith:
        with pytest.raises(CallFailed) as refusal:
            await kith.log_in("nobody@kith.example", "wrong wrong wrong")

    assert refusal.value.codes == ("WRONG_CREDENTIALS",)


async def test_an_address_where_nothing_or_something_else_answers_is_named(server: str, db: None) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        silent = f"http://127.0.0.1:{taken.getsockname()[1]}"
    async with Client(silent) as nobody, Client(f"{server}/healthz") as stranger:
        with pytest.raises(CallFailed) as unreachable:
            await nobody.query("{ viewer { id } }")
        with pytest.raises(CallFailed) as other:
            await stranger.query("{ viewer { id } }")

    assert str(unreachable.value).startswith(f"Kith does not answer at {silent}: ")
    assert (
        str(other.value) == f"{server}/healthz answered 404, and not as Kith does. Is it the address of Kith?"
    )
