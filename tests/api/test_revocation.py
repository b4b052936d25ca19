"""Access that ends while it is being used: how soon each door notices, for each way it can end.

Changes are refused at once. Looks are refused within a second, and so are sockets and streams that are open.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from database_contents import contents
from factories import Person, make_customer, make_unit, make_user
from kith_client import GraphQLFailed, Kith
from kith_socket import code_of, opened, raw, until_listened
from kith_stream import subscribed
from own_process import running

from crm.accounts.models import User
from crm.customers.models import Customer
from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode

SECONDS = 1.0
OFTEN = 0.02
LOOK = "{ customers { nodes { id name } } }"
CHANGES = "subscription ($id: ID!) { customerChanged(id: $id) { action } }"
TOKEN = "secret apiToken { id }"


@dataclass
class Scene:
    """Somebody with a customer in reach, and an admin who can take that away. All of it goes through the API."""

    admin: Kith
    person: Person
    caller: Kith
    """The person's log-in, or the script they made a token for."""
    customer: Customer
    token_id: str = ""

    @property
    def customer_id(self) -> str:
        return encode(Kind.CUSTOMER, self.customer.id)

    @property
    def topic(self) -> str:
        return f"customer:{self.customer.id.hex}"

    @property
    def user_id(self) -> str:
        return encode(Kind.USER, self.person.user.id)


End = Callable[[Scene], Awaitable[Any]]


async def _log_out(scene: Scene) -> None:
    await scene.caller.graphql("mutation { logOut { errors { code } } }")


async def _log_out_everywhere(scene: Scene) -> None:
    await scene.caller.graphql("mutation { logOutEverywhere { errors { code } } }")


async def _reset_password(scene: Scene) -> None:
    given = {"id": scene.user_id, "newPassword": "entirely new words of mine"}
    assert (await scene.admin.mutate("resetPassword", "ResetPasswordInput", "", given))["errors"] == []


async def _deactivate(scene: Scene) -> None:
    given = {"id": scene.user_id}
    assert (await scene.admin.mutate("deactivateUser", "UserInput", "", given))["errors"] == []


async def _revoke_token(scene: Scene) -> None:
    given = {"id": scene.token_id}
    assert (await scene.admin.mutate("revokeApiToken", "ApiTokenInput", "", given))["errors"] == []


async def _lower_role(scene: Scene) -> None:
    version = (await User.get(id=scene.person.user.id)).version
    given = {"id": scene.user_id, "expectedVersion": version, "role": "ANALYST"}
    assert (await scene.admin.mutate("updateUser", "UpdateUserInput", "", given))["errors"] == []


async def _take_units(scene: Scene) -> None:
    given = {"id": scene.user_id, "unitIds": []}
    assert (await scene.admin.mutate("setUserUnits", "SetUserUnitsInput", "", given))["errors"] == []


LOGIN_ENDS: list[End] = [_log_out, _log_out_everywhere, _reset_password, _deactivate]
TOKEN_ENDS: list[End] = [_revoke_token, _deactivate]
ENDS = [*((False, end) for end in LOGIN_ENDS), *((True, end) for end in TOKEN_ENDS)]


def _named(value: object) -> str:
    return ("token" if value else "login") if isinstance(value, bool) else getattr(value, "__name__", "")


@pytest.fixture(scope="module")
def worker(database: str) -> Iterator[None]:
    with running("workers", says="worker ready"):
        yield


async def make_scene(server: str, *, by_token: bool = False, role: Role = Role.MANAGER) -> Scene:
    unit = await make_unit()
    person, admin = await make_user(role, [unit]), await make_user(Role.ADMIN)
    customer = await make_customer(unit=unit, name="Nordwind")
    scene = Scene(Kith(server, admin.token), person, Kith(server, person.token), customer)
    if by_token:
        given = {"name": "script", "scope": "WRITE", "expiresAt": (now() + timedelta(days=1)).isoformat()}
        made = await scene.caller.mutate("createApiToken", "CreateApiTokenInput", TOKEN, given)
        scene.caller, scene.token_id = Kith(server, made["secret"]), made["apiToken"]["id"]
    return scene


async def add_contact(kith: Kith, scene: Scene) -> list[str]:
    """The codes of the refusal; none when it worked."""
    given = {"customerId": scene.customer_id, "name": "Ada", "email": "ada@example.com"}
    payload = await kith.mutate("createContact", "CreateContactInput", "", given)
    return [error["code"] for error in payload["errors"]]


async def looked(kith: Kith) -> list[str]:
    """The names of the customers that are told, or the codes of the refusal."""
    try:
        return [each["name"] for each in (await kith.graphql(LOOK))["customers"]["nodes"]]
    except GraphQLFailed as refusal:
        return list(refusal.codes)


async def until_looks_say(kith: Kith, wanted: list[str]) -> float:
    """How long looks went on saying something else, in seconds."""
    began = time.monotonic()
    while await looked(kith) != wanted:
        assert time.monotonic() - began < 10 * SECONDS, "it never ended"
        await asyncio.sleep(OFTEN)
    return time.monotonic() - began


async def warm(kith: Kith) -> None:
    """Until the answer comes by the shortest way, from a login that was looked up a moment ago."""
    for _ in range(5):
        assert await looked(kith) == ["Nordwind"]


@pytest.mark.parametrize(("by_token", "end"), ENDS, ids=_named)
async def test_looks_are_refused_within_a_second_and_changes_at_once(
    server: str, db: None, by_token: bool, end: End
) -> None:
    scene = await make_scene(server, by_token=by_token)
    await warm(scene.caller)

    await end(scene)
    before = await contents()
    with pytest.raises(GraphQLFailed) as change:
        await add_contact(scene.caller, scene)
    late = await until_looks_say(scene.caller, ["UNAUTHENTICATED"])

    assert change.value.codes == ["UNAUTHENTICATED"]
    assert await contents() == before
    assert late < SECONDS
    assert await looked(scene.caller) == ["UNAUTHENTICATED"]  # and it stays so


@pytest.mark.parametrize("by_token", [False, True], ids=["login", "token"])
async def test_who_leaves_a_unit_sees_its_customers_no_more_and_changes_none_at_once(
    server: str, db: None, by_token: bool
) -> None:
    scene = await make_scene(server, by_token=by_token)
    await warm(scene.caller)

    await _take_units(scene)
    before = await contents()
    codes = await add_contact(scene.caller, scene)
    late = await until_looks_say(scene.caller, [])

    assert codes == ["NOT_FOUND"]
    assert await contents() == before
    assert late < SECONDS


async def test_a_lower_role_counts_at_once_for_changes_and_within_a_second_for_looks(
    server: str, db: None
) -> None:
    scene = await make_scene(server, role=Role.ADMIN)
    await make_customer(name="Of another unit")
    for _ in range(5):
        assert sorted(await looked(scene.caller)) == ["Nordwind", "Of another unit"]

    await _lower_role(scene)
    before = await contents()
    codes = await add_contact(scene.caller, scene)
    late = await until_looks_say(scene.caller, ["Nordwind"])

    assert codes == ["FORBIDDEN"]
    assert await contents() == before
    assert late < SECONDS


@pytest.mark.parametrize(("by_token", "end"), ENDS, ids=_named)
async def test_open_sockets_and_streams_are_ended_within_a_second(
    server: str, db: None, redis_url: str, by_token: bool, end: End
) -> None:
    scene = await make_scene(server, by_token=by_token)
    told = {"authorization": f"Bearer {scene.caller.token}"}
    async with (
        raw(server) as socket,
        subscribed(server, scene.caller.token, CHANGES, {"id": scene.customer_id}) as stream,
    ):
        await socket.send(type="connection_init", payload=told)
        assert (await socket.hear())["type"] == "connection_ack"
        await socket.subscribe("1", CHANGES, id=scene.customer_id)
        await until_listened(redis_url, scene.topic)
        await asyncio.sleep(0.1)  # both of them: one process listens once

        await end(scene)
        began = time.monotonic()
        (refusal, event) = await asyncio.gather(socket.hear(), stream.next_event())
        late = time.monotonic() - began
        assert (await socket.hear())["type"] == (await stream.next_event()).name == "complete"
        (again,) = await socket.answer("2", LOOK)

    assert code_of(refusal) == code_of(again) == "UNAUTHENTICATED"
    assert event.data["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert late < SECONDS


async def test_an_open_socket_and_stream_hear_no_more_of_a_unit_a_second_after_it_is_left(
    server: str, db: None, worker: None, redis_url: str
) -> None:
    scene = await make_scene(server)
    colleague = await make_user(Role.MANAGER, [await scene.customer.unit])
    variables = {"id": scene.customer_id}
    async with (
        opened(server, scene.person) as mine,
        opened(server, colleague) as theirs,
        subscribed(server, scene.person.token, CHANGES, variables) as stream,
    ):
        for socket in (mine, theirs):
            await socket.subscribe("1", CHANGES, **variables)
        await until_listened(redis_url, scene.topic)

        await _take_units(scene)
        await asyncio.sleep(SECONDS)
        assert await add_contact(Kith(server, colleague.token), scene) == []

        assert (await theirs.hear())["payload"]["data"]["customerChanged"]["action"] == "create_contact"
        (whole, _) = await mine.answer("2", LOOK)
        assert whole == {"id": "2", "type": "next", "payload": {"data": {"customers": {"nodes": []}}}}
        await _deactivate(scene)
        event = await stream.next_event()
    assert event.data["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"  # and nothing before it
