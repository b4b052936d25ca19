"""README's table of settings, made from the class they are declared in. Printed by scripts/settings-table."""

from typing import Any

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from crm.kernel.settings import Settings, environment_name


def settings_table() -> str:
    """Markdown: the environment variable, its default, what it means with its bounds."""
    rows = [
        f"| `{environment_name(name)}` | {_default(field)} | {_meaning(field)} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if value is None or value == ():
        return "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _meaning(field: FieldInfo) -> str:
    least = next((each.ge for each in field.metadata if isinstance(each, Ge)), None)
    most = next((each.le for each in field.metadata if isinstance(each, Le)), None)
    bounds = f" From {least} to {most}." if least is not None and most is not None else ""
    return f"{field.description}{bounds}"


if __name__ == "__main__":
    print(settings_table())  # noqa: T201  printing is what it is for
