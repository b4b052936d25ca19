"""Hashing in its own threads, and the rules of a good password."""

import asyncio

import pytest
from argon2 import PasswordHasher

from crm.accounts.errors import TooManyAttempts
from crm.accounts.passwords import MOST_WAITING, PasswordPool
from crm.accounts.rules import password_problems

CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
DEARER = PasswordHasher(time_cost=2, memory_cost=64, parallelism=1)


def codes(password: str, *, email: str = "ann.lee@example.com", name: str = "Ann Lee-Marie Fox") -> list[str]:
    return [problem.code for problem in password_problems(password, "password", email=email, name=name)]


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "x7#Kp!2vQz9w",
        "пароль для входа",
        "密码密钥很长很安全的一二三四",
        "s" * 40 + "unrise over Bremen"[:20],
        "Secretariat of 1973",
        "✓✗★☆♠♣♥♦♪♫☀☁",
    ],
)
def test_long_and_unusual_passwords_are_good(password: str) -> None:
    assert codes(password) == []


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "PASSWORD_TOO_SHORT"),
        ("elevenchars", "PASSWORD_TOO_SHORT"),
        ("é" * 5 + "e\u0301" * 6, "PASSWORD_TOO_SHORT"),
        ("ab cd " * 22, "PASSWORD_TOO_LONG"),
        ("Ann.Lee@Example.com", "PASSWORD_IS_PERSONAL"),
        ("ann lee marie FOX", "PASSWORD_IS_PERSONAL"),
        ("password1234", "PASSWORD_TOO_COMMON"),
        ("P@ssw0rd!2026", "PASSWORD_TOO_COMMON"),
        ("AdminAdmin123", "PASSWORD_TOO_COMMON"),
        ("123456789012", "PASSWORD_TOO_COMMON"),
        ("abcdefghijklm", "PASSWORD_TOO_COMMON"),
        ("qwertyuiopas", "PASSWORD_TOO_COMMON"),
        ("aaaaaaaaaaaaaaa", "PASSWORD_TOO_COMMON"),
        ("Summer 2026!!!", "PASSWORD_TOO_COMMON"),
    ],
)
def test_short_endless_personal_and_common_passwords_are_refused(password: str, code: str) -> None:
    assert codes(password) == [code]


def test_a_password_is_not_personal_because_nothing_is_known_of_its_owner() -> None:
    assert codes("✓✗★☆♠♣♥♦♪♫☀☁", email="", name="") == []


async def test_a_hash_fits_its_password_alone_however_it_was_typed() -> None:
    pool = PasswordPool(CHEAP)

    stored = await pool.hash("Café au lait 12")

    assert stored.startswith("$argon2id$")
    assert await pool.verify(stored, "Cafe\u0301 au lait 12")
    assert not await pool.verify(stored, "Cafe au lait 12")
    assert not await pool.verify(stored, "\ud800")


async def test_nobodys_password_costs_a_verification_with_the_same_parameters() -> None:
    pool = PasswordPool(CHEAP)

    assert not await pool.verify(None, "Café au lait 12")
    assert not await pool.verify("!", "Café au lait 12")

    assert pool.verified == 2
    decoy = pool._decoy  # noqa: SLF001  what no caller may see
    assert not pool.outdated(decoy)
    assert len(decoy) == len(await pool.hash("any"))


async def test_a_hash_of_other_parameters_is_outdated() -> None:
    stored = await PasswordPool(CHEAP).hash("Café au lait 12")

    assert not PasswordPool(CHEAP).outdated(stored)
    assert PasswordPool(DEARER).outdated(stored)


async def test_a_flood_of_passwords_is_refused_rather_than_queued_without_end() -> None:
    pool = PasswordPool(CHEAP)

    answers = await asyncio.gather(
        *(pool.verify(None, "x") for _ in range(MOST_WAITING + 10)), return_exceptions=True
    )

    assert sum(isinstance(answer, TooManyAttempts) for answer in answers) == 10
    assert pool.verified == MOST_WAITING
    assert not await pool.verify(None, "x")
