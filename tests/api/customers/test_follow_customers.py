"""Following customers over graphql-transport-ws: changes arrive from a real worker, to those who may see them."""

from collections.abc import Iterator
from typing import Any

import pytest
from factories import Person, make_customer, make_unit, make_user
from kith_socket import Socket, code_of, opened, until_listened
from own_process import running

from crm.accounts.models import BusinessUnit
from crm.contacts import service as contacts
from crm.customers import lifecycle, service
from crm.customers.events import customer_topic, unit_topic
from crm.customers.models import Customer, Stage
from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode

pytestmark = pytest.mark.usefixtures("db", "worker")

ONE = "subscription ($id: ID!) { change: customerChanged(id: $id) { id action fields customer { name stage } } }"
ALL = (
    "subscription ($units: [ID!]) { change: customersChanged(unitIds: $units) { action customer { name } } }"
)


@pytest.fixture(scope="module")
def worker(database: str) -> Iterator[None]:
    del database
    with running("workers", says="worker ready"):
        yield


async def _change(socket: Socket) -> dict[str, Any]:
    message = await socket.hear()
    assert message["type"] == "next", message
    change: dict[str, Any] = message["payload"]["data"]["change"]
    return change


async def _manager() -> tuple[BusinessUnit, Person]:
    unit = await make_unit()
    return unit, await make_user(Role.MANAGER, [unit])


async def test_a_customer_is_followed_through_its_changes_to_its_end(server: str, redis_url: str) -> None:
    unit, manager = await _manager()
    customer = await make_customer(unit=unit, name="Zeta")

    async with opened(server, manager) as socket:
        await socket.subscribe("1", ONE, id=encode(Kind.CUSTOMER, customer.id))
        await until_listened(redis_url, customer_topic(customer.id))
        await lifecycle.set_stage(customer.id, Stage.PROPOSAL, actor=manager.actor)
        staged = await _change(socket)
        await contacts.create_contact(customer.id, {"name": "A", "email": "a@x.example"}, actor=manager.actor)
        added = await _change(socket)
        await lifecycle.delete(customer.id, actor=manager.actor)
        deleted = await _change(socket)

    assert staged == {
        "id": encode(Kind.CUSTOMER, customer.id),
        "action": "set_stage",
        "fields": ["stage"],
        "customer": {"name": "Zeta", "stage": "PROPOSAL"},
    }
    assert (added["action"], added["fields"]) == ("create_contact", [])
    assert (deleted["action"], deleted["customer"]) == ("delete_customer", None)


async def test_the_customers_of_ones_units_are_followed_and_no_others(server: str, redis_url: str) -> None:
    (unit, manager), (other_unit, stranger) = await _manager(), await _manager()
    mine, theirs = (
        await make_customer(unit=unit, name="Mine"),
        await make_customer(unit=other_unit, name="Theirs"),
    )
    admin = await make_user(Role.ADMIN)

    async with opened(server, manager) as socket, opened(server, admin) as admins:
        await socket.subscribe("1", ALL)
        await admins.subscribe("1", ALL, units=[encode(Kind.BUSINESS_UNIT, other_unit.id)])
        await until_listened(redis_url, unit_topic(unit.id))
        await until_listened(redis_url, unit_topic(other_unit.id))
        await service.tag_customer(theirs.id, add=["x"], actor=stranger.actor)
        await service.tag_customer(mine.id, add=["y"], actor=manager.actor)

        assert await _change(admins) == {"action": "tag_customer", "customer": {"name": "Theirs"}}
        assert await _change(socket) == {"action": "tag_customer", "customer": {"name": "Mine"}}


async def test_a_customer_that_leaves_for_another_unit_is_heard_of_no_more(
    server: str, redis_url: str
) -> None:
    unit, manager = await _manager()
    elsewhere, admin = await make_unit(), await make_user(Role.ADMIN)
    leaving, staying = await make_customer(unit=unit), await make_customer(unit=unit, name="Stays")

    async with opened(server, manager) as socket:
        await socket.subscribe("1", ONE, id=encode(Kind.CUSTOMER, leaving.id))
        await socket.subscribe("2", ONE, id=encode(Kind.CUSTOMER, staying.id))
        for customer in (leaving, staying):
            await until_listened(redis_url, customer_topic(customer.id))
        await service.move_customer(leaving.id, elsewhere.id, actor=admin.actor)
        await service.tag_customer(leaving.id, add=["secret"], actor=admin.actor)
        await service.tag_customer(staying.id, add=["x"], actor=manager.actor)

        assert (await _change(socket))["customer"]["name"] == "Stays"


@pytest.mark.parametrize("exists", [True, False])
async def test_a_customer_one_may_not_see_cannot_be_followed(server: str, exists: bool) -> None:
    _, stranger = await _manager()
    customer = await make_customer()
    if not exists:
        await Customer.filter(id=customer.id).delete()

    async with opened(server, stranger) as socket:
        answer = await socket.answer("1", ONE, id=encode(Kind.CUSTOMER, customer.id))

    assert code_of(answer[0]) == "NOT_FOUND"
