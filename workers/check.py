"""Whether a worker of this host is at work: asked often by a container's health check, so it loads next to nothing."""

import socket

from redis import Redis
from redis.exceptions import RedisError

from crm.kernel.settings import settings

FRESH_SECONDS = 30
TIMEOUT_SECONDS = 3


def worker_key() -> str:
    """Return where the workers of this host report in Redis."""
    return f"kith:worker:{socket.gethostname()}"


def reported() -> bool:
    """Say whether a worker of this host reported within 30 s."""
    url = settings().redis_url
    try:
        with Redis.from_url(
            url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        ) as redis:
            return bool(redis.exists(worker_key()))
    except RedisError:
        return False
