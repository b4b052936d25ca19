"""The demo data of a new database: made by the first `kith dev`, while it is used already."""
# ruff: noqa: PLC0415 - what seeds is imported where it does: a start without it must not wait for it

import asyncio
import importlib.util
import threading
import time
from collections.abc import Callable
from enum import StrEnum

from stack.errors import CallFailed
from stack.home import Home
from stack.target import Target

PATIENCE_SECONDS = 5

Say = Callable[[str], None]


class DemoData(StrEnum):
    """What a checkout's state says of its demo data."""

    WANTED = "wanted"
    COMPLETE = "complete"
    DECLINED = "declined"


class FirstStart:
    """Remembers whether demo data is due: decided once, when the database is new, and kept until all is there."""

    def __init__(self, home: Home) -> None:
        self._path = home.path / "demo-data"

    def decide(self, *, wanted: bool) -> None:
        """For a new database: an interrupted seeding goes on at the next start, a declined one never begins."""
        self._write(DemoData.WANTED if wanted and files_are_here() else DemoData.DECLINED)

    def complete(self) -> None:
        self._write(DemoData.COMPLETE)

    @property
    def is_due(self) -> bool:
        return self._path.exists() and self._path.read_text(encoding="utf-8") == DemoData.WANTED

    def _write(self, state: DemoData) -> None:
        self._path.write_text(state, encoding="utf-8")


class Seeder(threading.Thread):
    """Seeds in the background; what a person should know goes to `say`. It never outlives the process."""

    def __init__(self, target: Target, first_start: FirstStart, say: Say) -> None:
        super().__init__(name="seeder", daemon=True)
        self._target = target
        self._first_start = first_start
        self._say = say
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work: asyncio.Task[None] | None = None

    def run(self) -> None:
        try:
            asyncio.run(self._seed())
        except asyncio.CancelledError:
            return

    def stop(self) -> None:
        """End it where it stands; the next start goes on from there."""
        if self._loop is not None and self._work is not None and self.is_alive():
            self._loop.call_soon_threadsafe(self._work.cancel)
            self.join(PATIENCE_SECONDS)

    async def _seed(self) -> None:
        from stack.progress import Bars
        from stack.seed.run import seed_demo

        self._loop, self._work = asyncio.get_running_loop(), asyncio.current_task()
        began = time.monotonic()
        try:
            with Bars() as bars:
                await seed_demo(self._target, bars, staff_password=self._target.password)
        except CallFailed as failure:
            self._say(f"The demo data is not complete: {failure} The next start goes on with it.")
            return
        self._first_start.complete()
        self._say(f"The demo company is complete after {time.monotonic() - began:.0f} s.")


def files_are_here() -> bool:
    """Say whether the demo files are: they come with a checkout, not with an installed package."""
    return importlib.util.find_spec("demo") is not None
