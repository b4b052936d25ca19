"""The whole seeding, in order."""

from datetime import UTC, datetime

from demo.files import Demo, load
from stack.client import Client
from stack.progress import Steps
from stack.seed.activities import log_activities
from stack.seed.company import make_company
from stack.seed.context import Seeding
from stack.seed.customers import add_people, go_live, import_customers, settle_customers
from stack.seed.invoices import issue_invoices, settle_invoices
from stack.seed.segments import make_segments
from stack.target import Target

PARTS = (
    make_company,
    import_customers,
    add_people,
    go_live,
    make_segments,
    log_activities,
    issue_invoices,
    settle_invoices,
    settle_customers,
)


async def seed_demo(target: Target, steps: Steps, *, staff_password: str) -> list[str]:
    """Bring the demo company to life, as if its last order had come today; returns what `seed` returns."""
    demo = load(datetime.now(UTC).date())  # never ahead of the day in Hamburg or Bristol
    async with Client(target.url) as kith:
        await kith.log_in(target.email, target.password)
        return await seed(kith, demo, steps, staff_password=staff_password)


async def seed(kith: Client, demo: Demo, steps: Steps, *, staff_password: str) -> list[str]:
    """Make everything of `demo` that is not there and return the e-mail addresses of new users.

    They log in with `staff_password`. `kith` is logged in as an admin. May be repeated, also after it was
    interrupted. Raises CallFailed.
    """
    seeding = Seeding(kith, demo, steps, staff_password)
    for part in PARTS:
        await part(seeding)
    return seeding.new_users
