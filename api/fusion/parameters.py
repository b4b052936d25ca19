"""What is bound in a statement, as Tortoise's queries write it."""

from typing import Any

from pypika_tortoise.terms import Parameter, Parameterizer

from api.fusion.references import unmarked
from api.fusion.structure import Slot


class Parameters(Parameterizer):
    """The values of one statement, in order; a reference to a row around is none.

    A slot that stands in several places, as a condition of several queries does, is bound once.
    """

    def __init__(self) -> None:
        super().__init__()
        self._slots: dict[int, Parameter] = {}

    def create_param(self, value: Any) -> Parameter:
        if (sql := unmarked(value)) is not None:
            return Parameter(sql)
        if not isinstance(value, Slot):
            return super().create_param(value)
        found = self._slots.get(id(value))
        if found is None:
            found = self._slots[id(value)] = super().create_param(value)
        return found
