"""The API under uvicorn: `python -m stack.serve HOST PORT [FD]`, which `kith api` becomes.

A program of its own, so that it holds none of the command line's memory.
"""

import os
import sys

import uvicorn

from crm.kernel.settings import SettingsError, settings
from stack.sockets import inherited

SHUTDOWN_SECONDS = 5


def serve_api(*, host: str, port: int, fd: int | None) -> None:
    """Serve until SIGINT or SIGTERM, on an inherited listening socket or on `host` and `port`."""
    current = settings()
    sys.modules["greenlet"] = None  # type: ignore[assignment]  # structlog loads it where it happens to be installed
    if current.log_format == "json":
        sys.modules["rich"] = None  # type: ignore[assignment]  # structlog loads it, 6 MB, for pictures of tracebacks
    config = uvicorn.Config(
        "api.app:create_front",
        factory=True,
        host=host,
        port=port,
        http="stack.answers:Protocol",
        log_level=current.log_level,
        access_log=False,
        server_header=False,
        proxy_headers="FORWARDED_ALLOW_IPS"
        in os.environ,  # whoever is behind none need not look at each request
        lifespan="on",
        ws_max_size=current.max_body_kb * 1024,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    uvicorn.Server(config).run(sockets=None if fd is None else [inherited(fd)])


def main() -> int:
    host, port, *fd = sys.argv[1:]
    try:
        serve_api(host=host, port=int(port), fd=int(fd[0]) if fd else None)
    except SettingsError as error:  # of what only the application looks at
        sys.stderr.write(f"kith: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
