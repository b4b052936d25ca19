"""Following an import as it runs."""

from collections.abc import AsyncGenerator
from typing import Annotated, cast
from uuid import UUID

import strawberry

from api.context import Info, actor_of
from api.hub import Hub
from api.ids import key_of
from api.imports.types import Import
from crm.imports import models, queries
from crm.imports.events import import_topic
from crm.kernel.errors import NotFound
from crm.kernel.ids import Kind


@strawberry.type
class ImportSubscription:
    @strawberry.subscription(
        description="The import as it is now, and again after each change of its state and each chunk of rows, about once a "
        "second. Never ends by itself: stop when `finishedAt` is there. Ends with NOT_FOUND for an import you may not see."
    )
    async def import_progress(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The import.")]
    ) -> AsyncGenerator[Import, None]:
        key = key_of(Kind.IMPORT, id)
        await _seen(info, key)
        version = 0
        hub: Hub = info.context.request.app.state.hub
        async with hub.listen(info.context, import_topic(key)) as listener:
            # Looked at only now that nothing more can be missed.
            while True:
                found = await _seen(info, key)
                if found.version > version:
                    version = found.version
                    yield cast("Import", queries.by_id(actor_of(info), key))
                await listener.hear()


async def _seen(info: Info, key: UUID) -> models.Import:
    found = await queries.by_id(actor_of(info), key)
    if found is None:
        raise NotFound(Kind.IMPORT, "id")
    return found
