"""Running the scripts and the published tools of tests/clients with Node, where it and their packages are here."""

import asyncio
import json
import os
import shutil
import subprocess
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent / "clients"
SCHEMA = HERE.parents[1] / "schema.graphql"
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


def workshop(directory: Path, *sources: str) -> Path:
    """A directory as a project of a front end has it: these sources, the contract, the packages; tools may write to it."""
    for source in sources:
        path = HERE / source
        if path.is_dir():
            shutil.copytree(path, directory, dirs_exist_ok=True)
        else:
            shutil.copy(path, directory)
    shutil.copy(SCHEMA, directory)
    (directory / "node_modules").symlink_to(HERE / "node_modules")
    return directory


def tool(directory: Path, name: str, *arguments: str, accepted: tuple[int, ...] = (0,)) -> str:
    """What a published tool says at its work in a directory. AssertionError with its words when it fails."""
    command = [HERE / "node_modules" / ".bin" / name, *arguments]
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode in accepted, done.stdout + done.stderr
    return done.stdout
