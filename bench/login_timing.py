"""Whether the time of a log-in tells if an address is a user's: `python -m bench.login_timing`.

500 log-ins with a wrong password for users' addresses and 500 for strangers', by turns, with the real work of
argon2id. Each address is tried once, so no pause comes in between; who is first in a pair changes from pair to pair, so
that neither has the quieter machine. Exit code 1 when the medians are more than 5 % apart.
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
"""Of either kind."""
MOST_APART = 0.05
LINE_EACH = 50


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
    for number in range(TRIES):
        await User.create(
            name=f"User {number}", email=f"known{number}@kith.example", role=Role.AGENT, password_hash=stored
        )
    times: dict[str, list[float]] = {"known": [], "nobody": []}
    for number in range(TRIES):
        for who in sorted(times, reverse=bool(number % 2)):
            times[who].append(await _seconds(f"{who}{number}@kith.example"))
        if (done := number + 1) % LINE_EACH == 0:
            medians = ", ".join(
                f"{who} {statistics.median(each) * 1000:.2f} ms" for who, each in times.items()
            )
            print(f"  {done:3} of {TRIES} of either: {medians}", flush=True)
    await database.close()
    return statistics.median(times["known"]), statistics.median(times["nobody"])


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
