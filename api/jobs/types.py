"""How jobs look to the admins who watch over them."""

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from api.enums import describe
from api.nodes import Node, id_field, node_type
from crm.kernel import models
from crm.kernel.ids import Kind
from crm.kernel.models import JobState

describe(
    JobState,
    description="Where a job stands.",
    values={
        "PENDING": "It waits for a worker, perhaps for another try.",
        "RUNNING": "A worker is at it.",
        "DONE": "It is done; kept for a week.",
        "DEAD": "It was tried too often, or no further try could help; kept until an admin retries it.",
    },
)


@node_type(
    model=models.OutboxJob,
    name="Job",
    description="Work promised to a worker: a delivery, an import, an event.",
)
class Job(Node):
    id: strawberry.ID = id_field(Kind.JOB)
    kind: str = strawberry.field(description="What sort of work it is, such as `event`.")
    state: JobState = strawberry.field(description="Where it stands.")
    attempts: int = strawberry.field(description="How often it was tried.")
    payload: JSON = strawberry.field(description="What it is about: ids and words, as the worker reads them.")
    last_error: str | None = strawberry.field(description="Why the last try failed; null if none has.")
    run_after: datetime = strawberry.field(description="When it is, or was, due.")
    created_at: datetime = strawberry.field(description="When it was promised.")
    finished_at: datetime | None = strawberry.field(description="When it was done or given up.")


@strawberry.type(description="How much work waits for the workers.")
class JobBacklog:
    pending: int = strawberry.field(description="Jobs that wait, those due later included.")
    running: int = strawberry.field(description="Jobs that workers are at.")
    dead: int = strawberry.field(description="Jobs that gave up; see `deadJobs`.")
    oldest_seconds: float = strawberry.field(
        description="For how many seconds the oldest due job has waited; 0 when none is due."
    )
