"""Memory that large answers took goes back to the system."""

import ctypes
import sys

import psutil
import pytest

from api.ebb import Ebb


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="glibc has it"
)
async def test_what_lies_free_between_pieces_in_use_is_given_back() -> None:
    pieces = [b"." * 100_000 for _ in range(600)]
    in_use = pieces[::2]  # the others lie between them
    del pieces
    before = psutil.Process().memory_info().rss

    ebb = Ebb()
    ebb.start()
    ebb.stop()

    assert before - psutil.Process().memory_info().rss > 20_000_000
    assert len(in_use) == 300
