"""What every subscription does: wait for an event, ask again who is listening, then look at the record."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from api.context import Info
from api.websocket import Hub

RECHECK_SECONDS = 1.0


async def events(info: Info, *topics: str) -> AsyncIterator[dict[str, Any]]:
    """The events on these topics. Ends with Unauthenticated within a second of the login's end."""
    hub: Hub = info.context.request.app.state.hub
    async with hub.listen(*topics) as queue:
        while True:
            try:
                message = await asyncio.wait_for(queue.get(), RECHECK_SECONDS)
            except TimeoutError:
                await info.context.renew()
                continue
            await info.context.renew()
            yield message
