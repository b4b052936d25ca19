"""The embedded Valkey: what it keeps, and that it never stays behind."""

import os
import subprocess
from pathlib import Path

import psutil
import pytest
from redis import Redis

from stack.errors import StartError
from stack.identity import launch_command
from stack.processes import wait_until
from stack.valkey import Valkey, binary


def test_it_answers_on_its_socket_only(tmp_path: Path) -> None:
    with Valkey(tmp_path, durable=False) as valkey, Redis.from_url(valkey.url) as redis:
        assert redis.ping()
        assert valkey.pid is not None
        assert psutil.Process(valkey.pid).net_connections(kind="inet") == []


def test_what_was_written_survives_a_kill(tmp_path: Path) -> None:
    with Valkey(tmp_path) as valkey:
        with Redis.from_url(valkey.url) as redis:
            redis.set("kept", "yes")
        assert valkey.pid is not None
        psutil.Process(valkey.pid).kill()
        assert wait_until(lambda: valkey.exit_code() is not None, seconds=10)

    with Valkey(tmp_path) as valkey, Redis.from_url(valkey.url) as redis:
        assert redis.get("kept") == b"yes"


def test_a_fast_one_keeps_nothing(tmp_path: Path) -> None:
    with Valkey(tmp_path, durable=False) as valkey, Redis.from_url(valkey.url) as redis:
        redis.set("kept", "no")

    with Valkey(tmp_path, durable=False) as valkey, Redis.from_url(valkey.url) as redis:
        assert redis.get("kept") is None


def test_a_second_server_in_the_same_place_is_refused(tmp_path: Path) -> None:
    with Valkey(tmp_path, durable=False) as first:
        with pytest.raises(StartError, match=f"Valkey already runs here, started by process {os.getpid()}"):
            Valkey(tmp_path).start()

        assert first.exit_code() is None


def test_a_server_left_behind_is_stopped_first(tmp_path: Path) -> None:
    options = [
        "--port",
        "0",
        "--unixsocket",
        str(tmp_path / "r.sock"),
        "--pidfile",
        str(tmp_path / "valkey.pid"),
    ]
    command = [str(binary()), *options, "--dir", str(tmp_path), "--set-proc-title", "no"]
    left = subprocess.Popen(launch_command(command, on_parent_death=9), stdout=subprocess.DEVNULL)
    assert wait_until((tmp_path / "valkey.pid").exists, seconds=10)

    with Valkey(tmp_path, durable=False) as valkey, Redis.from_url(valkey.url) as redis:
        assert left.wait(10) == 0
        assert redis.ping()


def test_a_long_path_gets_a_socket_elsewhere(tmp_path: Path) -> None:
    with Valkey(tmp_path / ("x" * 120), durable=False) as valkey, Redis.from_url(valkey.url) as redis:
        assert redis.ping()
        assert len(valkey.url) < 100


def test_a_damaged_file_says_what_valkey_said(tmp_path: Path) -> None:
    with Valkey(tmp_path) as valkey, Redis.from_url(valkey.url) as redis:
        redis.set("kept", "yes")
    manifest = next((tmp_path / "appendonlydir").glob("*.manifest"))
    manifest.write_text("nonsense\n")

    with pytest.raises(StartError, match=r"Valkey did not start: .*AOF"):
        Valkey(tmp_path).start()
