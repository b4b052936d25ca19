"""Starting a program of ours beside the test, on the test's own database and Redis."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

CHECKOUT = Path(__file__).resolve().parents[1]
PATIENCE = 60.0


@contextlib.contextmanager
def running(*module: str, says: str, **settings: str) -> Iterator[None]:
    """`python -m …` as soon as its log holds these words; killed at the end. AssertionError with its log if it ends."""
    environment = {**os.environ, "KITH_LOG_LEVEL": "info", "KITH_JOB_SWEEP_SECONDS": "0.2", **settings}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *module], cwd=CHECKOUT, env=environment, stdout=log, stderr=log
        )
        try:
            _wait_for(says, log, process)
            yield
        finally:
            process.kill()
            process.wait()


def _wait_for(words: str, log: IO[bytes], process: subprocess.Popen[bytes]) -> None:
    end, said = time.monotonic() + PATIENCE, ""
    while words not in said:
        assert process.poll() is None, said
        assert time.monotonic() < end, said
        time.sleep(0.05)
        said = os.pread(log.fileno(), 1_000_000, 0).decode(errors="replace")
