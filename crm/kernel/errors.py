"""What can go wrong in the business, by name. Each has a code, a sentence that says what to do, and no HTTP status.

Rooms add their own in their errors.py; api/errors.py alone translates them for callers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from crm.kernel.ids import Kind


class DomainError(Exception):
    """A refusal. Nothing was changed."""

    code: ClassVar[str] = "BAD_USER_INPUT"

    def __init__(self, message: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one field of an input."""

    path: tuple[str, ...]
    code: str
    message: str


class InvalidInput(DomainError):
    """One or more fields of an input are wrong; all of them are named at once."""

    code = "INVALID_INPUT"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(p.message for p in self.problems))

    @classmethod
    def one(cls, message: str, *path: str, code: str = "INVALID_INPUT") -> "InvalidInput":
        return cls([Problem(path, code, message)])


class NotFound(DomainError):
    """No such record, or none this actor may know of: the two look the same."""

    code = "NOT_FOUND"

    def __init__(self, kind: Kind, *path: str) -> None:
        super().__init__(
            f"There is no such {kind.name.lower().replace('_', ' ')}, or you may not see it.", path
        )


class Forbidden(DomainError):
    """The actor sees the record but may not do this to it."""

    code = "FORBIDDEN"


class Unauthenticated(DomainError):
    """Nobody is logged in, or the login ended."""

    code = "UNAUTHENTICATED"


class VersionConflict(DomainError):
    """Somebody else changed the record since it was read."""

    code = "VERSION_CONFLICT"

    def __init__(self, kind: Kind, record_id: UUID, current: int) -> None:
        super().__init__(
            f"This record was changed in the meantime (it is now version {current}). Read it again and repeat your change.",
            ("expectedVersion",),
        )
        self.kind, self.record_id, self.current = kind, record_id, current


class DuplicateRecord(DomainError):
    """A value that must be unique belongs to another record."""

    code = "DUPLICATE_RECORD"

    def __init__(self, message: str, *path: str, kind: Kind, existing_id: UUID) -> None:
        super().__init__(message, path)
        self.kind, self.existing_id = kind, existing_id


class InvalidTransition(DomainError):
    """The record's state does not allow this action."""

    code = "INVALID_TRANSITION"

    def __init__(self, action: str, state: str, allowed: Iterable[str]) -> None:
        self.action, self.state, self.allowed = action, state, tuple(allowed)
        choice = (
            f"What it allows: {', '.join(self.allowed)}." if self.allowed else "It allows no change of state."
        )
        super().__init__(f"'{action}' is not possible while this is {state}. {choice}")


class RuleViolation(DomainError):
    """A business rule forbids it. Rooms subclass this with a code of their own."""

    code = "RULE_VIOLATION"
