from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.invoices.numbering import format_number, parse_pattern
from crm.kernel.errors import InvalidInput

DAY = date(2026, 3, 9)


def codes(pattern: str) -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        parse_pattern(pattern)
    assert all(problem.path == ("pattern",) and problem.message for problem in refused.value.problems)
    return [problem.code for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("pattern", "sequence", "number"),
    [
        ("INV-{year}-{seq:5}", 1, "INV-2026-00001"),
        ("INV-{year}-{seq:5}", 99_999, "INV-2026-99999"),
        ("INV-{year}-{seq:5}", 100_000, "INV-2026-100000"),
        ("{yy}{month}/{seq}", 7, "2603/7"),
        ("{seq:3} {year}", 1_000, "1000 2026"),
        ("{entity}_{year}.{seq:9}", 42, "NW1_2026.000000042"),
        ("{year}{seq:1}", 2_147_483_647, "20262147483647"),
    ],
)
def test_a_pattern_writes_its_numbers(pattern: str, sequence: int, number: str) -> None:
    assert (
        format_number(parse_pattern(pattern), sequence=sequence, issued_on=DAY, entity_code="NW1") == number
    )


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", ["SEQUENCE_NOT_ONCE", "YEAR_MISSING"]),
        ("INV-{year}", ["SEQUENCE_NOT_ONCE"]),
        ("{year}-{seq}-{seq:4}", ["SEQUENCE_NOT_ONCE"]),
        ("INV-{seq:5}", ["YEAR_MISSING"]),
        ("INV-{month}-{seq:5}", ["YEAR_MISSING"]),
        ("{year}-{seq:0}", ["WIDTH_INVALID", "SEQUENCE_NOT_ONCE"]),
        ("{year}-{seq:10}", ["WIDTH_INVALID", "SEQUENCE_NOT_ONCE"]),
        ("{year}-{seq:}", ["WIDTH_INVALID", "SEQUENCE_NOT_ONCE"]),
        ("{year}-{seq:5:5}", ["WIDTH_INVALID", "SEQUENCE_NOT_ONCE"]),
        ("{year}-{seq:٥}", ["WIDTH_INVALID", "SEQUENCE_NOT_ONCE"]),
        ("{year:2}-{seq}", ["WIDTH_NOT_ALLOWED", "YEAR_MISSING"]),
        ("{year}-{seq}-{day}", ["TOKEN_UNKNOWN"]),
        ("{year}-{seq}-{}", ["TOKEN_UNKNOWN"]),
        ("{YEAR}-{seq}", ["TOKEN_UNKNOWN", "YEAR_MISSING"]),
        ("{year}-{seq}}", ["BRACE_UNMATCHED"]),
        ("{{year}}-{seq}", ["BRACE_UNMATCHED", "BRACE_UNMATCHED"]),
        ("{year}-{seq", ["BRACE_UNMATCHED", "SEQUENCE_NOT_ONCE"]),
        ("№{year}-{seq}", ["CHARACTER_NOT_ALLOWED"]),
        ("{year}\n{seq}", ["CHARACTER_NOT_ALLOWED"]),
        (" {year}-{seq}", ["SPACE_AT_END"]),
        ("x" * 49 + "{year}{seq}", []),
        ("x" * 50 + "{year}{seq}", ["TOO_LONG"]),
    ],
)
def test_a_wrong_pattern_is_refused_with_all_its_faults(pattern: str, expected: list[str]) -> None:
    if expected:
        assert codes(pattern) == expected
    else:
        assert parse_pattern(pattern).text == pattern


@pytest.mark.parametrize("code", ["", "A B", "ÄÖ", "x" * 13, "../.."])
def test_a_pattern_with_the_entity_needs_a_plain_entity_code(code: str) -> None:
    pattern = parse_pattern("{entity}-{year}-{seq}")

    assert pattern.needs_entity_code
    with pytest.raises(InvalidInput, match="code"):
        format_number(pattern, sequence=1, issued_on=DAY, entity_code=code)


def test_a_sequence_starts_at_one() -> None:
    with pytest.raises(ValueError, match="starts at 1"):
        format_number(parse_pattern("{year}-{seq}"), sequence=0, issued_on=DAY)


SEPARATORS = st.text("AZaz09 ._/-", max_size=3)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    tokens = [
        draw(st.sampled_from(["{year}", "{yy}{month}", "{yy}"])),
        draw(st.sampled_from(["{seq}", "{seq:4}"])),
    ]
    tokens += draw(st.lists(st.sampled_from(["{month}", "{entity}"]), max_size=2))
    written = "".join(token + draw(SEPARATORS) for token in draw(st.permutations(tokens)))
    return written.strip()


issues = st.tuples(st.integers(2000, 2099), st.integers(1, 2_000_000_000), st.integers(1, 12))


@given(patterns(), issues, issues)
def test_two_documents_of_an_entity_never_share_a_number(
    text: str, one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    pattern = parse_pattern(text)

    numbers = [
        format_number(pattern, sequence=sequence, issued_on=date(year, month, 1), entity_code="N1")
        for year, sequence, month in (one, other)
    ]

    # The sequence is unique within its year, so year and sequence are the document's identity.
    if one[:2] != other[:2]:
        assert numbers[0] != numbers[1]
    assert max(map(len, numbers)) <= 80
