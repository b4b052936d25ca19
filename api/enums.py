"""The business's enums, told to GraphQL with a description for every value."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

import strawberry

E = TypeVar("E", bound=Enum)


def describe(
    enum: type[E], *, description: str, values: Mapping[str, str], name: str | None = None
) -> type[E]:
    """Declares an enum. `values` describes each member by name; one left out is a programming error."""
    declared = strawberry.enum(enum, name=name, description=description)
    definition: Any = getattr(declared, "__strawberry_definition__")  # noqa: B009  mypy knows no such attribute
    for value in definition.values:
        value.description = values[value.name]
    return declared
