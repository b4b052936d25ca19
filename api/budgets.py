"""What a caller may ask for over time: a bucket of points that fills again within a minute, shared through Redis.

A logged-in caller's bucket is their user's, whatever they come with; nobody's is their network address's. Small
operations are added up here and taken from Redis together, once they come to a hundredth of the bucket or a second
has passed: a process lets a caller overdraw by that much at most, and most operations wait for nothing, for what a second
has brought is taken beside them. While Redis is away, each process counts for itself.
"""

import asyncio
import ipaddress
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from uuid import UUID

import structlog
from graphql import GraphQLError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.fusion.memory import Memory
from crm.kernel.actor import Actor
from crm.kernel.settings import settings

if TYPE_CHECKING:
    from api.context import Context

log = structlog.get_logger(__name__)

MINUTE = 60
SHARE = 100  # a caller's small operations are settled once they come to this part of the bucket
SETTLE_SECONDS = 1.0
LONGEST_SECONDS = 2.0  # what was known before that is asked anew before anything is let through
AWAY_SECONDS = 1.0  # for which a Redis that failed is not asked again
MOST_CALLERS = 10_000  # remembered at once by a process

# What was let through already is taken in any case; what is asked for now only if it is there.
_TAKE = """
local capacity, rate, owed, asked = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local kept = redis.call('HMGET', KEYS[1], 'points', 'at')
local points, at = tonumber(kept[1]) or capacity, tonumber(kept[2]) or now
points = math.min(capacity, points + math.max(0, now - at) * rate) - owed
local granted = points >= asked and 1 or 0
if granted == 1 then points = points - asked end
redis.call('HSET', KEYS[1], 'points', tostring(points), 'at', tostring(now))
redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - points) / rate * 1000) + 1000)
return {granted, tostring(points)}
"""


_Caller: TypeAlias = UUID | str | None
"""A user, or the network address of somebody who is not logged in."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What an operation was charged. `remaining` and `restores_at` are None where there is no limit.

    When it is full again is reckoned only for who wants to know.
    """

    requested: int
    remaining: int | None = None
    restores_at: datetime | None = None

    def told(self) -> dict[str, Any]:
        """As `extensions.cost` has it."""
        at = self.restores_at.isoformat(timespec="milliseconds") if self.restores_at else None
        return {"requested": self.requested, "remaining": self.remaining, "restoresAt": at}


@dataclass(slots=True)
class _Account:
    """What this process knows of one caller's bucket: the points at a moment, and what was let through since."""

    points: float
    at: float = float("-inf")
    owed: int = 0
    asking: asyncio.Task[bool] | None = None

    def refill(self, capacity: int, moment: float) -> None:
        if self.at > float("-inf"):
            self.points = min(capacity, self.points + (moment - self.at) * capacity / MINUTE)
        self.at = moment


class Budgets:
    """The budgets of all callers of this process."""

    def __init__(self, redis: Redis) -> None:
        self._take = redis.register_script(_TAKE)
        self._accounts: Memory[_Account] = Memory(MOST_CALLERS)
        self._away_until = 0.0
        self._beside: set[asyncio.Task[bool]] = set()

    async def close(self) -> None:
        if self._beside:
            await asyncio.wait(self._beside)

    def spend(self, actor: Actor, cost: int) -> bool:
        """Takes a small cost from the budget of somebody who is logged in, if nobody has to wait for Redis."""
        capacity = settings().cost_per_minute
        if not capacity:
            return True
        account = self._accounts.get(actor.user_id)
        return account is not None and self._spend(actor.user_id, account, capacity, min(cost, capacity))

    async def charge(self, context: "Context", cost: int) -> Budget:
        """Takes the cost from the caller's budget. Raises GraphQLError (RATE_LIMITED) when it is not there."""
        key, capacity = _caller(context)
        if not capacity:
            return Budget(cost)
        account, asked = self._account(key, capacity), min(cost, capacity)
        granted = not context.wants_cost and (
            self._spend(key, account, capacity, asked)
            or await self._spend_then(key, account, capacity, asked)
        )
        if not granted:
            granted = await asyncio.shield(self._ask(key, account, capacity, asked))
        left = max(0, int(account.points - account.owed))
        if not granted:
            raise _refusal(cost, left, capacity, asked)
        if not context.wants_cost:
            return Budget(cost, left)
        return Budget(
            cost, left, datetime.now(UTC) + timedelta(seconds=(capacity - left) * MINUTE / capacity)
        )

    def _account(self, key: _Caller, capacity: int) -> _Account:
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = _Account(capacity)
        return account

    def _spend(self, key: _Caller, account: _Account, capacity: int, asked: int) -> bool:
        """Takes a small cost, to be settled with others; False: Redis must be asked."""
        age, owed = time.monotonic() - account.at, account.owed + asked
        if age >= LONGEST_SECONDS or owed >= capacity / SHARE or owed > account.points:
            return False
        account.owed = owed
        if age >= SETTLE_SECONDS and account.asking is None:
            self._ask(key, account, capacity, 0)
        return True

    async def _spend_then(self, key: _Caller, account: _Account, capacity: int, asked: int) -> bool:
        """As `_spend`, once Redis has answered somebody else: of many who come after a rest, one asks it."""
        if account.asking is None:
            return False
        await asyncio.wait([account.asking])
        return self._spend(key, account, capacity, asked)

    def _ask(self, key: _Caller, account: _Account, capacity: int, asked: int) -> asyncio.Task[bool]:
        """Settles, whoever goes on waiting for it."""
        task = account.asking = asyncio.ensure_future(self._settle(key, account, capacity, asked))
        self._beside.add(task)

        def done(task: asyncio.Task[bool]) -> None:
            self._beside.discard(task)
            if account.asking is task:
                account.asking = None

        task.add_done_callback(done)
        return task

    async def _settle(self, key: _Caller, account: _Account, capacity: int, asked: int) -> bool:
        owed, account.owed = account.owed, 0
        account.points -= owed
        if time.monotonic() >= self._away_until:
            try:
                values = [capacity, capacity / MINUTE, owed, asked]
                taken = self._take(keys=[f"kith:budget:{_name(key)}"], args=values)
                granted, points = await cast("Awaitable[tuple[int, str]]", taken)
            except (RedisError, OSError) as error:
                log.warning("budgets are counted without Redis", reason=f"{type(error).__name__}: {error}")
                self._away_until = time.monotonic() + AWAY_SECONDS
            else:
                account.points, account.at = float(points), time.monotonic()
                return bool(granted)
        return _settle_here(account, capacity, asked)


async def charge(context: "Context", cost: int) -> Budget:
    """Takes the cost from the budget of who asks. Raises GraphQLError (RATE_LIMITED)."""
    budgets: Budgets = context.request.app.state.budgets
    return await budgets.charge(context, cost)


def _settle_here(account: _Account, capacity: int, asked: int) -> bool:
    account.refill(capacity, time.monotonic())
    granted = account.points >= asked
    if granted:
        account.points -= asked
    return granted


def _caller(context: "Context") -> tuple[_Caller, int]:
    """Whose bucket it is, and how much it holds; 0 for no limit."""
    if context.actor is not None and context.actor.user_id is not None:
        return context.actor.user_id, settings().cost_per_minute
    client = context.request.client
    return _network(client.host if client else ""), settings().public_cost_per_minute


def _name(key: _Caller) -> str:
    return f"user:{key.hex}" if isinstance(key, UUID) else f"address:{key}"


def _network(host: str) -> str:
    """An address; of IPv6 the first half, for the rest of it is everybody's to choose."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return host


def _refusal(cost: int, left: int, capacity: int, asked: int) -> GraphQLError:
    wait = max(1, round((asked - left) * MINUTE / capacity))
    message = (
        f"The operation costs {cost} points and {left} of the {capacity} you may spend in a minute are left. "
        f"Try again in {wait} s, or ask for less at once."
    )
    told = {"code": "RATE_LIMITED", "limit": "budget", "allowed": left, "found": cost, "retryAfter": wait}
    return GraphQLError(message, extensions=told)
