"""A dynamic segment: nobody at first, then exactly those whom the file says, until one of them leaves us."""

from tests.e2e.conftest import until
from tests.e2e.main_job.job import Job

RULE = {"and": [{"country": {"in": ["DE", "FR"]}}, {"status": {"eq": "ACTIVE"}}]}


async def make_segments(job: Job) -> tuple[str, str]:
    """Over every unit, and in one unit; while nobody is ACTIVE they want nobody."""
    document = "query ($rule: CustomerFilter!) { previewSegment(rule: $rule) { count sample { id } } }"
    preview = await job.kith.query(document, {"rule": RULE})
    assert preview["previewSegment"] == {"count": 0, "sample": []}
    unit = job.company.units[job.company.demo.company.business_units[0].name]
    made = [
        await job.kith.mutate(
            "createDynamicSegment", "CreateDynamicSegmentInput", given | {"rule": RULE}, "segment { id }"
        )
        for given in ({"name": "Germany and France, active"}, {"name": "Ours", "unitId": unit})
    ]
    return made[0]["segment"]["id"], made[1]["segment"]["id"]


def active_in_germany_or_france(job: Job) -> set[str]:
    """By the file: those who went live, of the two countries."""
    live = {order["account_number"] for order in job.orders}
    return {account for account in live if job.book.customers[account]["Country"] in {"DE", "FR"}}


async def segments_hold_who_they_should(job: Job, segment: str, germans: str) -> None:
    wanted = active_in_germany_or_france(job)
    assert {job.book.customers[account]["Country"] for account in wanted} == {"DE", "FR"}

    async def settled() -> bool:
        return await members(job, segment) == wanted

    await until("the segment has its members", settled)
    ours = {a for a in wanted if job.book.customers[a]["Country"] == "DE"}

    async def settled_too() -> bool:
        return await members(job, germans) == ours

    await until("the unit's segment has its members", settled_too)


async def members(job: Job, segment: str) -> set[str]:
    document = "query ($id: ID!) { segment(id: $id) { memberCount customers(first: 100) { nodes { accountNumber } } } }"
    found = (await job.kith.query(document, {"id": segment}))["segment"]
    nodes = {each["accountNumber"] for each in found["customers"]["nodes"]}
    return nodes if found["memberCount"] == len(nodes) else set()


async def who_leaves_us_leaves_the_segment(job: Job, segment: str) -> None:
    wanted = active_in_germany_or_france(job)
    lost = min(wanted)
    reason = {"id": job.customers[lost], "reason": "Bought elsewhere"}
    await job.kith.mutate("churnCustomer", "CustomerReasonInput", reason)

    async def left() -> bool:
        return await members(job, segment) == wanted - {lost}

    await until("who churned has left the segment", left)
    document = (
        "query ($id: ID!) { segment(id: $id) { memberships(first: 100, current: false) "
        "{ nodes { enteredAt leftAt customer { accountNumber } } } } }"
    )
    stays = (await job.kith.query(document, {"id": segment}))["segment"]["memberships"]["nodes"]
    over = [stay for stay in stays if stay["leftAt"] is not None]
    assert [stay["customer"]["accountNumber"] for stay in over] == [lost]
    assert over[0]["enteredAt"] < over[0]["leftAt"]
    assert len(stays) == len(wanted)
