"""`kith seed --demo`."""

import asyncio
import os
import secrets
import time
from collections.abc import Callable

from stack.errors import StartError
from stack.first_start import files_are_here
from stack.home import Home
from stack.progress import Bars
from stack.target import find_target

NO_FILES = "The demo files are not here: they come with a checkout of Kith, not with an installed package."


def seed_and_report(*, url: str | None, email: str | None, say: Callable[[str], None]) -> None:
    """Seed and say how staff log in. Raises StartError and CallFailed."""
    home = Home.find()
    if not files_are_here():
        raise StartError(NO_FILES)
    target = find_target(home, url=url, email=email, password=os.environ.get("KITH_PASSWORD"))
    from stack.seed.run import seed_demo  # noqa: PLC0415 - reads the demo files, which may not be there

    running = home.running()
    ours = running is not None and running.api_url == target.url
    password = home.admin_password() if ours else secrets.token_urlsafe(12)
    began = time.monotonic()
    with Bars() as bars:
        new = asyncio.run(seed_demo(target, bars, staff_password=password))
    say(f"The demo company is complete after {time.monotonic() - began:.0f} s.")
    if new:
        say(f"\nIts staff log in with the password {password}, which is not shown again:")
        say("\n".join(f"  {email}" for email in new))
