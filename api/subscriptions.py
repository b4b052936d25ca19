"""What every subscription does: wait for an event of somebody who is still logged in, then look at the record."""

from collections.abc import AsyncIterator

from api.context import Info
from api.hub import RESUMED, Hub, Message


async def events(info: Info, *topics: str) -> AsyncIterator[Message]:
    """The events on these topics, as `{"type", "data", "id"}`; one may come twice, with the same id.

    Ends with Unauthenticated within a second of the login's end. Who must not miss anything while the connection to
    Redis is lost listens to the hub itself, and looks again when it hears RESUMED.
    """
    hub: Hub = info.context.request.app.state.hub
    info.context.require()
    async with hub.listen(info.context, *topics) as listener:
        while True:
            message = await listener.hear()
            if message is not RESUMED:
                yield message
