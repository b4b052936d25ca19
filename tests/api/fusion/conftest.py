"""The world, the application answering by statements and the same answering the plain way."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import pytest
import uvicorn

from api.app import create_app
from api.executor import Executor
from api.fusion import Reads
from api.schema import build
from tests.api.fusion.answers import Asker, Recording, harvested
from tests.api.fusion.world import KeptWorld, World


class Plain(Executor):
    reads = Reads()


@pytest.fixture(scope="session")
async def plain_server(server: str) -> AsyncIterator[str]:
    """The application with a schema whose reads never get a pool."""
    app = create_app(build(Plain), fused=False)
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # or asyncio leaves Nagle on: 40 ms a request
    listener.bind(("127.0.0.1", 0))
    running = uvicorn.Server(
        uvicorn.Config(app, log_level="error", lifespan="on", timeout_graceful_shutdown=2)
    )
    task = asyncio.create_task(running.serve(sockets=[listener]))
    while not running.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    running.should_exit = True
    await task


@pytest.fixture(scope="session")
async def asker(server: str, plain_server: str) -> AsyncIterator[Asker]:
    found = Asker(server, plain_server)
    yield found
    await found.close()


@pytest.fixture(scope="session")
def _kept() -> list[KeptWorld]:
    return []


@pytest.fixture
async def world(
    db: None, database: str, asker: Asker, setting: Callable[..., None], _kept: list[KeptWorld]
) -> World:
    setting(cost_per_minute=0, public_cost_per_minute=0)
    if _kept:
        await _kept[0].put_back(database)
    else:
        kept = await KeptWorld.made(database)
        kept.world.cursors = await harvested(asker, kept.world)
        _kept.append(kept)
    return _kept[0].world


@pytest.fixture
def recording(server: str, monkeypatch: pytest.MonkeyPatch) -> Recording:
    assert Executor.reads.pool is not None
    found = Recording(Executor.reads.pool)
    monkeypatch.setattr(Executor.reads, "pool", found)
    return found
