"""Values that stand for SQL while a statement is planned: a resolver is run on a row whose columns are these.

A `Reference` may be handed on: as an argument of a QuerySet, into an object, through `present`, `each` or `through`.
Whatever else Python can do with a value (compare, add, test, iterate) would decide at planning time what only the
database knows, so it raises Uncompilable, and the field is resolved the plain way. Python lets nobody overrule `is`:
a resolver that must work on references tests with `present`, never with `is None`.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pypika_tortoise.context import SqlContext
from pypika_tortoise.terms import Term
from tortoise.fields import JSONField, TextField
from tortoise.fields.base import Field

T = TypeVar("T")
_NO_KEYS: Mapping[str, str] = {}

_MARK = f"\ue000{secrets.token_hex(16)}:"  # nobody can send it: it is this process's own secret


class Uncompilable(Exception):
    """The field cannot become SQL; it is resolved the plain way. The message says why."""


def _refused(self: Any, *_: Any) -> Any:
    raise Uncompilable(f"a resolver decides on the value of {self.sql}")


class Reference(Term):
    """A piece of SQL of the enclosing row. `field` is the column's field, None for an expression.

    `finished` says that the SQL already is what the GraphQL scalar looks like.
    """

    def __init__(self, sql: str, field: "Field[Any] | None" = None, *, finished: bool = False) -> None:
        super().__init__()
        self.sql = sql
        self.field = field
        self.finished = finished

    def get_sql(self, ctx: SqlContext) -> str:
        del ctx
        return self.sql

    def __str__(self) -> str:
        """Tortoise writes some keys as text before they reach the statement; `unmarked` reads it again."""
        return _MARK + self.sql

    def through(self, template: str, *others: "Reference", finished: bool = True) -> "Reference":
        """An expression over references: `{0}` is this one, `{1}` the first of the others."""
        return Reference(template.format(self.sql, *(each.sql for each in others)), finished=finished)

    def __getitem__(self, key: str) -> "JsonReference":  # type: ignore[override]  # pypika slices into BETWEEN
        if not isinstance(self.field, JSONField):
            raise Uncompilable(f"{self.sql} is no JSON column")
        return JsonReference(self.sql, (key,))

    __hash__ = Term.__hash__
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refused
    __add__ = __sub__ = __mul__ = __truediv__ = __radd__ = __rsub__ = __rmul__ = __rtruediv__ = _refused
    __mod__ = __pow__ = __neg__ = __round__ = __format__ = _refused
    __bool__ = __len__ = __iter__ = __contains__ = __int__ = __float__ = __index__ = _refused


class KeyReference(Reference):
    """The primary key of the enclosing row: never missing, so Tortoise may ask whether it is there."""

    def __bool__(self) -> bool:
        return True


class JsonReference(Reference):
    """What stands at a path in a JSON column; as text where a scalar is wanted."""

    def __init__(self, column: str, path: tuple[str, ...] = ()) -> None:
        steps = [column, *(quoted(key) for key in path)]
        super().__init__(f"({' -> '.join(steps)})")
        self.column, self.path = column, path
        self.text = f"({' -> '.join(steps[:-1])} ->> {steps[-1]})" if path else f"({column} #>> '{{}}')"

    def __getitem__(self, key: str) -> "JsonReference":  # type: ignore[override]
        return JsonReference(self.column, (*self.path, key))

    def get(self, key: str) -> "JsonReference":
        """As of a dictionary: what is not there is null in SQL anyway."""
        return self[key]

    def through(self, template: str, *others: "Reference", finished: bool = True) -> Reference:
        return Reference(self.text).through(template, *others, finished=finished)


class JsonRecord(Reference):
    """An element of a JSON array whose keys stand in columns, as text or JSON."""

    def __init__(self, alias: str, keys: Mapping[str, str]) -> None:
        super().__init__(alias)
        self.keys = keys

    def __getitem__(self, key: str) -> Reference:  # type: ignore[override]
        if key not in self.keys:
            raise Uncompilable(f"{key} is none of the keys of {self.sql}")
        column = f'{self.sql}."{key}"'
        return Reference(column, TextField()) if self.keys[key] == "text" else JsonReference(column)

    def get(self, key: str) -> Reference:
        """As of a dictionary: what is not there is null in SQL anyway."""
        return self[key]


@dataclass(frozen=True, slots=True)
class Present:
    """An object that is null where a column is, or all of several are."""

    columns: tuple[Reference, ...]
    value: Any


@dataclass(frozen=True, slots=True)
class Each:
    """A list made of a JSON array; `make` is given one element, with `keys` in columns of these types."""

    array: Reference
    make: Callable[[Any], Any]
    keys: Mapping[str, str]

    def elements(self, alias: str) -> tuple[Any, str]:
        """What is made of an element, and what follows FROM for all of them in their places."""
        element: Reference
        if self.keys:
            element, names = JsonRecord(alias, self.keys), ", ".join(f'"{key}"' for key in self.keys)
            columns = ", ".join(f'"{key}" {kind}' for key, kind in self.keys.items())
            rows = f"rows from (json_to_recordset({self.array.sql}) as ({columns}))"
        else:
            element, names = JsonReference(f"{alias}.value"), "value"
            rows = f"jsonb_array_elements({self.array.sql})"
        return self.make(element), f"{rows} with ordinality {alias}({names}, place) order by {alias}.place"


def present(value: Any, make: Callable[[], T]) -> T | None:
    """The object, or None where the column is null; of a tuple of columns, where all of them are."""
    columns = value if isinstance(value, tuple) else (value,)
    if isinstance(columns[0], Reference):
        return Present(columns, make())  # type: ignore[return-value]  # read by the compiler only
    return None if all(each is None for each in columns) else make()


def each(array: Iterable[Any], make: Callable[[Any], T], keys: Mapping[str, str] = _NO_KEYS) -> list[T]:
    """The objects made of the elements of a JSON column. Of one that is json and not jsonb, say their `keys`, each
    `text` or `json`: its elements are taken apart once then, and not again for each key.
    """
    if isinstance(array, Reference):
        return Each(array, make, keys)  # type: ignore[return-value]  # read by the compiler only
    return [make(element) for element in array]


def quoted(text: str) -> str:
    """A string literal of SQL."""
    if "\0" in text:
        raise Uncompilable("a NUL byte")
    plain = "'" + text.replace("'", "''") + "'"
    return plain if "\\" not in plain else "E" + plain.replace("\\", "\\\\")


def unmarked(value: Any) -> str | None:
    """The SQL of a reference that Tortoise turned into text; None for any other value."""
    if isinstance(value, str) and value.startswith(_MARK):
        return value[len(_MARK) :]
    return None
