"""The market, and a server that answers the plain way."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn

from api.app import create_app
from api.executor import Executor
from api.fusion import Reads
from api.schema import build
from tests.api.analytics.market import Market, make_market


class Plain(Executor):
    """Answers field by field: it has no connections for single statements."""

    reads = Reads()


@pytest.fixture
async def market(db: None) -> Market:
    return await make_market()


@pytest.fixture(scope="session")
async def plain_server(server: str) -> AsyncIterator[str]:
    """The same application without fusion, beside the one with it."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(build(Plain), fused=False), log_level="error", lifespan="on")
    config.load()
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve(sockets=[listener]))
    while not running.started:  # noqa: ASYNC110  uvicorn says so by an attribute only
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    running.should_exit = True
    await task
