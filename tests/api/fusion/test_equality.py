"""For any operation the schema allows, the answer by statements equals the plain one."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.schema import schema
from tests.api.fusion.answers import Answer, Asker
from tests.api.fusion.operation_strategy import Operation, operations
from tests.api.fusion.world_rows import World

VIEWERS = ("nobody", "admin", "manager", "agent", "analyst")
SHARES = {"nobody": 20, "admin": 170, "manager": 130, "agent": 100, "analyst": 100}


def examples(viewer: str) -> int:
    """Operations drawn for a viewer; each is asked five times of the fused application."""
    return SHARES[viewer]


async def check(
    asker: Asker, token: str | None, operation: Operation, variables: dict[str, Any], turn: str
) -> Answer:
    fused, plain = await asker.both(token, operation.document, variables)
    shown = (
        f"{turn}\n{operation.document}\nvariables: {variables}\nfused: {fused.text()}\nplain: {plain.text()}"
    )
    assert "INTERNAL_SERVER_ERROR" not in fused.codes | plain.codes, shown
    assert "GRAPHQL_PARSE_FAILED" not in plain.codes, shown
    assert fused.text() == plain.text(), shown
    return plain


@pytest.mark.timeout(600)
@pytest.mark.parametrize("viewer", VIEWERS)
async def test_the_fused_answer_is_the_plain_one(viewer: str, world: World, asker: Asker) -> None:
    token = world.viewers[viewer]

    @given(operation=operations(schema._schema, world), other=st.sampled_from(VIEWERS))
    @settings(
        max_examples=examples(viewer),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    async def holds(operation: Operation, other: str) -> None:
        plain = await check(asker, token, operation, operation.variables, "at first")
        again = await asker.fused(token, operation.document, operation.variables)
        assert again.text() == plain.text(), (
            f"again\n{operation!r}\nfused: {again.text()}\nplain: {plain.text()}"
        )
        await check(asker, world.viewers[other], operation, operation.variables, f"as {other}")
        await check(asker, token, operation, operation.others, "other values")

    await _run(holds)


async def _run(holds: Any) -> None:
    """Hypothesis calls a plain function many times; each of its calls is a turn of this loop."""
    import asyncio
    from functools import wraps

    inner = holds.hypothesis.inner_test
    loop = asyncio.get_running_loop()

    @wraps(inner)
    def called(**drawn: Any) -> None:
        asyncio.run_coroutine_threadsafe(inner(**drawn), loop).result()

    holds.hypothesis.inner_test = called
    await asyncio.to_thread(holds)
