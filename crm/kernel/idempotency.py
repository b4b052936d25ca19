"""The same key, the same answer: a mutation's key is stored in the mutation's own transaction."""

from typing import Any

import orjson
from tortoise.connection import get_connection

from crm.kernel.errors import RuleViolation
from crm.kernel.ids import uuid7
from crm.kernel.models import IdempotencyKey
from crm.kernel.settings import settings
from crm.kernel.transaction import raw_connection

MAX_KEY = 200


class IdempotencyKeyReused(RuleViolation):
    code = "IDEMPOTENCY_KEY_REUSED"


async def claim(*, caller: str, key: str, request_hash: str) -> dict[str, Any] | None:
    """Takes the key within the open transaction; the remembered answer when an earlier request took it.

    A second request with the same key waits here until the first commits. Raises IdempotencyKeyReused when the key
    came with another request.
    """
    if len(key) > MAX_KEY:
        raise IdempotencyKeyReused(f"An Idempotency-Key has at most {MAX_KEY - 80} characters.")
    taken = await raw_connection().fetchval(
        "insert into idempotency_key (id, caller, key, request_hash, answer) values ($1, $2, $3, $4, '{}') "
        "on conflict do nothing returning true",
        *(uuid7(), caller, key, request_hash),
    )
    if taken:
        return None
    earlier = await IdempotencyKey.get(caller=caller, key=key)
    if earlier.request_hash != request_hash:
        raise IdempotencyKeyReused(
            "This Idempotency-Key was used for another request. Use a fresh key for each change."
        )
    return dict(earlier.answer)


async def answer(*, caller: str, key: str, answer: dict[str, Any]) -> None:
    await IdempotencyKey.filter(caller=caller, key=key).update(
        answer=orjson.loads(orjson.dumps(answer, default=str))
    )


async def forget_old() -> None:
    """Deletes keys older than the setting; called by the nightly schedule."""
    await get_connection("default").execute_query(
        "delete from idempotency_key where created_at < now() - make_interval(hours => $1)",
        [settings().idempotency_hours],
    )
