"""A column as the GraphQL scalar or enum that a field promises, in SQL.

The text must be, after JSON parsing, what the scalar's own `serialize` makes of the value that Tortoise reads.
"""

from collections.abc import Callable
from typing import Any

from graphql import GraphQLEnumType, GraphQLList, GraphQLScalarType, get_nullable_type
from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField

from api.fusion.references import JsonReference, Reference, Uncompilable, quoted

_TEXT = (fields.CharField, fields.TextField)


def _itself(sql: str) -> str:
    return sql


def _decimal(sql: str) -> str:
    return f"trim_scale({sql})::text"


_SCALARS: dict[str, tuple[tuple[type, ...], Callable[[str], str]]] = {
    "Int": ((fields.IntField, fields.SmallIntField), _itself),
    "Float": ((fields.FloatField,), _itself),
    "Boolean": ((fields.BooleanField,), _itself),
    "Decimal": ((fields.DecimalField,), _decimal),
    "DateTime": ((fields.DatetimeField,), _itself),
    "Date": ((fields.DateField,), _itself),
    "JSON": ((fields.JSONField,), _itself),
}


def leaf(value: Any, kind: Any) -> str:
    """The SQL of a leaf value. Raises Uncompilable when what Tortoise and GraphQL would make of it is not known."""
    if value is None:
        return "null"
    if not isinstance(value, Reference):
        raise Uncompilable(f"a {type(value).__name__} made in Python")
    if value.finished:
        return value.sql
    if isinstance(kind, GraphQLList):
        return _list(value, kind)
    if isinstance(value, JsonReference):
        return _from_json(value, kind)
    if isinstance(kind, GraphQLEnumType):
        return choice(value.sql, kind)
    return _scalar(value, kind)


def _list(value: Reference, kind: GraphQLList[Any]) -> str:
    item = get_nullable_type(kind.of_type)
    if isinstance(value.field, ArrayField) and isinstance(item, GraphQLScalarType) and item.name == "String":
        return value.sql
    raise Uncompilable(f"a list of {item} from {value.sql}")


def _from_json(value: JsonReference, kind: Any) -> str:
    name = getattr(kind, "name", "")
    if name == "JSON":
        return value.sql
    if isinstance(kind, GraphQLEnumType):
        return choice(value.text, kind)
    if name in _SCALARS:
        raise Uncompilable(f"{name} from JSON")
    return value.text


def _scalar(value: Reference, kind: GraphQLScalarType) -> str:
    accepted, convert = _SCALARS.get(kind.name, (_TEXT, _itself))
    if not isinstance(value.field, accepted):
        raise Uncompilable(f"{kind.name} from {type(value.field).__name__}")
    return convert(value.sql)


def choice(sql: str, kind: GraphQLEnumType) -> str:
    """The enum's name for what the column holds."""
    stored = {name: str(getattr(each.value, "value", each.value)) for name, each in kind.values.items()}
    if all(name == value for name, value in stored.items()):
        return sql
    cases = " ".join(f"when {quoted(value)} then {quoted(name)}" for name, value in stored.items())
    return f"case {sql} {cases} end"
