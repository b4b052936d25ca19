"""What an admin does about jobs."""

from typing import cast
from uuid import UUID

import strawberry

from api.context import Info, actor_of
from api.ids import key_of
from api.jobs.types import Job
from api.mutations import Payload, mutation
from crm.kernel import jobs
from crm.kernel.ids import Kind


@strawberry.input(description="Names a job.")
class RetryJobInput:
    id: strawberry.ID = strawberry.field(description="The job; it must be DEAD.")


@strawberry.type(description="The job as it is after the change.")
class JobPayload(Payload):
    job_id: strawberry.Private[UUID | None] = None

    @strawberry.field(description="The job; null when the change was refused.")
    def job(self, info: Info) -> Job | None:
        if self.job_id is None:
            return None
        return cast("Job | None", jobs.visible_to(actor_of(info)).get_or_none(id=self.job_id))


@strawberry.type
class JobMutation:
    @mutation(description="Gives a job that gave up all its tries again, at once. Admins only.")
    async def retry_job(self, info: Info, input: RetryJobInput) -> JobPayload:
        job_id = key_of(Kind.JOB, input.id)
        await jobs.retry_job(job_id, actor=actor_of(info))
        return JobPayload(job_id=job_id)
