"""The queue of record: how the promises of the outbox are kept. Redis only rings; what counts is here.

    PENDING ─claim─► RUNNING ─finish─► DONE
       ▲                │
       ├── give_back ───┤     (the worker is stopping)
       ├── fail ────────┤     (another try, after a pause)
       │                └─fail, bury─► DEAD    (gave up, tried too often, or killed its worker too often)
       └────────── retry_job ──────────┘

A claim raises the row's epoch and holds it until the lease lapses; everything a worker writes about its job
names its epoch, so one that was overtaken changes nothing. Time is the database's, never a worker's.
"""

import random
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from tortoise.connection import get_connection
from tortoise.exceptions import IntegrityError
from tortoise.queryset import QuerySet

from crm.kernel import traces
from crm.kernel.actor import Actor, Role
from crm.kernel.errors import Forbidden, InvalidTransition, NotFound
from crm.kernel.ids import Kind
from crm.kernel.models import JobState, OutboxJob
from crm.kernel.settings import settings
from crm.kernel.transaction import in_progress, transaction

SLOT = "slot:"  # how the once_key of a scheduled job begins; see workers/schedule.py
LONGEST_PAUSE_SECONDS = 3600.0
MAX_ERROR_LENGTH = 2000
DISCONNECT_CHECK_MILLISECONDS = 2000
_SILENT_LEASES, _LONGEST_LEASES = 3, 15


class LostLease(Exception):
    """Another worker owns the job by now: roll back and stop, nothing more is asked of this one."""


class GiveUp(Exception):
    """Raised by a job that no further try can help: it becomes DEAD at once, with this sentence."""


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """One worker's right to one try of a job. `attempt` counts from 1."""

    job_id: UUID
    kind: str
    payload: dict[str, Any]
    epoch: int
    attempt: int
    trace: str | None = None
    """The trace that the promise was part of, as a `traceparent`."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A job that waits for a worker. The pair names one try: the same pair is never needed twice."""

    job_id: UUID
    epoch: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much work waits. `oldest_seconds`: for how long the oldest due job has waited, 0 when none is due."""

    pending: int
    running: int
    dead: int
    oldest_seconds: float


_CLAIM = """
update outbox set state = 'RUNNING', epoch = epoch + 1, attempts = attempts + 1, offered_until = null,
                  lease_until = now() + make_interval(secs => $2)
 where id = (select id from outbox where id = $1
                and (state = 'PENDING' and run_after <= now()
                     or state = 'RUNNING' and lease_until <= now() and attempts < $3)
             for update skip locked)
returning kind, payload, epoch, attempts
"""


async def claim(job_id: UUID) -> Claim | None:
    """Take a job that is due, or whose worker let the lease lapse; None when there is nothing to take.

    Never waits: a row that another transaction holds is somebody else's.
    """
    rows = await _rows(_CLAIM, job_id, float(settings().job_lease_seconds), settings().job_max_attempts)
    if not rows:
        return None
    row = rows[0]
    payload = orjson.loads(row["payload"])
    trace = payload.pop(traces.CARRIER, None)
    return Claim(job_id, row["kind"], payload, row["epoch"], row["attempts"], trace)


_HEARTBEAT = """
with mine as materialized (select * from unnest($1::uuid[], $2::int[]) as m (id, epoch)),
free as materialized (select o.id from outbox o join mine m using (id, epoch) where o.state = 'RUNNING'
          for update of o skip locked),
extended as (update outbox o set lease_until = now() + make_interval(secs => $3)
               from free where o.id = free.id)
select m.id from mine m where not exists
  (select 1 from outbox o where o.id = m.id and o.epoch = m.epoch and o.state in ('RUNNING', 'DONE'))
"""


async def heartbeat(claims: Collection[Claim]) -> list[Claim]:
    """Extend the leases of these jobs by one statement; return the claims that were lost.

    A row locked by its own job's transaction is left alone: nobody can claim it meanwhile.
    """
    ids, epochs = [c.job_id for c in claims], [c.epoch for c in claims]
    lost = {row["id"] for row in await _rows(_HEARTBEAT, ids, epochs, float(settings().job_lease_seconds))}
    return [c for c in claims if c.job_id in lost]


_FINISH = """
update outbox set state = 'DONE', lease_until = null, finished_at = now(), last_error = null
 where id = $1 and epoch = $2 and state = 'RUNNING' returning id
"""


async def finish(claim: Claim) -> None:
    """Mark the job DONE, in the transaction of its effects. Raises LostLease, which must roll them back."""
    if not await _rows(_FINISH, claim.job_id, claim.epoch):
        raise LostLease(f"Job {claim.job_id} was taken over by another worker.")


_STILL_MINE = """
update outbox set lease_until = greatest(lease_until, now() + make_interval(secs => $3))
 where id = $1 and epoch = $2 and state = 'RUNNING' returning id
"""


async def still_mine(claim: Claim, *, least_seconds: float = 0) -> None:
    """To be called first in each chunk's transaction of a long job: until it ends nobody can take the job.

    It also extends the lease. Raises LostLease, which must roll the chunk back. For `least_seconds` see `end_when_abandoned`.
    """
    if not in_progress():
        raise RuntimeError("still_mine() protects an open transaction.")
    await end_when_abandoned(least_seconds=least_seconds)
    if not await _rows(_STILL_MINE, claim.job_id, claim.epoch, float(settings().job_lease_seconds)):
        raise LostLease(f"Job {claim.job_id} was taken over by another worker.")


async def end_when_abandoned(*, least_seconds: float = 0) -> None:
    """Have PostgreSQL end the open transaction, and free its locks, when the worker no longer answers.

    A killed worker is noticed during a running statement too; a frozen one after three leases of silence. One that froze
    between preparing a statement and asking for its rows does not count as idle: its transaction has fifteen. Both have
    `least_seconds`, however short the leases are. Only the first call in a transaction counts: PostgreSQL sets its clock once.
    """
    silent, longest = (
        str(int(1000 * max(leases * settings().job_lease_seconds, least_seconds)))
        for leases in (_SILENT_LEASES, _LONGEST_LEASES)
    )
    await _rows(
        "select set_config('idle_in_transaction_session_timeout', $1, true),"
        " set_config('client_connection_check_interval', $2, true), set_config('transaction_timeout', $3, true)",
        silent,
        str(DISCONNECT_CHECK_MILLISECONDS),
        longest,
    )


# A key that a newer job took meanwhile is left to that one: both run.
_BACK_TO_PENDING = """
state = 'PENDING', lease_until = null, offered_until = null, finished_at = null,
dedupe_key = case when exists (select 1 from outbox other where other.dedupe_key = o.dedupe_key
                                 and other.state = 'PENDING') then null else o.dedupe_key end
"""
_GIVE_BACK = f"""
update outbox o set {_BACK_TO_PENDING}, attempts = attempts - 1, run_after = now()
 where id = $1 and epoch = $2 and state = 'RUNNING' returning id
"""  # noqa: S608  constants only


async def give_back(claim: Claim) -> None:
    """Let another worker go on at once, because this one is stopping; it does not count as a try."""
    await _rows_past_dedupe(_GIVE_BACK, claim.job_id, claim.epoch)


_RETRY_LATER = f"""
update outbox o set {_BACK_TO_PENDING}, last_error = $3, run_after = now() + make_interval(secs => $4)
 where id = $1 and epoch = $2 and state = 'RUNNING' returning state
"""  # noqa: S608  constants only
_DIE = """
update outbox set state = 'DEAD', lease_until = null, finished_at = now(), last_error = $3
 where id = $1 and epoch = $2 and state = 'RUNNING' returning state
"""


async def fail(claim: Claim, error: BaseException) -> JobState | None:
    """Record a failed try: PENDING again after a pause, or DEAD. None when the job was no longer ours."""
    reason = describe(error)
    if isinstance(error, GiveUp) or claim.attempt >= settings().job_max_attempts:
        rows = await _rows(_DIE, claim.job_id, claim.epoch, reason)
    else:
        rows = await _rows_past_dedupe(_RETRY_LATER, claim.job_id, claim.epoch, reason, pause(claim.attempt))
    return JobState(rows[0]["state"]) if rows else None


def pause(attempt: int) -> float:
    """Return the seconds to wait after a failed try: doubling from the setting, and up to half as long again by chance.

    So jobs that failed together do not all come back together.
    """
    doubled = settings().job_retry_seconds * 2.0 ** (attempt - 1)
    return min(doubled, LONGEST_PAUSE_SECONDS) * random.uniform(1, 1.5)  # noqa: S311  no secret


def describe(error: BaseException) -> str:
    """Say what an admin reads about a failure."""
    # PostgreSQL's text holds no NUL.
    text = str(error) if isinstance(error, GiveUp) else f"{type(error).__name__}: {error}"
    return text.replace("\0", "")[:MAX_ERROR_LENGTH]


_OFFER = """
with waiting as materialized (
  select id from outbox where state = 'PENDING' and run_after <= now()
     and (offered_until is null or offered_until <= now())
  order by run_after limit $1 for update skip locked),
lapsed as materialized (
  select id from outbox where state = 'RUNNING' and lease_until <= now()
     and (offered_until is null or offered_until <= now())
  order by lease_until limit $1 for update skip locked)
update outbox set offered_until = now() + make_interval(secs => $2)
 where id in (select id from waiting union all select id from lapsed)
returning id, epoch
"""


async def offer(limit: int) -> list[Offer]:
    """Return up to `limit` jobs that are due, and as many whose lease lapsed, to ring the bell for.

    Each is offered by one relay, and again after a sweep's time if nobody claimed it.
    """
    rows = await _rows(_OFFER, limit, settings().job_sweep_seconds)
    return [Offer(row["id"], row["epoch"]) for row in sorted(rows, key=lambda row: row["id"])]


_BURY = """
update outbox set state = 'DEAD', lease_until = null, finished_at = now(),
                  last_error = 'Its worker died or fell silent during the last of ' || attempts || ' tries.'
 where id in (select id from outbox where state = 'RUNNING' and lease_until <= now() and attempts >= $1
              for update skip locked)
returning id
"""


async def bury() -> list[UUID]:
    """Make DEAD what was given its last try and never came back, so that no job kills workers for ever."""
    return [row["id"] for row in await _rows(_BURY, settings().job_max_attempts)]


_NEXT = """
select extract(epoch from least(
         (select min(run_after) from outbox where state = 'PENDING' and run_after > now()),
         (select min(lease_until) from outbox where state = 'RUNNING' and lease_until > now())
       ) - now())::float8 as seconds
"""


async def seconds_to_next() -> float | None:
    """Say how long until the next job falls due or the next lease would lapse; None when neither is in sight."""
    seconds: float | None = (await _rows(_NEXT))[0]["seconds"]
    return seconds


_BACKLOG = """
select (select count(*) from outbox where state = 'PENDING') as pending,
       (select count(*) from outbox where state = 'RUNNING') as running,
       (select count(*) from outbox where state = 'DEAD') as dead,
       (select coalesce(extract(epoch from now() - min(run_after)), 0)::float8
          from outbox where state = 'PENDING' and run_after <= now()) as oldest_seconds
"""


async def backlog() -> Backlog:
    return Backlog(**(await _rows(_BACKLOG))[0])


OUTCOME_SECONDS = 300
_OUTCOMES = """
select kind, 'done' as outcome, count(*) from outbox
 where state = 'DONE' and finished_at > now() - make_interval(secs => $1) group by kind
union all
select kind, 'dead', count(*) from outbox
 where state = 'DEAD' and finished_at > now() - make_interval(secs => $1) group by kind
union all
select kind, 'retrying', count(*) from outbox where state = 'PENDING' and attempts > 0 group by kind
"""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The backlog, and `(kind, outcome, count)` of what ended in the last OUTCOME_SECONDS or is to be tried again."""

    backlog: Backlog
    recent: list[tuple[str, str, int]]


async def outcomes() -> Outcomes:
    """How the queue does, told by its own rows: true however many processes work on it."""
    rows = await _rows(_OUTCOMES, float(OUTCOME_SECONDS))
    return Outcomes(await backlog(), [(row["kind"], row["outcome"], row["count"]) for row in rows])


_PRUNE = """
delete from outbox where id in
  (select id from outbox where state = 'DONE' and finished_at < now() - make_interval(days => $1)
      and (once_key is null or starts_with(once_key, $2)) limit $3 for update skip locked)
returning id
"""


async def prune(*, days: int, limit: int) -> int:
    """Delete up to `limit` jobs that were done more than `days` days ago; return how many went.

    A job that may be promised only once stays, so that its key does; the slots of a schedule never recur.
    """
    return len(await _rows(_PRUNE, days, SLOT, limit))


async def backlog_for(*, actor: Actor) -> Backlog:
    """As `backlog`, for callers. Raises Forbidden for anyone but an admin."""
    _require_admin(actor)
    return await backlog()


def visible_to(actor: Actor) -> QuerySet[OutboxJob]:
    """Return every job for an admin, none for others."""
    return OutboxJob.all() if actor.role is Role.ADMIN else OutboxJob.filter(id__in=[])


def dead_jobs(*, actor: Actor) -> QuerySet[OutboxJob]:
    """Return the jobs that gave up. Raises Forbidden for anyone but an admin."""
    _require_admin(actor)
    return OutboxJob.filter(state=JobState.DEAD)


_RETRY = f"""
update outbox o set {_BACK_TO_PENDING}, attempts = 0, run_after = now()
 where id = $1 and state = 'DEAD' returning id
"""  # noqa: S608  constants only


async def retry_job(job_id: UUID, *, actor: Actor) -> None:
    """Give a DEAD job all its tries again, at once. Raises Forbidden, NotFound, InvalidTransition."""
    _require_admin(actor)
    if not actor.may_write:
        raise Forbidden("This token may only read. Use one with the scope WRITE.")
    async with transaction():
        job = await OutboxJob.filter(id=job_id).select_for_update().get_or_none()
        if job is None:
            raise NotFound(Kind.JOB, "id")
        if job.state is not JobState.DEAD:
            raise InvalidTransition("retryJob", job.state, [])
        await _rows(_RETRY, job_id)


def _require_admin(actor: Actor) -> None:
    if actor.role is not Role.ADMIN:
        raise Forbidden("Only an administrator may see and retry dead jobs.")


async def _rows(sql: str, *values: object) -> list[dict[str, Any]]:
    return await get_connection("default").execute_query_dict(sql, list(values))


async def _rows_past_dedupe(sql: str, *values: object) -> list[dict[str, Any]]:
    """Run it again when a job with the same dedupe key was promised at that very moment."""
    try:
        return await _rows(sql, *values)
    except IntegrityError:
        return await _rows(sql, *values)
