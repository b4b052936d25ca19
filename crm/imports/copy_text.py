"""Values as COPY's text format has them; a line is fields with tabs between."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

NULL = "\\N"
_SIGNS = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_IN_ARRAY = str.maketrans({"\\": "\\\\", '"': '\\"'})


def field(value: object) -> str:
    """One value of any type the customers' columns have."""
    if type(value) is str:
        return escaped(value)
    if value is None:
        return NULL
    match value:
        case bool():
            text = "t" if value else "f"
        case Decimal():
            text = f"{value:f}"
        case date():  # or a time, which is one
            text = value.isoformat()
        case list():
            text = escaped(_array(value))
        case _:
            text = escaped(str(value))
    return text


def fields(values: Iterable[object]) -> str:
    return "\t".join(map(field, values))


def escaped(text: str) -> str:
    """A text as a field; most have nothing to escape."""
    return text if text.isprintable() and "\\" not in text else text.translate(_SIGNS)


def json(text: str) -> str:
    """JSON as a field: it holds no other sign that COPY knows."""
    return text.replace("\\", "\\\\")


def _array(items: list[Any]) -> str:
    return "{" + ",".join(f'"{str(item).translate(_IN_ARRAY)}"' for item in items) + "}"
