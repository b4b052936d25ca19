"""Folding never asks for less than ignoring case does: what an index of folded texts finds is all that a filter can mean."""

import random
from typing import Any

import pytest
from tortoise.connection import get_connection

from crm.kernel.search import folds_alike

pytestmark = pytest.mark.usefixtures("db")

_LETTERS = "select i from generate_series(1, 1114111) i where i not between 55296 and 57343"
_UNALIKE = f"select chr(i) as letter from ({_LETTERS}) l where kith_fold(chr(i)) <> kith_fold(lower(chr(i)))"  # noqa: S608
_LONGER = f"select chr(i) as letter from ({_LETTERS}) l where length(lower(chr(i))) <> 1"  # noqa: S608
_TORN = """
select a, b from unnest($1::text[], $2::text[]) pair(a, b)
 where kith_fold(a || b) <> kith_fold(a) || kith_fold(b) or lower(a || b) <> lower(a) || lower(b)
"""


async def _sql(sql: str, *values: Any) -> list[Any]:
    return (await get_connection("default").execute_query(sql, list(values)))[1]


async def test_every_letter_folds_as_its_small_one_does_or_is_known_not_to() -> None:
    unalike = [row["letter"] for row in await _sql(_UNALIKE)]

    assert [letter for letter in unalike if folds_alike(letter) or folds_alike(letter.lower())] == []
    assert len(unalike) > 5
    assert all(
        folds_alike(text) for text in ("Müller", "ŁÓDŹ", "Αθήνα", "Москва", "株式会社", "İstanbul", "ﬁ", "½")
    )


async def test_letters_are_folded_one_by_one() -> None:
    assert await _sql(_LONGER) == []
    chance = random.Random(5)  # noqa: S311  no secret
    some = "aZ1 .-üßÉŁøĲŉǅ½№™ﬁΣσςİıſK株й\u0301\u0308"
    firsts, seconds = (
        ["".join(chance.choices(some, k=chance.randint(0, 4))) for _ in range(5000)] for _ in range(2)
    )

    assert await _sql(_TORN, firsts, seconds) == []
