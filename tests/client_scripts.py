"""Running the scripts of tests/clients with Node, where it and their packages are here."""

import asyncio
import json
import os
import shutil
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent / "clients"
PATIENCE = 60.0

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (HERE / "node_modules").is_dir(),
    reason="needs Node.js and the packages of tests/clients: scripts/test --clients installs them",
)


async def started(script: str, *arguments: str, **environment: str) -> Process:
    return await asyncio.create_subprocess_exec(
        "node",
        script,
        *arguments,
        cwd=HERE,
        env=os.environ | environment,
        stdout=PIPE,
        stderr=PIPE,
        limit=10_000_000,
    )


async def output_of(script: str, *arguments: str, **environment: str) -> Any:
    """The JSON a script prints. AssertionError with its words when it fails."""
    process = await started(script, *arguments, **environment)
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0, err.decode()
    return json.loads(out)
