"""How the API's process is started so that it is small: on files of its own, and still the same API."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from own_process import running

from stack import lean

CHECKOUT = Path(__file__).resolve().parents[2]


def _said(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, check=False)


def test_it_runs_without_docstrings_on_files_that_bootstrap_has_written() -> None:
    asked = "import sys, api.app; print(sys.flags.optimize, api.app.__doc__, api.app.__cached__)"

    said = _said(*lean.python(), "-c", asked)

    optimized, words, file = said.stdout.split()
    assert (optimized, words) == ("2", "None")
    assert Path(file).is_file()
    assert Path(file).is_relative_to(Path(lean.python()[-1].partition("=")[2]))


def test_where_nobody_has_written_the_files_it_runs_as_ever(tmp_path: Path) -> None:
    said = _said(*lean.python(tmp_path / "none"), "-c", "import sys; print(sys.flags.optimize)")

    assert said.stdout == "0\n"


def test_it_serves_the_same_schema() -> None:
    """A description that came out of a docstring would be missing."""
    said = _said(*lean.python(), "-m", "stack", "export-schema", "--check")

    assert (said.returncode, said.stdout) == (0, "schema.graphql is up to date.\n")


def test_it_begins_without_what_only_some_requests_need() -> None:
    """Numbers are looked for by their digits, and only written by their plans."""
    asked = (
        "import sys, stack.serve, api.app, tortoise.backends.asyncpg; from crm.kernel import values\n"
        "def loaded(): return [name for name in ('phonenumbers', 'tortoise.migrations') if name in sys.modules]\n"
        "print(loaded(), values.phone_digits('+49 (0)30 901820'), loaded())\n"
        "print(values.parse_phone('+49 30 901820'), loaded())"
    )

    said = _said(*lean.python(), "-c", asked)

    assert (said.stdout, said.stderr) == ("[] 4930901820 []\n+4930901820 ['phonenumbers']\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says what a process has loaded")
@pytest.mark.skipif(find_spec("greenlet") is None, reason="there is no greenlet to be loaded")
async def test_it_runs_without_what_happens_to_be_installed(db: None) -> None:
    with running("stack.serve", "127.0.0.1", "0", says="the API is ready"):
        (server,) = [
            each for each in psutil.Process().children() if each.cmdline()[1:3] == ["-m", "stack.serve"]
        ]
        loaded = [Path(each.path).name for each in server.memory_maps()]

    assert [name for name in loaded if "asyncpg" in name or name.startswith("pgproto")]
    assert [name for name in loaded if "greenlet" in name] == []
