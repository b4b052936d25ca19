"""Refusals of this room."""

from crm.kernel.errors import RuleViolation


class LoggedByKith(RuleViolation):
    """An activity Kith logged itself is a record of fact."""

    code = "LOGGED_BY_KITH"

    def __init__(self) -> None:
        super().__init__("Kith logged this activity itself; it cannot be changed or deleted.", ("id",))
