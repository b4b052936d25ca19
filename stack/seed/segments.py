"""Segments: dynamic ones by their rule, static ones with their members."""

from demo.records import Segment
from stack.client import Json
from stack.seed.context import Seeding


async def make_segments(seeding: Seeding) -> None:
    """Make those whose name is not taken, and add the members of static ones."""
    step = seeding.steps.begin("Segments", len(seeding.demo.segments))
    there = {each["name"]: each for each in await seeding.kith.nodes("segments", "id name")}
    for segment in seeding.demo.segments:
        made = there.get(segment.name) or await _make(seeding, segment)
        if segment.members:
            await _fill(seeding, made["id"], segment)
        step.advance()


async def _make(seeding: Seeding, segment: Segment) -> Json:
    unit = segment.unit and seeding.units[segment.unit]
    given: Json = {"name": segment.name, "description": segment.description, "unitId": unit}
    how = "Static"
    if segment.rule is not None:
        how = "Dynamic"
        given["rule"] = segment.rule
    payload = await seeding.kith.mutate(
        f"create{how}Segment", f"Create{how}SegmentInput", given, "segment { id }"
    )
    made: Json = payload["segment"]
    return made


async def _fill(seeding: Seeding, segment_id: str, segment: Segment) -> None:
    """Of the members those who are there: a part of the demo may have been asked for, or some were archived."""
    ids = [seeding.customers[number]["id"] for number in segment.members if number in seeding.customers]
    if ids:
        given = {"id": segment_id, "customerIds": ids}
        await seeding.kith.mutate("addCustomersToSegment", "SegmentCustomersInput", given)
