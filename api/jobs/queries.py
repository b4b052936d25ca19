"""Reads of jobs, for admins."""

from typing import cast

import strawberry

from api.context import Info, actor_of
from api.jobs.types import Job, JobBacklog
from api.nodes import fetches
from api.paging import Connection, connection
from crm.kernel import jobs
from crm.kernel.ids import Kind

fetches(Kind.JOB)(lambda actor, key: jobs.visible_to(actor).get_or_none(id=key))


@strawberry.type
class JobQuery:
    @connection(description="Jobs that gave up, the latest first. Admins only.")
    def dead_jobs(self, info: Info) -> Connection[Job]:
        return cast("Connection[Job]", jobs.dead_jobs(actor=actor_of(info)).order_by("-finished_at", "-id"))

    @strawberry.field(description="How much work waits for the workers. Admins only.")
    def job_backlog(self, info: Info) -> JobBacklog:
        return cast("JobBacklog", jobs.backlog_for(actor=actor_of(info)))
