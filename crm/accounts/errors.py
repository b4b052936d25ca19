"""What can go wrong with people, units and logins, by name."""

from collections.abc import Iterable
from datetime import datetime

from crm.kernel.errors import DomainError, RuleViolation, Unauthenticated


class WrongCredentials(DomainError):
    """The e-mail and password do not belong together. The same for unknown, inactive and mistyped."""

    code = "WRONG_CREDENTIALS"

    def __init__(self) -> None:
        super().__init__("The e-mail address or the password is wrong.")


class TooManyAttempts(DomainError):
    """Too many wrong passwords for one e-mail address, known or not; or more at once than can be checked."""

    code = "RATE_LIMITED"

    def __init__(self, retry_at: datetime | None = None) -> None:
        when = f" after {retry_at:%H:%M:%S} UTC" if retry_at else " in a moment"
        super().__init__(f"There were too many attempts to log in. Try again{when}.")
        self.retry_at = retry_at


class LoginEnded(Unauthenticated):
    """The refresh token is unknown, spent, expired or revoked: log in again."""

    def __init__(self) -> None:
        super().__init__("This login has ended. Log in again.")


class LastAdmin(RuleViolation):
    """Somebody must remain who may manage users."""

    code = "LAST_ADMIN"

    def __init__(self) -> None:
        super().__init__("This is the last active admin. Make another user an admin first.")


class UserManagesCustomers(RuleViolation):
    """A membership on which customers' account manager rests cannot end."""

    code = "USER_MANAGES_CUSTOMERS"

    def __init__(self, units: Iterable[str]) -> None:
        self.units = tuple(units)
        where = ", ".join(f"'{unit}'" for unit in self.units) or "a unit they would leave"
        super().__init__(
            f"This user is the account manager of customers in {where}. Give them another manager first.",
            ("unitIds",),
        )


class UnitHasCustomers(RuleViolation):
    """A business unit with customers in it cannot be archived."""

    code = "UNIT_HAS_CUSTOMERS"

    def __init__(self) -> None:
        super().__init__("There are customers in this business unit. Move or archive them first.")


class UnitArchived(RuleViolation):
    """Nothing new goes into an archived business unit."""

    code = "UNIT_ARCHIVED"

    def __init__(self, name: str, *path: str) -> None:
        super().__init__(f"The business unit '{name}' is archived. Choose another, or restore it.", path)
