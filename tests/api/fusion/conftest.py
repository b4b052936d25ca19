"""The world, the application answering by statements and the same answering the plain way."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn

from tests.api.fusion.answers import Asker, harvested
from tests.api.fusion.world import KeptWorld, World


@pytest.fixture(scope="session")
async def plain_server(server: str) -> AsyncIterator[str]:
    """The application with a schema whose reads never get a pool; the lifespan is the other one's."""
    from api.app import create_app
    from api.executor import Executor
    from api.fusion import Reads
    from api.schema import build

    class Plain(Executor):
        reads = Reads()

    listener = socket.socket(proto=socket.IPPROTO_TCP)  # or asyncio leaves Nagle on: 40 ms a request
    listener.bind(("127.0.0.1", 0))
    running = uvicorn.Server(
        uvicorn.Config(
            create_app(build(Plain)), log_level="error", lifespan="off", timeout_graceful_shutdown=2
        )
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
async def world(db: None, database: str, asker: Asker, _kept: list[KeptWorld]) -> World:
    if _kept:
        await _kept[0].put_back(database)
    else:
        kept = await KeptWorld.made(database)
        kept.world.cursors = await harvested(asker, kept.world)
        _kept.append(kept)
    return _kept[0].world
