"""README.md tells the truth about the settings."""

import re

import pytest
from settings_table import settings_table
from source_code import CHECKOUT

from crm.kernel.settings import Settings, environment_name

README = CHECKOUT / "README.md"
MARKED = re.compile(r"<!-- settings -->\n(.*?)\n<!-- /settings -->", re.DOTALL)
ROW = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)


def test_the_readme_lists_the_settings_with_their_defaults() -> None:
    found = MARKED.search(README.read_text(encoding="utf-8")) if README.exists() else None
    if found is None:
        pytest.fail(
            "README.md needs '<!-- settings -->', what scripts/settings-table prints, '<!-- /settings -->'."
        )

    assert found[1].strip() == settings_table(), "Put in what scripts/settings-table prints."


def test_the_table_has_a_row_and_a_description_for_every_setting() -> None:
    variables = ROW.findall(settings_table())

    assert variables == [environment_name(name) for name in Settings.model_fields]
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
