"""The scripts run under any POSIX shell and refuse in a sentence."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted(path for path in (CHECKOUT / "scripts").iterdir() if path.is_file())
SHELLS = [shell for shell in ("sh", "dash", "bash", "busybox") if shutil.which(shell)]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_shell_here_understands_the_script(script: Path) -> None:
    assert script.read_text().startswith("#!/bin/sh\n")
    assert os.access(script, os.X_OK)

    for shell in SHELLS:
        command = [shell, *(["sh"] if shell == "busybox" else []), "-n", str(script)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), shell


@pytest.fixture
def bare_checkout(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    shutil.copy(CHECKOUT / "scripts" / "bootstrap", tmp_path / "scripts")
    for name in ("requirements.lock", "pyproject.toml"):
        shutil.copy(CHECKOUT / name, tmp_path)
    return tmp_path


def test_bootstrap_says_which_python_it_needs(bare_checkout: Path) -> None:
    done = subprocess.run(
        [str(bare_checkout / "scripts" / "bootstrap")],
        env=os.environ | {"KITH_PYTHON": "/no/such/python"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr == (
        "bootstrap: Python 3.11 or newer is needed and was not found as /no/such/python; "
        "install it, or name it in KITH_PYTHON.\n"
    )
    assert not (bare_checkout / ".venv").exists()
