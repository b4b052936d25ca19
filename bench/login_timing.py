"""Whether the time of a log-in tells if an address is a user's: `python -m bench.login_timing`.

500 log-ins with a wrong password, a user's address and a stranger's by turns, with the real work of argon2id. Each
address is tried once, so no pause comes in between. Exit code 1 when the medians are more than 5 % apart.
"""

import asyncio
import os
import statistics
import sys
import time

from bench.servers import servers
from crm.accounts import logins, passwords
from crm.accounts.errors import WrongCredentials
from crm.accounts.models import User
from crm.kernel import database
from crm.kernel.actor import Role
from crm.kernel.settings import settings

TRIES = 500
MOST_APART = 0.05


async def _seconds(email: str) -> float:
    began = time.perf_counter()
    try:
        await logins.log_in(email=email, password="a wrong password")
    except WrongCredentials:
        return time.perf_counter() - began
    raise AssertionError("nobody has this password")


async def _measure() -> tuple[float, float]:
    """The medians for users and for strangers, in seconds."""
    await database.connect()
    stored = await passwords.pool().hash("the right password")
    for number in range(TRIES // 2):
        await User.create(
            name=f"User {number}", email=f"known{number}@kith.example", role=Role.AGENT, password_hash=stored
        )
    known, unknown = [], []
    for number in range(TRIES // 2):
        known.append(await _seconds(f"known{number}@kith.example"))
        unknown.append(await _seconds(f"nobody{number}@kith.example"))
    await database.close()
    return statistics.median(known), statistics.median(unknown)


def main() -> int:
    with servers("login_timing"):
        os.environ["KITH_PASSWORD_HASHING"] = "strong"
        settings.cache_clear()
        known, unknown = asyncio.run(_measure())
    apart = abs(known - unknown) / max(known, unknown)
    print(
        f"known {known * 1000:.2f} ms, unknown {unknown * 1000:.2f} ms: {apart:.1%} apart, at most {MOST_APART:.0%}"
    )
    return int(apart > MOST_APART)


if __name__ == "__main__":
    sys.exit(main())
