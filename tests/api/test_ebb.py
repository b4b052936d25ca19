"""Memory that large answers took goes back to the system."""

import asyncio
import ctypes
import sys

import psutil
import pytest

from api.ebb import SECONDS, Ebb

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="glibc has it"
)


def _pieces_with_holes_between() -> list[bytes]:
    pieces = [b"." * 100_000 for _ in range(600)]
    return pieces[::2]


def _resident() -> int:
    found: int = psutil.Process().memory_info().rss
    return found


async def test_what_lies_free_between_pieces_in_use_is_given_back() -> None:
    in_use = _pieces_with_holes_between()
    before = _resident()

    ebb = Ebb()
    ebb.start()
    ebb.stop()

    assert before - _resident() > 20_000_000
    assert len(in_use) == 300


async def test_an_api_that_runs_gives_it_back_by_itself(server: str, db: None) -> None:
    """Twice: it goes on looking."""
    for _ in range(2):
        in_use = _pieces_with_holes_between()
        before = _resident()
        for _ in range(20):
            await asyncio.sleep(SECONDS / 10)
            if before - _resident() > 20_000_000:
                break

        assert before - _resident() > 20_000_000
        assert len(in_use) == 300
