"""Where a rule speaks of other segments, and when it does not say of which."""

from typing import Any

import pytest

from crm.kernel.ids import Kind, encode, uuid7
from crm.segments.rules import Mention, mentions, unnamed

A, B = uuid7(), uuid7()
IDS = {key: encode(Kind.SEGMENT, key) for key in (A, B)}


def _in(**condition: Any) -> dict[str, Any]:
    return {"segments": {"some": condition}}


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ({}, []),
        ({"country": {"eq": "DE"}, "contacts": {"some": {"name": {"eq": "segments"}}}, "segments": None}, []),
        (_in(segment={"eq": IDS[A]}), [Mention(("rule", "segments", "some"), frozenset({A}))]),
        (
            {"segments": {"none": {"segment": {"in": [IDS[A], IDS[B]]}}, "some": None}},
            [Mention(("rule", "segments", "none"), frozenset({A, B}))],
        ),
        (
            {
                "or": [{"name": {"eq": "x"}}, {"not": _in(segment={"eq": IDS[A]})}],
                "and": [_in(segment={"eq": IDS[B]})],
            },
            [
                Mention(("rule", "or", "1", "not", "segments", "some"), frozenset({A})),
                Mention(("rule", "and", "0", "segments", "some"), frozenset({B})),
            ],
        ),
        (
            {"segments": {"every": {"segment": {"eq": IDS[A]}}}},
            [Mention(("rule", "segments", "every"), None)],
        ),
        (_in(), [Mention(("rule", "segments", "some"), None)]),
        (_in(name={"eq": "Friends"}), [Mention(("rule", "segments", "some"), None)]),
        (_in(segment={"ne": IDS[A]}), [Mention(("rule", "segments", "some"), None)]),
        (_in(segment={"notIn": [IDS[A]]}), [Mention(("rule", "segments", "some"), None)]),
        (_in(segment={"in": []}), [Mention(("rule", "segments", "some"), None)]),
        (_in(**{"not": {"segment": {"eq": IDS[A]}}}), [Mention(("rule", "segments", "some"), None)]),
        (_in(**{"or": [{"segment": {"eq": IDS[A]}}]}), [Mention(("rule", "segments", "some"), None)]),
        (_in(segment={"eq": "nonsense"}), [Mention(("rule", "segments", "some"), None)]),
        (
            _in(segment={"eq": IDS[A]}, enteredAt={"gt": "2026-01-01T00:00:00Z"}),
            [Mention(("rule", "segments", "some"), frozenset({A}))],
        ),
    ],
)
def test_a_rule_is_read_for_the_segments_it_speaks_of(rule: dict[str, Any], found: list[Mention]) -> None:
    assert list(mentions(rule)) == found


def test_every_place_that_does_not_say_which_segments_is_named() -> None:
    rule = {"or": [_in(), _in(segment={"eq": IDS[A]})], "segments": {"every": {"segment": {"eq": IDS[A]}}}}

    problems = unnamed(rule)

    assert [(problem.path, problem.code) for problem in problems] == [
        (("rule", "or", "0", "segments", "some"), "SEGMENT_NOT_NAMED"),
        (("rule", "segments", "every"), "SEGMENT_NOT_NAMED"),
    ]
