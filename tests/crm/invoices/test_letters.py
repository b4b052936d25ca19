"""Filling the words of e-mails: nothing in a value is ever read as a placeholder or as markup."""

from hypothesis import given
from hypothesis import strategies as st

from crm.invoices.letters import Letter, Placeholder, default_letter, filled, letter_problems

FACTS = {each: f"<{each}>" for each in Placeholder}


def test_the_built_in_words_can_be_filled_in_every_language() -> None:
    for language in ("en", "de-CH", "fr", "es-MX", "ja"):
        letter = default_letter(language)
        assert not list(letter_problems(letter))
        assert "{" not in filled(letter, FACTS).body


def test_a_language_we_do_not_write_is_answered_in_english() -> None:
    assert default_letter("ja") == default_letter("en")


def test_a_value_that_looks_like_a_placeholder_stays_as_it_is() -> None:
    facts = FACTS | {Placeholder.CUSTOMER: "{number}", Placeholder.NUMBER: "{customer}"}

    assert filled(Letter("{customer} {number}", "{customer}"), facts) == Letter(
        "{number} {customer}", "{number}"
    )


def test_a_subject_stays_on_one_line() -> None:
    facts = FACTS | {Placeholder.REFERENCE: "a\r\nBcc: x@y.example"}

    assert filled(Letter("{reference}", ""), facts).subject == "a Bcc: x@y.example"


@given(st.text(alphabet="{}ab numer", max_size=30))
def test_what_passes_the_check_can_be_filled(text: str) -> None:
    letter = Letter(text, text)

    if not list(letter_problems(letter)):
        assert "{" not in filled(letter, FACTS).body
