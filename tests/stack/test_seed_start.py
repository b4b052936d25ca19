"""When a new database gets its demo data: decided once, kept until all is there, never asked of anybody twice."""

import socket
from pathlib import Path

import pytest

from stack.errors import StartError
from stack.first_start import FirstStart, Seeder
from stack.home import Home
from stack.target import ADMIN, Target, find_target


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_demo_data_is_due_until_it_is_complete(home: Home) -> None:
    assert not FirstStart(home).is_due, "a database that was there before gets none"

    FirstStart(home).decide(wanted=True)
    assert FirstStart(home).is_due
    FirstStart(home).complete()

    assert not FirstStart(home).is_due


def test_demo_data_that_was_declined_never_comes_by_itself(home: Home) -> None:
    FirstStart(home).decide(wanted=False)

    assert not FirstStart(home).is_due


def test_a_seeding_that_cannot_go_on_says_so_and_stays_due(home: Home) -> None:
    said: list[str] = []
    first_start = FirstStart(home)
    first_start.decide(wanted=True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"

    seeder = Seeder(Target(nowhere, ADMIN, "wrong wrong wrong"), first_start, said.append)
    seeder.start()
    seeder.join(20)

    assert [sentence.partition(": ")[0] for sentence in said] == ["The demo data is not complete"]
    assert said[0].endswith("The next start goes on with it.")
    assert first_start.is_due


def test_a_seeding_is_stopped_where_it_stands(home: Home) -> None:
    said: list[str] = []
    first_start = FirstStart(home)
    first_start.decide(wanted=True)
    with socket.socket() as silent:  # takes the connection and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        target = Target(f"http://127.0.0.1:{silent.getsockname()[1]}", ADMIN, "wrong wrong wrong")
        seeder = Seeder(target, first_start, said.append)
        seeder.start()
        with silent.accept()[0]:
            seeder.stop()

    assert not seeder.is_alive()
    assert said == []
    assert first_start.is_due


def test_a_command_needs_to_know_where_kith_runs_and_who_asks(home: Home) -> None:
    with pytest.raises(StartError, match="Kith does not run here"):
        find_target(home, url=None, email=None, password="long enough to guess")
    with pytest.raises(StartError, match="Say who logs in there"):
        find_target(home, url="https://kith.example", email=None, password="long enough to guess")
    with pytest.raises(StartError, match="is no address of Kith"):
        find_target(home, url="kith.example", email="a@kith.example", password="long enough to guess")

    found = find_target(home, url="https://kith.example", email="a@kith.example", password="given to it")

    assert found == Target("https://kith.example", "a@kith.example", "given to it")
