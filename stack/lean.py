"""How a server starts that is to be small: without docstrings, assertions and the columns of tracebacks, 5 of its 95 MB.

Python reads such code from files of its own. `python -m stack.lean`, which scripts/bootstrap and the Dockerfile run,
writes them beside the virtual environment's packages; where nobody has, servers start as Python does by itself.
"""

import os
import subprocess
import sys
from pathlib import Path

_WORDS = ("-OO", "-X", "no_debug_ranges", "-X")
# What a server loads. The names after the first two are told to Tortoise and uvicorn as text, or wait for a request.
_LOADED = (
    "stack.serve",
    "api.app",
    "tortoise.backends.asyncpg",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.loops.uvloop",
    "stack.answers",
    "uvicorn.protocols.websockets.auto",
    "crm.kernel.values.numbering",
    "obstore.store",
    "prometheus_client",
    "opentelemetry.sdk.trace.export",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
)


def python(files: Path | None = None) -> list[str]:
    """The command that runs Python so, up to its `-m`."""
    files = files or _files()
    return [sys.executable, *_WORDS, f"pycache_prefix={files}"] if files.is_dir() else [sys.executable]


def fill() -> int:
    """Writes the files; those that are current stay."""
    files = _files()
    files.mkdir(exist_ok=True)
    # Who wants no such files among the sources means others.
    told = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    loading = f"import importlib\nfor name in {_LOADED}: importlib.import_module(name)"
    command = [*python(files), "-c", loading]
    return subprocess.run(command, env=told, check=False).returncode  # noqa: S603 - our own program


def _files() -> Path:
    return Path(sys.prefix) / "lean"


if __name__ == "__main__":
    sys.exit(fill())
