"""Values that do not fit are told of the field that was given them, however the rest is answered."""

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
