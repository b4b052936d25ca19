"""The `kith` command as a person meets it: help, refusals, and what it does to a database."""

import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = (
    "dev",
    "api",
    "worker",
    "mail",
    "migrate",
    "create-admin",
    "seed",
    "import",
    "export-schema",
    "doctor",
)


class Kith:
    def __init__(self, environment: dict[str, str], place: Path) -> None:
        self.environment = environment | {"KITH_HOME": str(place / "home"), "COLUMNS": "200"}
        self.place = place

    def __call__(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "stack", *words]
        env = self.environment | environment
        return subprocess.run(command, env=env, cwd=self.place, capture_output=True, text=True, check=False)


@pytest.fixture
def kith(bare_environment: dict[str, str], tmp_path: Path) -> Kith:
    checkout = str(Path(__file__).resolve().parents[2])
    return Kith(bare_environment | {"PYTHONPATH": checkout}, tmp_path)


def test_help_names_every_command(kith: Kith) -> None:
    answer = kith("--help")

    assert answer.returncode == 0
    assert [name for name in COMMANDS if f" {name} " not in answer.stdout] == []


@pytest.mark.parametrize("command", ["worker", "dev"])
def test_a_wrong_setting_stops_the_start_with_one_sentence(kith: Kith, command: str) -> None:
    answer = kith(command, KITH_LOG_LEVEL="loud")

    assert answer.returncode in (1, 2)
    assert "KITH_LOG_LEVEL has a value Kith cannot use ('loud')" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert answer.stdout == ""


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"KITH_TRUSTED_DOCUMENTS": "none.json"}, "kith: KITH_TRUSTED_DOCUMENTS names none.json"),
        ({"KITH_SECRET_KEY": ""}, "kith: KITH_SECRET_KEY"),
    ],
)
def test_what_only_the_api_looks_at_stops_its_start_with_one_sentence(
    kith: Kith, settings: dict[str, str], said: str
) -> None:
    answer = kith("api", "--port", "0", **{"KITH_SECRET_KEY": "k" * 40} | settings)

    assert answer.returncode == 1
    assert answer.stderr.startswith(said)
    assert len(answer.stderr.splitlines()) == 1


def test_a_wrong_setting_in_a_file_counts_too(kith: Kith) -> None:
    (kith.place / ".env").write_text("DATABASE_URL=mysql://x\n")

    answer = kith("migrate")

    assert answer.returncode == 1
    assert answer.stderr.startswith("kith: DATABASE_URL has a value Kith cannot use ('mysql://x')")


def test_a_database_that_does_not_answer_is_named_without_its_password(kith: Kith) -> None:
    answer = kith("migrate", DATABASE_URL="postgres://kith:hush@127.0.0.1:9/kith")

    assert answer.returncode == 1
    assert answer.stderr.startswith(
        "kith: The database at postgres://kith:***@127.0.0.1:9/kith cannot be used: "
    )
    assert len(answer.stderr.splitlines()) == 1


def test_an_admin_is_created_once_in_a_database_of_its_own(kith: Kith) -> None:
    words = ("create-admin", "--email", "ana@example.com", "--name", "Ana")

    first = kith(*words, KITH_PASSWORD="long enough to guess")
    second = kith(*words, KITH_PASSWORD="another one entirely")

    assert (first.returncode, first.stdout) == (0, "ana@example.com is an admin now.\n")
    assert (second.returncode, second.stdout) == (
        0,
        "ana@example.com is an admin already; nothing was changed.\n",
    )


def test_an_admin_with_a_poor_password_is_refused_in_a_sentence(kith: Kith, database: str) -> None:
    words = ("create-admin", "--email", "ana@example.com", "--name", "Ana")

    answer = kith(*words, KITH_PASSWORD="short", DATABASE_URL=database)

    assert (answer.returncode, answer.stderr) == (1, "kith: A password has at least 12 characters.\n")


def test_doctor_finds_a_healthy_machine_healthy(kith: Kith) -> None:
    answer = kith("doctor")

    assert answer.returncode == 0, answer.stdout
    assert "ok    PostgreSQL 18" in answer.stdout
    assert "ok    Valkey 9" in answer.stdout
    assert "ok    Settings are valid" in answer.stdout
    assert "fail" not in answer.stdout
    assert not (kith.place / "home").exists()


def test_doctor_names_what_is_wrong_and_how_to_mend_it(kith: Kith) -> None:
    answer = kith(
        "doctor",
        DATABASE_URL="postgres://kith:hush@127.0.0.1:9/kith",
        REDIS_URL="redis://:hush@127.0.0.1:9/0",
        SMTP_URL="smtp://127.0.0.1:9",
    )

    assert answer.returncode == 1
    for name in ("DATABASE_URL", "REDIS_URL", "SMTP_URL"):
        assert f"fail  {name} " in answer.stdout
    assert answer.stdout.count("Start that server or change the setting") == 3
    assert "hush" not in answer.stdout


def test_doctor_goes_on_after_a_wrong_setting_without_a_traceback(kith: Kith) -> None:
    answer = kith("doctor", KITH_LOG_LEVEL="loud")

    assert answer.returncode == 1
    assert "fail  KITH_LOG_LEVEL has a value Kith cannot use" in answer.stdout
    assert answer.stderr == ""


def test_doctor_says_when_migrations_wait_and_when_they_do_not(kith: Kith, database: str) -> None:
    waiting = kith("doctor", DATABASE_URL=_other_database(database, "postgres"))
    ready = kith("doctor", DATABASE_URL=database)

    assert "migrations wait for" in waiting.stdout
    assert "Run: kith migrate" in waiting.stdout
    assert waiting.returncode == 0
    assert "answers and has the newest schema" in ready.stdout


def _other_database(url: str, name: str) -> str:
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}?{query}"
