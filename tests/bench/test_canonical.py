from typing import Any

import pytest

from bench.canonical import canonical, difference

KEY = "01980000000570008000000000000001"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (f"cus_{KEY}", "01980000-0005-7000-8000-000000000001"),
        ("357.00", "357.0000"),
        ("100", "100.000000"),
        ("2026-01-01T09:30:00+00:00", "2026-01-01T09:30:00.000Z"),
        ("2026-01-01T09:30:00+00:00", "2026-01-01T10:30:00+01:00"),
        ({"contacts": {"nodes": [{"name": "Ada"}]}}, {"contacts": [{"name": "Ada"}]}),
        ({"gross": {"amount": "12.50"}}, {"gross": "12.5000"}),
        ({"name": "A", "address": {"city": "Bonn"}}, {"name": "A", "city": "Bonn"}),
        ({"customers": {"nodes": []}}, {"search": []}),
        ({"endCursor": "YQ"}, {"endCursor": "WyJ4Il0="}),
        (
            {"p0": {"nodes": [{"name": "A"}]}, "p1": {"nodes": [{"name": "B"}]}},
            {"customers": [{"name": "A"}, {"name": "B"}]},
        ),
    ],
)
def test_the_same_data_in_another_envelope_is_the_same(ours: Any, theirs: Any) -> None:
    assert canonical(ours) == canonical(theirs)
    assert difference(canonical(ours), canonical(theirs)) is None


@pytest.mark.parametrize(
    ("ours", "theirs", "where"),
    [
        ({"customer": {"name": "A"}}, {"customer": {"name": "B"}}, "data.customer.name"),
        ({"customer": {"name": "A"}}, {"customer": {"name": "A", "phone": None}}, "data.customer"),
        ({"customers": [{"n": 1}, {"n": 2}]}, {"customers": [{"n": 2}, {"n": 1}]}, "data.customers[0].n"),
        ({"customers": [1]}, {"customers": [1, 2]}, "data.customers"),
        ({"customer": None}, {"customer": {}}, "data.customer"),
        ({"endCursor": None}, {"endCursor": "YQ"}, "data.endCursor"),
        ({"gross": "12.50"}, {"gross": "12.51"}, "data.gross"),
        ({"dueDate": "2026-01-01"}, {"dueDate": "2026-01-02"}, "data.dueDate"),
    ],
)
def test_other_data_is_told_with_its_place(ours: Any, theirs: Any, where: str) -> None:
    found = difference(canonical(ours), canonical(theirs))

    assert found is not None
    assert found.startswith(f"{where}: ")


def test_text_that_only_looks_like_something_else_stays_text() -> None:
    words = ["+49302312", "K12", "2026-01-01", "note_1", "1.2.3", "INV-000000001"]

    assert [canonical(word) for word in words] == words
