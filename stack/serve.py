"""The API under uvicorn."""

import gc

import uvicorn

from crm.kernel.settings import settings
from stack.sockets import inherited

SHUTDOWN_SECONDS = 5


def serve_api(*, host: str, port: int, fd: int | None) -> None:
    """Serve until SIGINT or SIGTERM, on an inherited listening socket or on `host` and `port`."""
    current = settings()
    config = uvicorn.Config(
        "api.app:create_app",
        factory=True,
        host=host,
        port=port,
        log_level=current.log_level,
        access_log=False,
        server_header=False,
        lifespan="on",
        ws_max_size=current.max_body_kb * 1024,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    config.load()
    gc.collect()
    gc.freeze()  # the schema is for good: to walk it again and again for garbage would stop every request for 50 ms
    uvicorn.Server(config).run(sockets=None if fd is None else [inherited(fd)])
