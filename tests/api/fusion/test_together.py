"""Several fields' statements as one: each keeps its parameters, whatever its literals look like."""

import asyncpg
import pytest

from api.fusion.memory import Memory
from api.fusion.plans import Plan, Statement, together
from crm.kernel.database import credentials

TEXTS = [
    "'$1'",
    "'it''s $2'",
    r"E'a\'$1\\'",
    r"E'\\' || 'b$1'",
    '"a$1"',
]


@pytest.mark.parametrize("literal", TEXTS)
async def test_what_only_looks_like_a_parameter_stays(database: str, literal: str) -> None:
    alone = f"select (select concat({literal}, $1::text, $2::text) from (select 'col' as \"a$1\") x)"  # noqa: S608
    statements = [
        Statement(Plan(alone, (first, second), whole=False, varies=False), ())
        for first, second in ("ab", "cd", "ef")
    ]
    connection = await asyncpg.connect(**credentials(database))
    try:
        each = [await connection.fetchval(s.sql, *s.parameters) for s in statements]
        sql, parameters = together(statements, Memory(10))
        assert list(await connection.fetchrow(sql, *parameters)) == each
    finally:
        await connection.close()


def test_its_text_is_kept_and_one_alone_stays_as_it_is() -> None:
    kept: Memory[str] = Memory(10)
    first, second = (Statement(Plan(f"select {n}, $1", (n,), whole=False, varies=False), ()) for n in (1, 2))

    assert together([first, second], kept)[0] is together([first, second], kept)[0]
    assert together([second], kept) == ("select 2, $1", [2])
    assert len(kept) == 1
