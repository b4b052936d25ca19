"""What happened to people, units and logins."""

from dataclasses import dataclass
from uuid import UUID

from crm.kernel.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChanged(Event):
    """A user was created or changed: name, e-mail, role, units or whether they are active."""

    user_id: UUID

    def topics(self) -> tuple[str, ...]:
        return (f"user:{self.user_id.hex}", access_topic(self.user_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessChanged(Event):
    """A user's logins or tokens ended or began: whoever keeps a connection open asks `renewed` again."""

    user_id: UUID

    def topics(self) -> tuple[str, ...]:
        return (access_topic(self.user_id),)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitChanged(Event):
    """A business unit was created, changed, archived or restored."""

    unit_id: UUID

    def topics(self) -> tuple[str, ...]:
        return (f"unit:{self.unit_id.hex}",)


def access_topic(user_id: UUID) -> str:
    """Where to listen for changes of what a user may reach."""
    return f"access:{user_id.hex}"
