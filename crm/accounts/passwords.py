"""Passwords: argon2id in a few threads of its own, so that guessing is dear and nobody else waits for it."""

import asyncio
import base64
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from crm.accounts.errors import TooManyAttempts
from crm.accounts.rules import normal_password
from crm.kernel.settings import settings

R = TypeVar("R")

_ARGON2ID = "$argon2id$"

MOST_THREADS = 4
MOST_WAITING = 64


class PasswordPool:
    """Hashes and verifies in at most four threads, so in at most 256 MB. `verified` counts the checks so far."""

    def __init__(self, hasher: PasswordHasher) -> None:
        self.verified = 0
        self._hasher = hasher
        self._threads = ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1), "argon2")
        self._waiting = 0
        self._decoy = _decoy(hasher)

    async def hash(self, password: str) -> str:
        return await self._run(lambda: self._hasher.hash(_encoded(password)))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is the stored one. Without a stored one, or with a mark like `!`: the same work, no."""
        real = stored if stored and stored.startswith(_ARGON2ID) else None
        fits = await self._run(lambda: self._fits(real or self._decoy, _encoded(password)))
        self.verified += 1
        return fits and real is not None

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _fits(self, stored: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except VerifyMismatchError:
            return False

    async def _run(self, work: Callable[[], R]) -> R:
        if self._waiting >= MOST_WAITING:
            raise TooManyAttempts
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def pool() -> PasswordPool:
    """The process's one pool."""
    return _pool(settings().password_hashing)


@lru_cache(2)
def _pool(strength: str) -> PasswordPool:
    """`strong` is RFC 9106's second recommendation: 64 MB, 3 passes, 4 lanes."""
    fast = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    return PasswordPool(PasswordHasher() if strength == "strong" else fast)


def _encoded(password: str) -> bytes:
    """JSON can carry halves of surrogate pairs; they are as good as any other wrong password."""
    return normal_password(password).encode(errors="surrogatepass")


def _decoy(hasher: PasswordHasher) -> str:
    """A hash with today's parameters that no password fits."""
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    salt, digest = (_base64(secrets.token_bytes(n)) for n in (hasher.salt_len, hasher.hash_len))
    return f"{_ARGON2ID}v=19${cost}${salt}${digest}"


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")
