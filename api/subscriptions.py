"""What every subscription does: wait for an event of somebody who is still logged in, then look at the record."""

from collections.abc import AsyncIterator

from api.context import Info
from api.history import lost
from api.hub import LOST, Hub, Message


async def events(info: Info, *topics: str) -> AsyncIterator[Message]:
    """The events on these topics, as `{"type", "data", "id", "position"}`; one may come twice, with the same id.

    Begins after the event the caller says it has heard last, if any. Ends with Unauthenticated within a second of the
    login's end, and with EVENTS_LOST rather than leave a gap. Whoever looks at a record as it is now, and may well miss
    how it came to that, listens to the hub itself.
    """
    context = info.context
    hub: Hub = context.request.app.state.hub
    context.require()
    async with hub.listen(context, *topics, after=context.resume_after) as listener:
        while True:
            message = await listener.hear()
            if message is LOST:
                raise lost()
            context.event_id = message["position"]
            yield message
