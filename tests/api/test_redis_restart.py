"""Subscriptions, and a page of an allowed origin, through an API and a worker of their own."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from factories import Person, make_customer, make_unit, make_user
from kith_socket import PROTOCOL, Socket, until_listened
from own_process import running
from websockets.asyncio.client import unix_connect

from api.auth import COOKIE
from crm.contacts.service import create_contact
from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode
from stack.valkey import Valkey

ALLOWED_ORIGIN = "https://app.kith.example"
CHANGES = "subscription ($id: ID!) { customerChanged(id: $id) { action } }"


async def test_subscriptions_go_on_when_redis_has_been_away(database: str, db: None) -> None:
    unit = await make_unit()
    manager, customer = await make_user(Role.MANAGER, [unit]), await make_customer(unit=unit)
    topic = f"customer:{customer.id.hex}"
    with tempfile.TemporaryDirectory(prefix="kith-") as place, Valkey(Path(place) / "valkey") as valkey:
        ours = {"REDIS_URL": valkey.url, "KITH_ALLOWED_ORIGINS": ALLOWED_ORIGIN}
        with _api(f"{place}/api.sock", ours), running("workers", says="worker ready", **ours):
            async with _page(f"{place}/api.sock", manager) as socket:
                await socket.subscribe("1", CHANGES, id=encode(Kind.CUSTOMER, customer.id))
                await until_listened(valkey.url, topic)

                valkey.stop()
                await asyncio.sleep(1)
                valkey.start()

                await until_listened(valkey.url, topic)
                contact = {"name": "Ada", "email": "ada@example.com"}
                await create_contact(customer.id, contact, actor=manager.actor)
                heard = await socket.hear()
                assert heard["payload"]["data"] == {"customerChanged": {"action": "create_contact"}}


def _api(path: str, settings: dict[str, str]) -> contextlib.AbstractContextManager[None]:
    started = ("uvicorn", "--factory", "api.app:create_app", "--uds", path)
    return running(*started, says="startup complete", **settings)


@contextlib.asynccontextmanager
async def _page(path: str, person: Person) -> AsyncIterator[Socket]:
    """A page of an allowed origin, with its cookie."""
    headers = {"cookie": f"{COOKIE}={person.token}", "origin": ALLOWED_ORIGIN}
    url = "ws://api.kith.example/graphql"
    async with unix_connect(path, url, subprotocols=[PROTOCOL], additional_headers=headers) as connection:
        socket = Socket(connection)
        await socket.send(type="connection_init")
        assert (await socket.hear())["type"] == "connection_ack"
        yield socket
