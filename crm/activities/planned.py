"""Activities that were planned, and whose time has come: from then on they are a customer's latest."""

from dataclasses import dataclass
from uuid import UUID

from crm.kernel.transaction import raw_connection, transaction

_COME_DUE = """
update customer c set last_activity_at = due.latest
  from (select customer_id, max(occurred_at) as latest from activity
         where occurred_at between now() - make_interval(days => $1) and now() group by customer_id) due
 where c.id = due.customer_id and (c.last_activity_at is null or c.last_activity_at < due.latest)
returning c.id, c.unit_id
"""
LOOK_BACK_DAYS = 8


@dataclass(frozen=True, slots=True)
class Reached:
    """A customer whose latest activity is another one now."""

    customer_id: UUID
    unit_id: UUID


async def count_what_came_due() -> list[Reached]:
    """Moves `last_activity_at` to planned activities of the last eight days whose time has come.

    The database itself sees to activities that are logged, changed or deleted; nothing tells it that time passes.
    """
    async with transaction():
        rows = await raw_connection().fetch(_COME_DUE, LOOK_BACK_DAYS)
        return [Reached(row["id"], row["unit_id"]) for row in rows]
