"""Which function does the work of which kind of job.

    @job("invoice.deliver")
    async def deliver(payload: dict[str, Any], claim: Claim) -> None: ...

An ordinary handler runs inside a transaction that also marks the job done: its effects happen exactly once.
It should take seconds and must not wait long for anything outside PostgreSQL. A handler with `long=True` runs
outside any transaction and opens its own, chunk by chunk, calling `still_mine(claim)` first in each; what it
does must be safe to do again from the last chunk that was committed. A chunk should take seconds: nobody can extend
the lease during it, and a transaction that is silent for three leases is ended by PostgreSQL. Work for the processor
belongs in `asyncio.to_thread`: a blocked event loop extends no leases.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from crm.kernel.jobs import Claim

Handler = Callable[[dict[str, Any], Claim], Awaitable[None]]


class UnknownJobKind(Exception):
    """This worker has no handler for the job; perhaps a newer version promised it."""


@dataclass(frozen=True, slots=True)
class Registration:
    handler: Handler
    long: bool


_registrations: dict[str, Registration] = {}


def job(kind: str, *, long: bool = False) -> Callable[[Handler], Handler]:
    """Register the decorated handler for a kind of job, once."""

    def register(handler: Handler) -> Handler:
        if kind in _registrations:
            raise ValueError(f"Two handlers for jobs of kind '{kind}'.")
        _registrations[kind] = Registration(handler, long)
        return handler

    return register


def registration(kind: str) -> Registration:
    """Return the handler of a kind of job. Raises UnknownJobKind."""
    try:
        return _registrations[kind]
    except KeyError:
        raise UnknownJobKind(f"This worker has no handler for jobs of kind '{kind}'.") from None
