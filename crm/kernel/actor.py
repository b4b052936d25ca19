"""Who acts. Every service function takes one; nothing is written without knowing on whose behalf."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self
from uuid import UUID


class Role(StrEnum):
    ADMIN = "ADMIN"
    MANAGER = "MANAGER"
    AGENT = "AGENT"
    ANALYST = "ANALYST"


class Scope(StrEnum):
    """What a login or token may do at most; an API token is READ unless asked otherwise."""

    READ = "READ"
    WRITE = "WRITE"


class Via(StrEnum):
    """The door a change came through; kept in the history."""

    API = "API"
    IMPORT = "IMPORT"
    JOB = "JOB"
    SYSTEM = "SYSTEM"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person (or Kith itself) with what they may reach. `user_id` is None only for Kith itself."""

    user_id: UUID | None
    name: str
    role: Role
    unit_ids: frozenset[UUID] = field(default_factory=frozenset)
    scope: Scope = Scope.WRITE
    via: Via = Via.API
    login_id: UUID | None = None
    token_id: UUID | None = None

    def __hash__(self) -> int:
        return hash(
            self.user_id
        )  # a caller is looked up by every read; hashing all of it takes longer than the look-up

    @property
    def sees_all_units(self) -> bool:
        return self.role is Role.ADMIN

    @property
    def may_write(self) -> bool:
        return self.scope is Scope.WRITE and self.role is not Role.ANALYST

    def reaches(self, unit_id: UUID) -> bool:
        return self.sees_all_units or unit_id in self.unit_ids

    def through(self, via: Via) -> Self:
        """The same person acting through another door, such as an import they started."""
        return replace(self, via=via)


def kith(via: Via = Via.JOB) -> Actor:
    """Kith itself: for what no person asked for, such as a refreshed segment."""
    return Actor(user_id=None, name="Kith", role=Role.ADMIN, via=via)
