import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.documents.text import LONGEST_RUN, clipped, is_right_to_left, one_line, paragraphs


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one\ntwo\r\nthree\rfour\u2028five\x0bsix", ["one", "two", "three", "four", "five", "six"]),
        ("\n\n one \n\n\n\n two \n\n", ["one", "", "two"]),
        ("a\tb  c   d", ["a b c d"]),
        ("", []),
        (" \n \t", []),
        ("1\u00a0234,50\u202f€", ["1\u00a0234,50\u202f€"]),
        ("می‌خواهم", ["می‌خواهم"]),
        ("❤\ufe0f", ["❤\ufe0f"]),
        ("\u202eevil\u202c \u2066x\u2069", ["evil x"]),
        ("\x00\x07\x1b\ufeff\U000e0041", []),
        ("\ud800|\ue000|\U0010ffff|\U00013000", ["�|�|�|�"]),
    ],
)
def test_a_text_is_cleaned_into_lines(text: str, lines: list[str]) -> None:
    assert paragraphs(text) == lines


def test_a_text_for_one_line_is_one_line() -> None:
    assert one_line(" PO 4711\r\n\r\nMüller ") == "PO 4711 Müller"
    assert one_line("x " * 300).endswith("x…")
    assert len(one_line("x " * 300)) <= 200


def test_what_is_too_long_ends_in_an_ellipsis() -> None:
    assert clipped("abcdef", 6) == "abcdef"
    assert clipped("abcdefg", 6) == "abcde…"


@pytest.mark.parametrize(
    ("text", "from_right"),
    [
        ("شركة", True),
        ("123 – חברה Ltd", True),
        ("Ltd חברה", False),
        ("123 456", False),
        ("", False),
        ("Ελλάδα", False),
    ],
)
def test_the_first_letter_decides_the_direction(text: str, from_right: bool) -> None:
    assert is_right_to_left(text) is from_right


@given(st.text("aé漢ก\u0301\u200d\u200c ", max_size=200))
def test_long_words_get_places_to_break_and_lose_nothing(text: str) -> None:
    broken = "\n".join(paragraphs(text))

    assert broken.replace("\u200b", "") == "\n".join(paragraphs(text, longest_run=10_000))
    assert all(len(run) <= LONGEST_RUN or _cannot_break(run) for run in broken.replace("\u200b", " ").split())
    assert "\u200b\u0301" not in broken
    assert "\u200d\u200b" not in broken


def _cannot_break(run: str) -> bool:
    """A letter under a heap of marks and joiners is still one character."""
    return any(mark in run for mark in "\u0301\u200d\u200c")


def test_words_of_an_ordinary_length_are_left_whole() -> None:
    word = "Donaudampfschifffahrtsge"

    assert len(word) == LONGEST_RUN
    assert paragraphs(word) == [word]
    assert "\u200b" in paragraphs(word + "s")[0]
