"""Notices every hour which planned activities have taken place; segments may depend on it."""

from datetime import timedelta
from typing import Any

from crm.activities.planned import count_what_came_due
from crm.kernel.jobs import Claim
from crm.segments.evaluation import promise_evaluation
from workers.registry import job
from workers.schedule import schedule

HOURLY = "activities.came_due"


@job(HOURLY)
async def came_due(_payload: dict[str, Any], _claim: Claim) -> None:
    for reached in await count_what_came_due():
        await promise_evaluation(reached.customer_id, reached.unit_id)


schedule(HOURLY, every=timedelta(hours=1), at=timedelta(minutes=5))
