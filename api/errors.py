"""The one place where the business's errors become what callers read.

In a mutation's payload they are `errors: [UserError!]!`; anywhere else a GraphQL error with `extensions.code`.
"""

from typing import Any
from uuid import UUID, uuid4

import strawberry
import structlog
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.exceptions import MissingQueryError, StrawberryGraphQLError
from strawberry.schema.exceptions import CannotGetOperationTypeError

from api import measures
from api.context import Info
from api.nodes import Node, fetch
from crm.kernel import errors
from crm.kernel.errors import DomainError
from crm.kernel.integrity import is_out_of_time, is_unfit_value

log = structlog.get_logger(__name__)


@strawberry.interface(description="Why a mutation was refused. Nothing was changed.")
class UserError:
    code: str = strawberry.field(
        description="What went wrong, for programs. The codes are listed in docs/errors.md."
    )
    message: str = strawberry.field(description="What went wrong and what to do about it, for people.")
    path: list[str] = strawberry.field(
        description="The field of the input it is about; empty when it is about none."
    )


@strawberry.type(description="A field of the input is wrong.")
class InputError(UserError):
    pass


@strawberry.type(description="The record is not there, or you may not know of it.")
class NotFoundError(UserError):
    pass


@strawberry.type(description="You may see the record but not do this to it.")
class ForbiddenError(UserError):
    pass


@strawberry.type(description="A business rule forbids it.")
class RuleError(UserError):
    pass


@strawberry.type(description="Somebody else changed the record since you read it.")
class VersionConflict(UserError):
    kind: strawberry.Private[Any]
    key: strawberry.Private[UUID]
    current_version: int = strawberry.field(description="The version the record has now.")

    @strawberry.field(description="The record as it is now.")
    def current(self, info: Info) -> Node | None:
        return fetch(info.context.require(), self.kind, self.key)  # type: ignore[no-any-return]


@strawberry.type(description="A value that must be unique belongs to another record.")
class DuplicateRecord(UserError):
    kind: strawberry.Private[Any]
    key: strawberry.Private[UUID]

    @strawberry.field(description="The record that stands in the way; null when you may not see it.")
    def existing(self, info: Info) -> Node | None:
        return fetch(info.context.require(), self.kind, self.key)  # type: ignore[no-any-return]


@strawberry.type(description="The record's state does not allow this action.")
class InvalidTransition(UserError):
    action: str = strawberry.field(description="What was asked.")
    state: str = strawberry.field(description="The state the record is in.")
    allowed: list[str] = strawberry.field(description="The actions that state allows.")


USER_ERRORS = (
    InputError,
    NotFoundError,
    ForbiddenError,
    RuleError,
    VersionConflict,
    DuplicateRecord,
    InvalidTransition,
)


def user_errors(error: DomainError) -> list[UserError]:  # noqa: PLR0911  one line an error
    """What a mutation's payload says of a refusal."""
    measures.failed(error.code)
    if isinstance(error, errors.InvalidInput):
        return [InputError(code=p.code, message=p.message, path=list(p.path)) for p in error.problems]
    told: dict[str, Any] = {"code": error.code, "message": error.message, "path": list(error.path)}
    if isinstance(error, errors.VersionConflict):
        return [VersionConflict(**told, kind=error.kind, key=error.record_id, current_version=error.current)]
    if isinstance(error, errors.DuplicateRecord):
        return [DuplicateRecord(**told, kind=error.kind, key=error.existing_id)]
    if isinstance(error, errors.InvalidTransition):
        return [
            InvalidTransition(**told, action=error.action, state=error.state, allowed=list(error.allowed))
        ]
    if isinstance(error, errors.NotFound):
        return [NotFoundError(**told)]
    if isinstance(error, errors.Forbidden | errors.Unauthenticated):
        return [ForbiddenError(**told)]
    return [RuleError(**told)]


def coded(error: Exception) -> GraphQLError:
    """The GraphQL error a caller sees for any exception. An unknown one is logged, and only its id goes out."""
    if isinstance(error, GraphQLError):
        cause = error.original_error
        if (error.extensions or {}).get("code") or cause is None or isinstance(cause, GraphQLError):
            return error
        return _relocated(coded(cause), error)
    if isinstance(error, DomainError):
        code = "BAD_USER_INPUT" if isinstance(error, errors.InvalidInput) else error.code
        details = [{"path": list(p.path), "code": p.code} for p in getattr(error, "problems", ())]
        return StrawberryGraphQLError(
            error.message, extensions={"code": code, **({"problems": details} if details else {})}
        )
    if is_unfit_value(error):
        log.warning("a value did not fit", reason=str(error))
        message = "A value is out of the range of what it is kept in or compared with, or holds a NUL byte."
        return StrawberryGraphQLError(message, extensions={"code": "BAD_USER_INPUT"})
    if is_out_of_time(error):
        message = "A statement took longer than the database allows. Ask for less at once."
        return StrawberryGraphQLError(message, extensions={"code": "TIMEOUT"})
    incident = uuid4().hex[:12]
    log.error("unexpected error", incident=incident, exc_info=error)
    message = f"Something went wrong on our side. Nothing was changed by this field; if it happens again, report '{incident}'."
    return StrawberryGraphQLError(message, extensions={"code": "INTERNAL_SERVER_ERROR", "incident": incident})


def with_code(error: GraphQLError) -> GraphQLError:
    """An error as it may leave: what a field did not raise gets the code that says where it comes from."""
    cause = error.original_error
    if (error.extensions or {}).get("code"):
        return error
    if isinstance(error, GraphQLSyntaxError):
        code = "GRAPHQL_PARSE_FAILED"
    elif error.message.startswith("Variable "):
        of_document = ("is never used", "is not defined", "used in position")
        told = any(each in error.message for each in of_document)
        code = "GRAPHQL_VALIDATION_FAILED" if told else "BAD_USER_INPUT"
    elif isinstance(cause, CannotGetOperationTypeError | MissingQueryError):
        code = "BAD_REQUEST"
    elif cause is not None and (error.path or not error.nodes):
        return coded(error)  # neither the document nor a value in it
    else:
        code = "BAD_USER_INPUT" if error.path else "GRAPHQL_VALIDATION_FAILED"
    error.extensions = {**(error.extensions or {}), "code": code}
    return error


def leaving(error: GraphQLError) -> GraphQLError:
    """As `with_code`, for an error that goes out now: it is counted."""
    told = with_code(error)
    measures.failed(str((told.extensions or {}).get("code")))
    return told


def _relocated(told: GraphQLError, place: GraphQLError) -> GraphQLError:
    return GraphQLError(
        told.message,
        nodes=place.nodes,
        source=place.source,
        positions=place.positions,
        path=place.path,
        extensions=told.extensions,
    )
