"""What every resolver can reach: who asks, and through which request."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import strawberry
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from api.budgets import Budget
from crm.accounts.logins import renewed
from crm.kernel.actor import Actor
from crm.kernel.errors import Unauthenticated


@dataclass
class Context:
    """One request, or one WebSocket connection. `authenticate` answers who holds the token right now."""

    request: Request | WebSocket
    response: Response | WebSocket | None
    authenticate: Callable[["Context"], Awaitable[Actor | None]]
    actor: Actor | None = None
    connection_params: Any = None
    idempotency_key: str | None = None
    extensions: dict[str, Any] = field(default_factory=dict)
    """The request's own `extensions`."""
    explained: list[dict[str, Any]] | None = None
    """The statements of the request with their plans, for an admin who asked for them."""
    incremental: bool = False
    """Whether the caller can be answered in parts, as @defer and @stream want."""
    wants_cost: bool = False
    budget: Budget | None = None
    resume_after: str | None = None
    """The id of the last event a subscription has heard, if it goes on from there."""
    event_id: str | None = None
    """The id of the event whose result is on its way out."""

    async def renew(self) -> Actor:
        """The actor as of now, on a connection that outlives a request. Raises Unauthenticated once the login ended."""
        self.actor = await renewed(self.actor) if self.actor else None
        return self.require()

    def require(self) -> Actor:
        if self.actor is None:
            raise Unauthenticated(
                "Log in first: call the logIn mutation, or send 'Authorization: Bearer <token>'."
            )
        return self.actor


Info: TypeAlias = strawberry.Info[Context, None]


def actor_of(info: Info) -> Actor:
    """Who asks. Raises Unauthenticated."""
    return info.context.require()
