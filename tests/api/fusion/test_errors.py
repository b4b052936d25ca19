"""Values that do not fit are told of the field that was given them, however the rest is answered."""

import base64
import json
from typing import Any

import pytest

from tests.api.fusion.answers import Asker
from tests.api.fusion.world_rows import World

NESTED = """
query ($search: String, $value: Decimal) {
  customers(first: 3, filter: {contractValue: {gt: $value}}) {
    nodes { name primaryContact { name customer { activities(search: $search) { totalCount } } } }
  }
}
"""


@pytest.mark.parametrize("variables", [{"search": "a\0b"}, {"search": "\0", "value": "1"}])
async def test_a_value_that_does_not_fit_is_told_as_in_the_plain_way_also_of_a_known_operation(
    world: World, asker: Asker, variables: dict[str, Any]
) -> None:
    token = world.viewers["admin"]
    for _ in range(2):
        assert not (await asker.fused(token, NESTED, {"search": "a", "value": "0"})).errors

    for _ in range(2):
        fused, plain = await asker.both(token, NESTED, variables)

        assert (fused.shown, fused.faults) == (plain.shown, plain.faults)
        assert plain.codes == {"BAD_USER_INPUT"}


SEARCHED = 'query ($after: String) { customers(first: 2, search: "ada", after: $after) { nodes { id } } }'
WHOLE = "01980000-0002-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("rank", "code"),
    [
        *((rank, set()) for rank in (None, True, -1, 1.5)),
        *((rank, {"BAD_USER_INPUT"}) for rank in ("x", [], {}, 10**30)),
    ],
)
async def test_a_cursor_with_a_rank_that_is_none_is_answered_or_refused_in_both_ways_alike(
    world: World, asker: Asker, rank: Any, code: set[str]
) -> None:
    place = json.dumps(["search_rank,sort_name,id", rank, "ada", WHOLE]).encode()
    cursor = base64.urlsafe_b64encode(place).decode().rstrip("=")

    fused, plain = await asker.both(world.viewers["admin"], SEARCHED, {"after": cursor})

    assert (fused.shown, fused.faults) == (plain.shown, plain.faults)
    assert plain.codes == code
