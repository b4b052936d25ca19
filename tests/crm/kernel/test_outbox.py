"""The queue of record by itself: claims, leases, epochs, keys and who may revive the dead."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tortoise.connection import get_connection

from crm.kernel import jobs
from crm.kernel.actor import Actor, Role, Scope
from crm.kernel.database import credentials
from crm.kernel.errors import Forbidden, InvalidTransition, NotFound
from crm.kernel.ids import uuid7
from crm.kernel.jobs import Claim, GiveUp, LostLease
from crm.kernel.models import IdempotencyKey, JobState, OutboxJob
from crm.kernel.outbox import enqueue
from crm.kernel.settings import settings
from crm.kernel.transaction import transaction

pytestmark = pytest.mark.usefixtures("db")
ADMIN = Actor(user_id=None, name="Ada", role=Role.ADMIN)


async def promise(**options: Any) -> UUID:
    async with transaction():
        return await enqueue("sample", {"n": 1}, **options)


async def claimed(job_id: UUID | None = None) -> Claim:
    claim = await jobs.claim(job_id or await promise())
    assert claim is not None
    return claim


async def lapse(job_id: UUID) -> None:
    """Let the lease of a job pass, as the database sees it."""
    await _execute("update outbox set lease_until = now() - interval '1 second' where id = $1", job_id)


async def _execute(sql: str, *values: object) -> None:
    await get_connection("default").execute_query(sql, list(values))


async def snapshot() -> list[dict[str, Any]]:
    return await OutboxJob.all().order_by("id").values()


# Promising


async def test_a_job_outside_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError, match="inside the transaction"):
        await enqueue("sample", {})

    assert await snapshot() == []


async def test_a_promise_starts_pending_with_its_payload() -> None:
    job = await OutboxJob.get(id=await promise())

    assert (job.state, job.payload, job.attempts, job.epoch) == (JobState.PENDING, {"n": 1}, 0, 0)


async def test_jobs_with_one_dedupe_key_wait_only_once_but_may_follow_a_running_one() -> None:
    first = await promise(dedupe_key="segment:1")
    await promise(dedupe_key="segment:1")
    assert await OutboxJob.all().count() == 1

    await claimed(first)
    await promise(dedupe_key="segment:1")

    assert await OutboxJob.all().count() == 2


async def test_a_once_key_is_good_for_one_job_ever() -> None:
    claim = await claimed(await promise(once_key="reminder:1"))
    await jobs.finish(claim)

    await promise(once_key="reminder:1")

    assert await OutboxJob.all().count() == 1


async def test_promising_and_going_back_to_pending_ring(database: str) -> None:
    listener = await asyncpg.connect(**credentials(database))
    heard: asyncio.Queue[str] = asyncio.Queue()
    await listener.add_listener("kith_outbox", lambda *_: heard.put_nowait("rung"))
    try:
        claim = await claimed()
        assert await asyncio.wait_for(heard.get(), 5) == "rung"
        await jobs.give_back(claim)
        assert await asyncio.wait_for(heard.get(), 5) == "rung"
        assert heard.empty()
    finally:
        await listener.close()


# Claiming


async def test_a_claim_carries_the_job_and_takes_a_lease() -> None:
    job_id = await promise()

    claim = await claimed(job_id)

    job = await OutboxJob.get(id=job_id)
    assert (claim.job_id, claim.kind, claim.payload, claim.epoch, claim.attempt) == (
        job_id,
        "sample",
        {"n": 1},
        1,
        1,
    )
    assert job.state is JobState.RUNNING
    assert timedelta(seconds=settings().job_lease_seconds - 5) < job.lease_until - datetime.now(UTC)


async def test_of_twenty_workers_one_gets_the_job() -> None:
    job_id = await promise()

    claims = await asyncio.gather(*(jobs.claim(job_id) for _ in range(20)))

    assert len([c for c in claims if c]) == 1
    assert (await OutboxJob.get(id=job_id)).epoch == 1


@pytest.mark.parametrize("state", ["running", "done", "dead", "later", "unknown"])
async def test_what_is_not_due_cannot_be_claimed(state: str) -> None:
    job_id = uuid7() if state == "unknown" else await promise()
    if state == "later":
        await _execute("update outbox set run_after = now() + interval '1 minute'")
    if state in ("running", "done", "dead"):
        claim = await claimed(job_id)
        if state == "done":
            await jobs.finish(claim)
        if state == "dead":
            await jobs.fail(claim, GiveUp("no"))
    before = await snapshot()

    assert await jobs.claim(job_id) is None
    assert await snapshot() == before


async def test_a_claim_does_not_wait_for_a_row_somebody_holds(database: str) -> None:
    job_id = await promise()
    other = await asyncpg.connect(**credentials(database))
    try:
        async with other.transaction():
            await other.execute("select 1 from outbox where id = $1 for update", job_id)

            assert await asyncio.wait_for(jobs.claim(job_id), 5) is None
    finally:
        await other.close()


# The epoch


async def test_a_lapsed_job_is_claimed_anew_and_the_first_claim_is_worth_nothing() -> None:
    first = await claimed()
    await lapse(first.job_id)

    second = await claimed(first.job_id)

    before = await snapshot()
    with pytest.raises(LostLease):
        await jobs.finish(first)
    assert await jobs.fail(first, OSError("late")) is None
    await jobs.give_back(first)
    assert await jobs.heartbeat([first]) == [first]
    assert await snapshot() == before
    assert (second.epoch, second.attempt) == (2, 2)


async def test_effects_of_an_overtaken_worker_are_rolled_back() -> None:
    first = await claimed()
    await lapse(first.job_id)
    await jobs.finish(await claimed(first.job_id))

    async def go_on() -> None:
        async with transaction():
            await IdempotencyKey.create(caller="late", key="1", request_hash="x")
            await jobs.finish(first)

    with pytest.raises(LostLease):
        await go_on()

    assert not await IdempotencyKey.exists(caller="late")


async def test_a_chunk_of_an_overtaken_worker_is_refused_before_it_begins() -> None:
    first = await claimed()
    await lapse(first.job_id)
    await claimed(first.job_id)

    with pytest.raises(LostLease):
        async with transaction():
            await jobs.still_mine(first)


async def test_nobody_takes_a_job_over_during_a_chunk(database: str) -> None:
    claim = await claimed()
    await lapse(claim.job_id)
    other = await asyncpg.connect(**credentials(database))
    try:
        async with transaction():
            await jobs.still_mine(claim)
            seen = await other.fetchval(
                "select id from outbox where id = $1 for update skip locked", claim.job_id
            )
    finally:
        await other.close()

    assert seen is None
    assert await jobs.claim(claim.job_id) is None  # the chunk extended the lease as well


async def test_still_mine_wants_a_transaction() -> None:
    claim = await claimed()

    with pytest.raises(RuntimeError, match="open transaction"):
        await jobs.still_mine(claim)


@pytest.mark.parametrize("least", [0, 1000])
async def test_postgresql_ends_the_transaction_of_a_silent_worker(least: int) -> None:
    """A job that waits for somebody else says how long that may take."""
    told = (
        "select extract(epoch from current_setting('idle_in_transaction_session_timeout')::interval)::int as silent,"
        " extract(epoch from current_setting('transaction_timeout')::interval)::int as longest,"
        " current_setting('client_connection_check_interval') as check"
    )
    claim = await claimed()
    async with transaction():
        await jobs.still_mine(claim, least_seconds=least)
        during = await get_connection("default").execute_query_dict(told)
    after = await get_connection("default").execute_query_dict(told)

    lease = settings().job_lease_seconds
    assert during == [{"silent": max(3 * lease, least), "longest": max(15 * lease, least), "check": "2s"}]
    assert after == [{"silent": 0, "longest": 0, "check": "0"}]


# Heartbeats


async def test_a_heartbeat_extends_every_lease_and_names_the_lost_ones() -> None:
    kept, lost, finished = await claimed(), await claimed(), await claimed()
    await lapse(kept.job_id)
    await lapse(lost.job_id)
    await claimed(lost.job_id)
    await jobs.finish(finished)

    assert await jobs.heartbeat([kept, lost, finished]) == [lost]

    assert (await OutboxJob.get(id=kept.job_id)).lease_until > datetime.now(UTC)
    assert (await OutboxJob.get(id=finished.job_id)).state is JobState.DONE


async def test_a_heartbeat_does_not_wait_for_a_chunk_of_its_own_worker(database: str) -> None:
    busy, free = await claimed(), await claimed()
    await lapse(free.job_id)
    other = await asyncpg.connect(**credentials(database))
    try:
        async with other.transaction():
            await other.execute("select 1 from outbox where id = $1 for update", busy.job_id)

            assert await asyncio.wait_for(jobs.heartbeat([busy, free]), 5) == []
    finally:
        await other.close()

    assert (await OutboxJob.get(id=free.job_id)).lease_until > datetime.now(UTC)


# Failing


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setenv("KITH_JOB_MAX_ATTEMPTS", "3")
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


@pytest.mark.usefixtures("attempts")
async def test_a_job_is_tried_three_times_and_then_dead() -> None:
    job_id = await promise()

    states = []
    for _ in range(3):
        states.append(await jobs.fail(await claimed(job_id), ValueError("no\0pe")))
        await _execute("update outbox set run_after = now()")

    job = await OutboxJob.get(id=job_id)
    assert states == [JobState.PENDING, JobState.PENDING, JobState.DEAD]
    assert (job.attempts, job.last_error) == (3, "ValueError: nope")
    assert job.finished_at is not None


def test_pauses_double_and_differ() -> None:
    first = settings().job_retry_seconds

    for attempt in range(1, 8):
        pauses = {jobs.pause(attempt) for _ in range(50)}
        assert first * 2 ** (attempt - 1) <= min(pauses) < max(pauses) <= first * 2 ** (attempt - 1) * 1.5
    assert jobs.pause(5000 // 10) <= jobs.LONGEST_PAUSE_SECONDS * 1.5


async def test_a_failed_job_leaves_its_dedupe_key_to_the_one_promised_meanwhile() -> None:
    claim = await claimed(await promise(dedupe_key="segment:1"))
    await promise(dedupe_key="segment:1")

    assert await jobs.fail(claim, OSError("x")) is JobState.PENDING

    keys = {job.id: job.dedupe_key for job in await OutboxJob.all()}
    assert keys.pop(claim.job_id) is None
    assert list(keys.values()) == ["segment:1"]


async def test_a_failed_job_keeps_a_dedupe_key_nobody_else_took() -> None:
    claim = await claimed(await promise(dedupe_key="segment:1"))

    await jobs.fail(claim, OSError("x"))
    await promise(dedupe_key="segment:1")

    assert await OutboxJob.all().values_list("id", flat=True) == [claim.job_id]


async def test_giving_back_makes_a_job_due_at_once_and_counts_no_try() -> None:
    claim = await claimed()

    await jobs.give_back(claim)

    again = await claimed(claim.job_id)
    assert (again.epoch, again.attempt) == (2, 1)


@pytest.mark.usefixtures("attempts")
async def test_a_job_whose_worker_died_in_the_last_try_is_buried() -> None:
    job_id = await promise()
    for _ in range(3):
        await claimed(job_id)
        await lapse(job_id)

    assert await jobs.claim(job_id) is None
    assert await jobs.bury() == [job_id]

    job = await OutboxJob.get(id=job_id)
    assert (job.state, job.last_error) == (
        JobState.DEAD,
        "Its worker died or fell silent during the last of 3 tries.",
    )


# Offering


async def test_due_and_lapsed_jobs_are_offered_to_one_relay_at_a_time() -> None:
    due = await promise()
    await promise(run_after=datetime.now(UTC) + timedelta(minutes=1))
    running = await claimed()
    lapsed = await claimed()
    await lapse(lapsed.job_id)

    first, second = await asyncio.gather(jobs.offer(10), jobs.offer(10))

    offers = sorted([*first, *second], key=lambda o: o.job_id)
    assert [(o.job_id, o.epoch) for o in offers] == [(due, 0), (lapsed.job_id, 1)]
    assert (await OutboxJob.get(id=running.job_id)).offered_until is None


async def test_an_offer_nobody_took_is_made_again_after_a_sweep() -> None:
    job_id = await promise()
    await jobs.offer(10)
    assert await jobs.offer(10) == []

    await _execute("update outbox set offered_until = offered_until - make_interval(secs => $1)",
                   settings().job_sweep_seconds)  # fmt: skip

    assert [o.job_id for o in await jobs.offer(10)] == [job_id]


async def test_the_next_time_to_look_is_when_a_job_falls_due_or_a_lease_lapses() -> None:
    assert await jobs.seconds_to_next() is None

    await claimed()
    lease = await jobs.seconds_to_next()
    await promise(run_after=datetime.now(UTC) + timedelta(seconds=5))
    due = await jobs.seconds_to_next()

    assert lease is not None
    assert due is not None
    assert 5 < lease <= settings().job_lease_seconds
    assert 3 < due <= 5


async def test_the_backlog_tells_depth_and_age() -> None:
    assert await jobs.backlog() == jobs.Backlog(pending=0, running=0, dead=0, oldest_seconds=0)
    await promise(run_after=datetime.now(UTC) - timedelta(seconds=90))
    await promise(run_after=datetime.now(UTC) + timedelta(seconds=90))
    await claimed()
    await jobs.fail(await claimed(), GiveUp("no"))

    backlog = await jobs.backlog()

    assert (backlog.pending, backlog.running, backlog.dead) == (2, 1, 1)
    assert 89 < backlog.oldest_seconds < 100


# The dead, and the long gone


async def dead_job() -> UUID:
    claim = await claimed()
    await jobs.fail(claim, GiveUp("There is nobody to write to."))
    return claim.job_id


async def test_an_admin_sees_the_dead_and_gives_them_all_their_tries_again() -> None:
    job_id = await dead_job()
    await claimed()
    assert await jobs.dead_jobs(actor=ADMIN).values_list("id", flat=True) == [job_id]

    await jobs.retry_job(job_id, actor=ADMIN)

    claim = await claimed(job_id)
    assert claim.attempt == 1
    assert await jobs.dead_jobs(actor=ADMIN) == []


@pytest.mark.parametrize(
    "actor",
    [
        *(Actor(user_id=None, name="Bob", role=role) for role in Role if role is not Role.ADMIN),
        Actor(user_id=None, name="Ada's script", role=Role.ADMIN, scope=Scope.READ),
    ],
    ids=lambda actor: f"{actor.role}-{actor.scope}",
)
async def test_nobody_else_revives_the_dead(actor: Actor) -> None:
    job_id = await dead_job()
    before = await snapshot()

    with pytest.raises(Forbidden):
        await jobs.retry_job(job_id, actor=actor)

    assert await snapshot() == before


async def test_an_admin_sees_every_job_and_the_backlog() -> None:
    job_id = await promise()

    assert await jobs.visible_to(ADMIN).values_list("id", flat=True) == [job_id]
    assert (await jobs.backlog_for(actor=ADMIN)).pending == 1


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
async def test_nobody_else_sees_jobs_dead_or_alive_or_how_many(role: Role) -> None:
    await promise()
    bob = Actor(user_id=None, name="Bob", role=role)

    assert await jobs.visible_to(bob) == []
    with pytest.raises(Forbidden):
        jobs.dead_jobs(actor=bob)
    with pytest.raises(Forbidden):
        await jobs.backlog_for(actor=bob)


async def test_only_the_dead_are_revived() -> None:
    job_id = await promise()
    before = await snapshot()

    with pytest.raises(InvalidTransition):
        await jobs.retry_job(job_id, actor=ADMIN)
    with pytest.raises(NotFound):
        await jobs.retry_job(uuid7(), actor=ADMIN)

    assert await snapshot() == before


async def test_old_done_jobs_are_pruned_but_for_those_promised_only_once() -> None:
    old, kept_key, slot, recent = [
        await claimed(await promise(**options))
        for options in ({}, {"once_key": "reminder:1"}, {"once_key": "slot:x:2026-11-21"}, {})
    ]
    for claim in (old, kept_key, slot, recent):
        await jobs.finish(claim)
    await _execute("update outbox set finished_at = now() - interval '8 days' where id <> $1", recent.job_id)
    dead, waiting = await dead_job(), await promise()
    await _execute("update outbox set finished_at = now() - interval '8 days' where id = $1", dead)

    assert await jobs.prune(days=7, limit=100) == 2
    assert await jobs.prune(days=7, limit=100) == 0

    left = set(await OutboxJob.all().values_list("id", flat=True))
    assert left == {kept_key.job_id, recent.job_id, dead, waiting}
