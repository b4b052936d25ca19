"""Rows that stand in for real ones while a statement is planned, and which GraphQL type shows which model."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

from graphql import GraphQLObjectType, GraphQLSchema
from tortoise import Model
from tortoise.fields.relational import BackwardFKRelation, ForeignKeyFieldInstance, ManyToManyFieldInstance

from api.fusion.references import KeyReference, Reference

T = TypeVar("T")
_ATTRIBUTE = "__rows_of__"


def shows(model: type[Model], declared: type[T]) -> type[T]:
    """Notes that the values of a GraphQL type are rows of `model`."""
    setattr(declared, _ATTRIBUTE, model)
    return declared


@cache
def types_of_models(schema: GraphQLSchema) -> Mapping[type[Model], GraphQLObjectType]:
    """The GraphQL type of each model, for fields that promise an interface only."""
    found = {}
    for declared in schema.type_map.values():
        definition = (declared.extensions or {}).get("strawberry-definition")
        model = getattr(getattr(definition, "origin", None), _ATTRIBUTE, None)
        if isinstance(declared, GraphQLObjectType) and model is not None:
            found[model] = declared
    return found


def stand_in(model: type[Model], alias: str, extra: Iterable[str] = ()) -> Model:
    """A row whose columns are references to the row `alias` of the statement; `extra` names annotations.

    Its relations answer the QuerySets that a real row's would, so a type's resolvers work on it unchanged.
    """
    row = model.__new__(model)
    row._saved_in_db, row._partial = True, False
    meta = model._meta
    for name, column in meta.fields_db_projection.items():
        kind = KeyReference if name == meta.pk_attr else Reference
        object.__setattr__(row, name, kind(f'{alias}."{column}"', meta.fields_map[name]))
    for name in extra:
        object.__setattr__(row, name, Reference(f'{alias}."{name}"'))
    for name in meta.fk_fields:
        relation = meta.fields_map[name]
        assert isinstance(relation, ForeignKeyFieldInstance)  # noqa: S101
        assert relation.source_field is not None  # noqa: S101
        key = getattr(row, relation.source_field)
        object.__setattr__(row, f"_{name}", relation.related_model.filter(pk=key).first())
    return row


def related(field: Any) -> type[Model] | None:
    """The model behind a relation's field."""
    if isinstance(field, ForeignKeyFieldInstance | BackwardFKRelation | ManyToManyFieldInstance):
        return field.related_model
    return None
