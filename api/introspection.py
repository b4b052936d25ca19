"""Who may read the schema through the API, as the setting says."""

import re
from typing import Any

from graphql import FieldNode, GraphQLError, ValidationRule, get_named_type, is_introspection_type

from crm.kernel.actor import Actor, Role
from crm.kernel.settings import settings

_SUGGESTION = re.compile(r" Did you mean [^?]*\?")


class LogInFirst(ValidationRule):
    """Refuses `__schema` and `__type`; `__typename` is everybody's."""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        kind = get_named_type(self.context.get_type())
        if kind is not None and is_introspection_type(kind):
            told, code = _refusal()
            self.report_error(GraphQLError(told, node, extensions={"code": code}))


def may_introspect(actor: Actor | None) -> bool:
    who = settings().introspection
    if who == "everyone":
        return True
    if actor is None or who == "nobody":
        return False
    return who == "staff" or actor.role is Role.ADMIN


def discreet(error: GraphQLError, actor: Actor | None) -> GraphQLError:
    """The error without the names that were perhaps meant, for whoever may not read the schema."""
    if error.path or may_introspect(actor) or not _SUGGESTION.search(error.message):
        return error
    message = _SUGGESTION.sub("", error.message)
    return GraphQLError(
        message, error.nodes, error.source, error.positions, None, error.original_error, error.extensions
    )


def _refusal() -> tuple[str, str]:
    match settings().introspection:
        case "nobody":
            code = "FORBIDDEN"
            return "The schema cannot be read here. It is published as schema.graphql.", code
        case "admins":
            code = "FORBIDDEN"
            return "Only admins read the schema here. It is published as schema.graphql.", code
    code = "UNAUTHENTICATED"
    return "Log in to read the schema.", code
