"""What a change of the schema does to the clients that are out there."""

from dataclasses import dataclass

from graphql import (
    GraphQLInputObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    find_dangerous_changes,
)


@dataclass(frozen=True, slots=True)
class SchemaChanges:
    """Sentences. `breaking`: some query that was valid is not; `dangerous`: it is, but a client may be surprised."""

    breaking: tuple[str, ...]
    dangerous: tuple[str, ...]

    def report(self) -> str:
        """A paragraph for people; empty when every client can stay as it is."""
        parts = (("Breaking for clients:", self.breaking), ("Clients may be surprised:", self.dangerous))
        return "\n".join("\n  ".join([title, *sentences]) for title, sentences in parts if sentences)


def compare(old: str, new: str) -> SchemaChanges:
    """What leads from one schema to the other, both in SDL. Raises GraphQLError for what is none."""
    before, after = build_schema(old), build_schema(new)
    breaking = [change.description for change in find_breaking_changes(before, after)]
    dangerous = [change.description for change in find_dangerous_changes(before, after)]
    return SchemaChanges(tuple(breaking + _newly_one_of(before, after)), tuple(dangerous))


def _newly_one_of(before: GraphQLSchema, after: GraphQLSchema) -> list[str]:
    """Inputs that from now on take exactly one field; graphql-core does not compare that."""
    return [
        f"Input {name} became @oneOf."
        for name, old in before.type_map.items()
        if isinstance(old, GraphQLInputObjectType) and not old.is_one_of
        if isinstance(new := after.type_map.get(name), GraphQLInputObjectType) and new.is_one_of
    ]
