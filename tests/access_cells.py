"""What the access matrix is made of: selections of every field, filters, inputs, and how an answer is searched."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    get_named_type,
    get_nullable_type,
)

from api.access import Rule, rule_of
from api.schema import schema
from crm.kernel.ids import Kind, encode, uuid7

TYPES = schema.core.type_map
Cell = tuple[str, str, str]
"""A field (`Type.field`), a viewer, a way in."""

KINDS = {
    "Activity": Kind.ACTIVITY,
    "ApiToken": Kind.API_TOKEN,
    "BusinessUnit": Kind.BUSINESS_UNIT,
    "Contact": Kind.CONTACT,
    "Customer": Kind.CUSTOMER,
    "Delivery": Kind.DELIVERY,
    "EmailTemplate": Kind.EMAIL_TEMPLATE,
    "Import": Kind.IMPORT,
    "Invoice": Kind.INVOICE,
    "Job": Kind.JOB,
    "LegalEntity": Kind.LEGAL_ENTITY,
    "PickListItem": Kind.PICK_LIST_ITEM,
    "Segment": Kind.SEGMENT,
    "User": Kind.USER,
}


def object_of(name: str) -> GraphQLObjectType:
    found = TYPES[name]
    assert isinstance(found, GraphQLObjectType)
    return found


def is_record(kind: Any) -> bool:
    return isinstance(kind, GraphQLObjectType) and any(each.name == "Node" for each in kind.interfaces)


def needs_arguments(field: GraphQLField) -> bool:
    return any(
        isinstance(each.type, GraphQLNonNull) and each.default_value in (None, ...)
        for each in field.args.values()
    )


class Selection:
    """All fields of a type, and of the records its edges lead to; `fields` are those it names."""

    def __init__(self, type_name: str, *, edges: int = 1) -> None:
        self.fields: set[str] = set()
        self.text = self._of(object_of(type_name), edges, parts=5)

    def _of(self, kind: GraphQLObjectType, edges: int, parts: int) -> str:
        chosen = ["__typename"]
        for name, field in kind.fields.items():
            told = (
                None
                if needs_arguments(field)
                else self._field(name, get_named_type(field.type), edges, parts)
            )
            if told is not None:
                self.fields.add(f"{kind.name}.{name}")
                chosen.append(told)
        return "{ " + " ".join(chosen) + " }"

    def _field(self, name: str, kind: Any, edges: int, parts: int) -> str | None:
        if isinstance(kind, GraphQLScalarType | GraphQLEnumType):
            return name
        if not isinstance(kind, GraphQLObjectType) or not parts:
            return None
        page = kind.name.endswith("Connection")
        inner = get_named_type(kind.fields["nodes"].type) if page else kind
        if page or is_record(inner):
            if not edges:
                return None
            edges -= 1
        if page:
            self.fields |= {f"{kind.name}.{each}" for each in ("nodes", "totalCount")}
            return f"{name}(first: 100) {{ totalCount nodes {self._of(inner, edges, parts - 1)} }}"
        return f"{name} {self._of(inner, edges, parts - 1)}"


def of_named(answer: Any) -> tuple[Any, list[Any]]:
    """An answer without what Rule.NAMED lets through, and that apart."""
    named: list[Any] = []

    def pruned(value: Any) -> Any:
        if isinstance(value, list):
            return [pruned(each) for each in value]
        if not isinstance(value, dict):
            return value
        kept = {}
        for key, inner in value.items():
            if rule_of(str(value.get("__typename")), key) is Rule.NAMED:
                named.append(inner)
            else:
                kept[key] = pruned(inner)
        return kept

    return pruned(answer), named


def absent(kind: Kind) -> str:
    return encode(kind, uuid7())


# Filters


def operands(filter_name: str) -> Iterator[tuple[str, GraphQLInputObjectType]]:
    """The fields of a filter with the types of their operands, its connectives left out."""
    kind = TYPES[filter_name]
    assert isinstance(kind, GraphQLInputObjectType)
    for name, field in kind.fields.items():
        operand = get_named_type(field.type)
        if name not in {"and", "or", "not"} and isinstance(operand, GraphQLInputObjectType):
            yield name, operand


def conditions(filter_name: str, mark: str, ids: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(`Filter.field`, a filter that only what belongs to `mark` or has one of these ids would match)."""
    for name, operand in operands(filter_name):
        if "some" in operand.fields:
            inner = get_named_type(operand.fields["some"].type).name
            for told, condition in conditions(inner, mark, ids):
                for quantifier in ("some", "none", "every"):
                    yield (
                        f"{filter_name}.{name}.{quantifier}.{told}",
                        f"{{ {name}: {{ {quantifier}: {condition} }} }}",
                    )
        elif (text := _operand(name, operand, mark, ids)) is not None:
            yield f"{filter_name}.{name}", f"{{ {name}: {text} }}"


_MEANT = {"unit": "BusinessUnit", "segment": "Segment", "customer": "Customer", "contact": "Contact"}


def meant_by(name: str) -> str:
    """The type of record that a filter's field names by id."""
    choices = ("statusLabel", "customerGroup", "industry", "source", "serviceProvision", "invoiceType")
    if name in choices:
        return "PickListItem"
    return "LegalEntity" if name == "legalEntity" else _MEANT.get(name, "User")


def _operand(name: str, operand: GraphQLInputObjectType, mark: str, ids: Mapping[str, str]) -> str | None:
    if operand.name == "TextFilter":
        return f'{{ contains: "{mark}" }}'
    if operand.name == "TagsFilter":
        return f'{{ has: "{mark}" }}'
    if operand.name == "IdFilter":
        return f'{{ eq: "{ids[meant_by(name)]}" }}'
    return None


# Inputs of mutations


class Inputs:
    """The variables of a mutation's input: `near` ids everywhere but at one place."""

    def __init__(self, mutation: str, near: Mapping[str, str]) -> None:
        self._near = near
        field = object_of("Mutation").fields[mutation]
        self.kind = get_named_type(field.args["input"].type) if field.args else None
        payload = get_named_type(field.type)
        self._own = _subject(mutation, payload)
        self.places: list[tuple[tuple[str, ...], str]] = []
        if isinstance(self.kind, GraphQLInputObjectType):
            self.places = list(self._places(self.kind, ()))

    def value(self, place: tuple[str, ...], given: str) -> dict[str, Any]:
        assert isinstance(self.kind, GraphQLInputObjectType)
        return self._object(self.kind, (), place, given)

    def _places(
        self, kind: GraphQLInputObjectType, path: tuple[str, ...]
    ) -> Iterator[tuple[tuple[str, ...], str]]:
        for name, field in kind.fields.items():
            inner = get_named_type(field.type)
            if (
                isinstance(inner, GraphQLInputObjectType)
                and len(path) < 2
                and not inner.name.endswith("Filter")
            ):
                yield from self._places(inner, (*path, name))
            elif inner.name == "ID":
                yield (*path, name), self._meant(name)

    def _meant(self, name: str) -> str:
        if name == "id":
            return self._own
        bare = name.removesuffix("s").removesuffix("Id")
        for type_name in KINDS:
            if bare.lower() == (type_name[0].lower() + type_name[1:]).lower():
                return type_name
        words = {
            "unit": "BusinessUnit",
            "accountManager": "User",
            "serviceManager": "User",
            "recipient": "Contact",
        }
        return words.get(bare, "PickListItem")

    def _object(
        self, kind: GraphQLInputObjectType, path: tuple[str, ...], place: tuple[str, ...], given: str
    ) -> dict[str, Any]:
        made = {}
        for name, field in kind.fields.items():
            here = (*path, name)
            wanted = isinstance(field.type, GraphQLNonNull) or place[: len(here)] == here
            if wanted and (kind.is_one_of is False or place[: len(here)] == here or not path):
                made[name] = self._made(field.type, here, place, given)
        return made

    def _made(self, kind: Any, path: tuple[str, ...], place: tuple[str, ...], given: str) -> Any:
        kind = get_nullable_type(kind)
        if isinstance(kind, GraphQLList):
            return [self._made(kind.of_type, path, place, given)]
        if isinstance(kind, GraphQLInputObjectType):
            return self._object(kind, path, place, given)
        if isinstance(kind, GraphQLEnumType):
            return next(iter(kind.values))
        if kind.name == "ID":
            return given if path == place else self._near.get(self._meant(path[-1]), absent(Kind.CUSTOMER))
        return _SAMPLES.get(kind.name, "sample")


_SAMPLES: dict[str, Any] = {
    "Int": 1,
    "Float": 1.0,
    "Boolean": False,
    "Decimal": "1",
    "Date": "2026-01-01",
    "DateTime": "2026-01-01T00:00:00Z",
    "EmailAddress": "sample@customer.example",
    "CurrencyCode": "EUR",
    "CountryCode": "DE",
    "LanguageCode": "en",
    "URL": "https://sample.example/",
}


def _subject(mutation: str, payload: Any) -> str:
    """The type of record that a mutation's `id` names."""
    records = [
        get_named_type(f.type).name for f in payload.fields.values() if is_record(get_named_type(f.type))
    ]
    if records:
        return str(records[0])
    named = [each for each in KINDS if mutation.endswith(each)]
    return max(named, key=len, default="Customer")


def uploads(kind: Any) -> bool:
    """Whether an input takes a file."""
    return isinstance(kind, GraphQLInputObjectType) and any(
        get_named_type(each.type).name == "Upload" for each in kind.fields.values()
    )


def everything(texts: Iterable[str]) -> str:
    return "\n".join(texts)
