"""For any operation the schema allows, the answer by statements equals the plain one.

`scripts/fuzz` asks for many more: KITH_FUZZ_OPERATIONS says how many, KITH_FUZZ_SEED which.
"""

import asyncio
import contextlib
import gc
import os
from collections.abc import Awaitable, Callable, Iterator
from functools import wraps
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.schema import schema
from tests.api.fusion.answers import Answer, Asker
from tests.api.fusion.one_path import alone
from tests.api.fusion.operation_strategy import Operation, operations
from tests.api.fusion.world_rows import World

TURNS = 4  # of an operation: at first, again, as somebody else, with other values
SHARES = {"nobody": 40, "admin": 660, "manager": 500, "agent": 400, "analyst": 400}  # operations
FUZZED = int(os.environ.get("KITH_FUZZ_OPERATIONS", "0"))
SEED = int(os.environ.get("KITH_FUZZ_SEED", "0"))


# graphql-core forgets what it has begun when a sibling fails at once.
@pytest.mark.filterwarnings("ignore:coroutine .*(complete_awaitable|get_results).* was never awaited")
@pytest.mark.filterwarnings(
    "ignore:.*(complete_awaitable|get_results):pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.timeout(0 if FUZZED else 600)
@pytest.mark.parametrize("viewer", SHARES)
async def test_the_fused_answer_is_the_plain_one(viewer: str, world: World, asker: Asker) -> None:
    token = world.viewers[viewer]
    wanted = SHARES[viewer] * FUZZED // sum(SHARES.values()) // TURNS if FUZZED else SHARES[viewer]

    with _progress(viewer, wanted) as step:

        async def holds(operation: Operation, other: str) -> None:
            plain = await _same(asker, token, operation, operation.variables, "At first")
            again = await asker.fused(token, operation.document, operation.variables)
            if not plain.faults:
                _equal(again, plain, operation, operation.variables, "Asked again")
            await _same(asker, world.viewers[other], operation, operation.variables, f"Asked by {other}")
            await _same(asker, token, operation, operation.others, "With other values")
            step()

        await _drawn(holds, world, wanted, SEED + list(SHARES).index(viewer))
        gc.collect()  # while the warnings are expected


@contextlib.contextmanager
def _progress(viewer: str, wanted: int) -> Iterator[Callable[[], None]]:
    """A bar for whoever waits for many."""
    columns = (TextColumn(f"as {viewer:8}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not FUZZED) as bar:
        task = bar.add_task("", total=wanted * TURNS)
        yield lambda: bar.advance(task, TURNS)


async def _same(
    asker: Asker, token: str | None, operation: Operation, variables: dict[str, Any], turn: str
) -> Answer:
    fused, plain = await asker.both(token, operation.document, variables)
    if fused.faults != plain.faults and fused.shown == plain.shown:
        fused = await _told_by_plain(asker, token, operation, variables, fused, plain)
    _equal(fused, plain, operation, variables, turn)
    return plain


async def _told_by_plain(
    asker: Asker,
    token: str | None,
    operation: Operation,
    variables: dict[str, Any],
    fused: Answer,
    plain: Answer,
) -> Answer:
    """The plain answer, if all that the fused one tells is told by the plain way, too, of each field alone: of several that
    fail, whichever is met first ends the others untold.
    """
    told = set(plain.faults)
    for _, path, _ in fused.errors:
        if path is None:
            continue
        document = alone(operation.document, path)
        told |= (await asker.plain(token, document, variables)).faults
    return plain if fused.faults <= told else fused


def _equal(fused: Answer, plain: Answer, operation: Operation, variables: dict[str, Any], turn: str) -> None:
    told = f"{operation.document}\nvariables: {variables}\nfused: {fused.text()}\nplain: {plain.text()}"
    assert fused.shown == plain.shown, f"{turn}, they differ.\n{told}"
    assert fused.faults == plain.faults, f"{turn}, their errors differ.\n{told}"
    assert not plain.codes & {"INTERNAL_SERVER_ERROR", "GRAPHQL_PARSE_FAILED"}, f"{turn}, it fails.\n{told}"


async def _drawn(holds: Callable[..., Awaitable[None]], world: World, wanted: int, number: int) -> None:
    """Hypothesis calls a plain function, in a thread of its own; each call is a turn of this loop."""
    loop = asyncio.get_running_loop()

    @given(operation=operations(schema.core, world), other=st.sampled_from(list(SHARES)))
    @settings(
        max_examples=wanted,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @wraps(holds)
    def called(operation: Operation, other: str) -> None:
        asyncio.run_coroutine_threadsafe(holds(operation, other), loop).result()  # type: ignore[arg-type]

    await asyncio.to_thread(seed(number)(called))
