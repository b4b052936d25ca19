"""Following a segment over graphql-transport-ws: who enters and leaves is told to those who may see it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from factories import Person, make_customer, make_segment, make_unit, make_user
from kith_socket import Socket, code_of, opened, until_listened
from own_process import running

from crm.accounts.models import BusinessUnit
from crm.customers import service as customers
from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode
from crm.kernel.models import JobState, OutboxJob
from crm.segments import members, service
from crm.segments.events import segment_topic
from crm.segments.models import Segment
from tests.workers.outbox_watch import until
from workers.segments import NIGHTLY

pytestmark = pytest.mark.usefixtures("db", "worker")

FOLLOW = "subscription ($id: ID!) { change: segmentChanged(id: $id) { action entered left segment { name memberCount } } }"


@pytest.fixture(scope="module")
async def worker(_connected: None) -> AsyncIterator[None]:
    """At work, and done with what the clock had for it when it began."""
    with running("workers", says="worker ready"):
        await until(OutboxJob.filter(kind=NIGHTLY, state=JobState.DONE).exists)
        yield


async def _change(socket: Socket) -> dict[str, Any]:
    message = await socket.hear()
    assert message["type"] == "next", message
    change: dict[str, Any] = message["payload"]["data"]["change"]
    return change


async def _manager() -> tuple[BusinessUnit, Person]:
    unit = await make_unit()
    return unit, await make_user(Role.MANAGER, [unit])


async def test_a_static_segment_is_followed_to_its_end(server: str, redis_url: str) -> None:
    unit, manager = await _manager()
    segment = await make_segment(unit=unit, name="Friends")
    crowd = [await make_customer(unit=unit) for _ in range(2)]

    async with opened(server, manager) as socket:
        await socket.subscribe("1", FOLLOW, id=encode(Kind.SEGMENT, segment.id))
        await until_listened(redis_url, segment_topic(segment.id))
        await members.add_customers(segment.id, [each.id for each in crowd], actor=manager.actor)
        added = await _change(socket)
        await service.update_segment(segment.id, {"name": "Pals"}, expected_version=None, actor=manager.actor)
        renamed = await _change(socket)
        await service.delete_segment(segment.id, actor=manager.actor)
        ended = await socket.hear()

    assert added == {
        "action": "membership",
        "entered": 2,
        "left": 0,
        "segment": {"name": "Friends", "memberCount": 2},
    }
    assert (renamed["action"], renamed["segment"]["name"]) == ("update_segment", "Pals")
    assert code_of(ended) == "NOT_FOUND"


async def test_a_dynamic_segment_tells_of_an_edit_that_moved_a_customer_and_of_a_refresh(
    server: str, redis_url: str
) -> None:
    unit, manager = await _manager()
    customer = await make_customer(unit=unit)
    segment = await make_segment(unit=unit, name="German", rule={"country": {"eq": "DE"}})

    async with opened(server, manager) as socket:
        await socket.subscribe("1", FOLLOW, id=encode(Kind.SEGMENT, segment.id))
        await until_listened(redis_url, segment_topic(segment.id))
        await customers.update_customer(customer.id, {"address_country": "DE"}, 1, actor=manager.actor)
        entered = await _change(socket)
        await service.refresh_segment(segment.id, actor=manager.actor)
        asked, done = await _change(socket), await _change(socket)

    assert (entered["action"], entered["entered"], entered["left"]) == ("membership", 1, 0)
    assert entered["segment"] == {"name": "German", "memberCount": 1}
    assert (asked["action"], done["action"]) == ("refresh_segment", "refresh")
    assert (await Segment.get(id=segment.id)).stale_since is None


async def test_a_segment_one_may_not_see_cannot_be_followed(server: str) -> None:
    _, stranger = await _manager()
    foreign, everywhere = await make_segment(unit=await make_unit()), await make_segment()

    async with opened(server, stranger) as socket:
        for number, segment in enumerate((foreign, everywhere)):
            answer = await socket.answer(str(number), FOLLOW, id=encode(Kind.SEGMENT, segment.id))
            assert code_of(answer[0]) == "NOT_FOUND"
