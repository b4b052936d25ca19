import json
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, parse, validate

from bench.data import Size
from bench.growth import LIST
from bench.queries import QUERIES, Query, Sample, bodies

SIZE = Size(3000)
SAMPLE = Sample([{"country": "DE", "status": "ACTIVE"}], [10, 20], ["balgobin"])
SCHEMA = build_schema((Path(__file__).parents[2] / "schema.graphql").read_text(encoding="utf-8"))


def nobody(operation: str, document: str, values: dict[str, Any]) -> Any:
    raise AssertionError(f"{operation} should not have been asked")


@pytest.mark.parametrize("document", [*(query.documents["kith"] for query in QUERIES), LIST])
def test_what_is_asked_of_kith_fits_its_schema(document: str) -> None:
    assert validate(SCHEMA, parse(document)) == []


@pytest.mark.parametrize(
    "query", [each for each in QUERIES if each.values != "rows"], ids=lambda each: each.name
)
def test_every_dialect_is_asked_for_the_same_variations(query: Query) -> None:
    asked = [bodies(query, dialect, SAMPLE, nobody, SIZE) for dialect in ("kith", "plain", "postgraphile")]

    assert len({len(each) for each in asked}) == 1
    assert {json.loads(body)["operationName"] for each in asked for body in each} == {query.operation}


def test_a_thousand_rows_are_ten_pages_for_kith_and_one_list_for_the_others() -> None:
    (rows,) = (query for query in QUERIES if query.values == "rows")
    after: list[Any] = []

    def ask(operation: str, document: str, values: dict[str, Any]) -> Any:
        assert operation == "Walk"
        after.append(values["after"])
        return {"customers": {"pageInfo": {"endCursor": f"c{len(after)}"}}}

    kith = [json.loads(body)["variables"] for body in bodies(rows, "kith", SAMPLE, ask, SIZE)]
    walked = len(after)
    plain = [json.loads(body)["variables"] for body in bodies(rows, "plain", SAMPLE, ask, SIZE)]

    assert (walked, len(after) - walked) == (19, 1)
    assert [each["after0"] for each in kith] == [None, "c10"]
    assert kith[1]["after9"] == "c19"
    assert [each["after"] for each in plain] == [None, "c20"]
