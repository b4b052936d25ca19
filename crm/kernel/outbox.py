"""Promises of work, made in the transaction that makes them necessary.

PENDING → RUNNING (claimed with a lease) → DONE, or back to PENDING for another try, or DEAD after the last one.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from tortoise.connection import get_connection

from crm.kernel import traces
from crm.kernel.ids import uuid7
from crm.kernel.transaction import in_progress

_INSERT = """
insert into outbox (id, kind, payload, dedupe_key, once_key, run_after)
values ($1, $2, $3::jsonb, $4, $5, coalesce($6, now())) on conflict do nothing
"""


async def enqueue(
    kind: str,
    payload: dict[str, Any],
    *,
    dedupe_key: str | None = None,
    once_key: str | None = None,
    run_after: datetime | None = None,
) -> UUID:
    """Promises a job; must be called inside `transaction()`.

    `dedupe_key`: no second job while one with this key is still PENDING. `once_key`: no second job ever.
    A trace in progress goes with the payload, where `jobs.claim` takes it out again.
    """
    if not in_progress():
        raise RuntimeError("A job is promised inside the transaction that makes it necessary.")
    job_id = uuid7()
    values = [
        job_id,
        kind,
        orjson.dumps(payload | traces.carrier()).decode(),
        dedupe_key,
        once_key,
        run_after,
    ]
    await get_connection("default").execute_query(_INSERT, values)
    return job_id
