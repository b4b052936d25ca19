"""What admins see of the queue of record, and how they give a dead job another chance."""

from datetime import timedelta
from typing import Any

import pytest
from factories import make_unit, make_user
from kith_client import GraphQLFailed, Kith

from crm.kernel.actor import Role
from crm.kernel.clock import now
from crm.kernel.ids import Kind, encode, uuid7
from crm.kernel.models import JobState, OutboxJob

DEAD_JOBS = """
{ deadJobs { totalCount nodes { id kind state attempts payload lastError createdAt finishedAt } } }
"""
BACKLOG = "{ jobBacklog { pending running dead oldestSeconds } }"


async def make_job(state: JobState = JobState.DEAD, **fields: Any) -> OutboxJob:
    finished = now() if state in {JobState.DEAD, JobState.DONE} else None
    given = {"kind": "sample", "payload": {"n": 1}, "attempts": 5, "last_error": "ValueError: no"}
    return await OutboxJob.create(state=state, **({"finished_at": finished} | given | fields))


async def retry(kith: Kith, job_id: str) -> dict[str, Any]:
    selection = "job { state attempts lastError finishedAt }"
    return await kith.mutate("retryJob", "RetryJobInput", selection, {"id": job_id})


async def jobs() -> list[dict[str, Any]]:
    return await OutboxJob.all().order_by("id").values()


async def test_an_admin_sees_the_dead_the_latest_first_and_what_they_died_of(server: str, db: None) -> None:
    admin = Kith(server, (await make_user(Role.ADMIN)).token)
    await make_job(JobState.PENDING)
    await make_job(JobState.DONE)
    earlier = await make_job(finished_at=now() - timedelta(hours=1))
    latest = await make_job()

    found = (await admin.graphql(DEAD_JOBS))["deadJobs"]

    assert found["totalCount"] == 2
    assert [job["id"] for job in found["nodes"]] == [encode(Kind.JOB, j.id) for j in (latest, earlier)]
    assert found["nodes"][0] | {"id": "", "createdAt": "", "finishedAt": ""} == {
        "id": "",
        "kind": "sample",
        "state": "DEAD",
        "attempts": 5,
        "payload": {"n": 1},
        "lastError": "ValueError: no",
        "createdAt": "",
        "finishedAt": "",
    }


async def test_a_retried_job_has_all_its_tries_again(server: str, db: None) -> None:
    admin = Kith(server, (await make_user(Role.ADMIN)).token)
    job = await make_job()

    answer = await retry(admin, encode(Kind.JOB, job.id))

    assert answer["errors"] == []
    assert answer["job"] == {
        "state": "PENDING",
        "attempts": 0,
        "lastError": "ValueError: no",
        "finishedAt": None,
    }
    assert (await admin.graphql(DEAD_JOBS))["deadJobs"]["nodes"] == []


async def test_only_a_dead_job_can_be_retried(server: str, db: None) -> None:
    admin = Kith(server, (await make_user(Role.ADMIN)).token)
    job = await make_job(JobState.DONE)
    before = await jobs()

    done = await retry(admin, encode(Kind.JOB, job.id))
    unknown = await retry(admin, encode(Kind.JOB, uuid7()))
    no_job = await retry(admin, encode(Kind.CUSTOMER, job.id))

    codes = [answer["errors"][0]["code"] for answer in (done, unknown, no_job)]
    assert codes == ["INVALID_TRANSITION", "NOT_FOUND", "NOT_FOUND"]
    assert [answer["job"] for answer in (done, unknown, no_job)] == [None, None, None]
    assert await jobs() == before


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AGENT, Role.ANALYST])
async def test_jobs_are_for_admins(server: str, db: None, role: Role) -> None:
    kith = Kith(server, (await make_user(role, [await make_unit()])).token)
    job = await make_job()
    before = await jobs()

    answer = await retry(kith, encode(Kind.JOB, job.id))

    assert answer["errors"][0]["code"] == "FORBIDDEN"
    assert await jobs() == before
    for document in (DEAD_JOBS, BACKLOG):
        with pytest.raises(GraphQLFailed) as refusal:
            await kith.graphql(document)
        assert refusal.value.codes == ["FORBIDDEN"]
    node = await kith.graphql("query ($id: ID!) { node(id: $id) { id } }", {"id": encode(Kind.JOB, job.id)})
    assert node == {"node": None}


async def test_the_backlog_counts_what_waits(server: str, db: None) -> None:
    admin = Kith(server, (await make_user(Role.ADMIN)).token)
    await make_job(JobState.PENDING, run_after=now() - timedelta(seconds=90))
    await make_job(JobState.RUNNING, lease_until=now() + timedelta(seconds=9))
    await make_job()

    backlog = (await admin.graphql(BACKLOG))["jobBacklog"]

    assert {key: backlog[key] for key in ("pending", "running", "dead")} == {
        "pending": 1,
        "running": 1,
        "dead": 1,
    }
    assert 89 < backlog["oldestSeconds"] < 120
