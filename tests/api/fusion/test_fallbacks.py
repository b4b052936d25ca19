"""Which fields are not answered by a statement: these, each for its reason, and no others."""

import pytest

from api.executor import Executor
from api.fusion.plans import Plans
from api.schema import schema
from tests.api.fusion.answers import Asker
from tests.api.fusion.schema_paths import every_field
from tests.api.fusion.world_rows import World

_LINK = "a link is signed with the API's key, for ten minutes from now"
_LABELS = "fields and their labels are a table in Python"
_SUMS = "it is reckoned from several columns in a way that is Python's"
REFUSED = {
    "Import.columns": _LABELS,
    "Import.missingFields": _LABELS,
    "Import.preview": "it is made of a JSON document by counting and sorting",
    "Import.progress": _SUMS,
    "Import.rowsPerSecond": _SUMS,
    "Import.rejectedRowsUrl": _LINK,
    "Invoice.pdf": _LINK,
    "LegalEntity.logoUrl": _LINK,
    "RequiredField.field": _LABELS,
}
PYTHON = {
    "customerFields": _LABELS,
    "importFields": _LABELS,
    "importTemplate": _LABELS,
    "importTemplateUrl": _LINK,
    "jobBacklog": "it is counted at once, for it is a service's answer",
    "previewSegment": "it is two reads, each a statement of its own",
    "viewer": "it is the caller, who is known already",
}
"""Fields of Query whose own value is no QuerySet."""


async def test_only_these_fields_are_not_answered_by_a_statement(
    world: World, asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: dict[str, str] = {}
    without: set[str] = set()
    for asked in every_field(schema.core, world):
        plans = Plans()
        monkeypatch.setattr(Executor.reads, "plans", plans)

        answer = await asker.fused(world.viewers["admin"], asked.document)

        assert not answer.errors, (asked, answer.text())
        refused |= plans.refused
        if asked.field == f"Query.{asked.root}" and not len(plans):
            without.add(asked.root)
        below = plans.refused.keys() - {asked.field}
        assert below <= REFUSED.keys(), (asked, plans.refused)

    assert refused.keys() == REFUSED.keys(), refused
    assert without == PYTHON.keys()


async def test_every_type_that_a_query_reaches_is_asked_for(world: World) -> None:
    asked = {each.field.partition(".")[0] for each in every_field(schema.core, world)}

    assert {"Customer", "Money", "PageInfo", "CustomerEdge", "FieldChange", "MoneyStatistics"} <= asked
    assert len(asked) > 60
