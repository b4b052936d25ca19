"""Refusals of this room."""

from crm.kernel.errors import RuleViolation


class PrimaryContactCannotBeDeleted(RuleViolation):
    """DOMAIN §3: make another contact primary first."""

    code = "PRIMARY_CONTACT"

    def __init__(self) -> None:
        super().__init__(
            "This is the primary contact. Make another contact primary first, then delete this one.", ("id",)
        )


class LiveCustomerNeedsContact(RuleViolation):
    """A LIVE customer keeps a primary contact with e-mail and phone."""

    code = "LIVE_CUSTOMER_INCOMPLETE"

    def __init__(self, *path: str) -> None:
        super().__init__(
            "A LIVE customer needs a primary contact with a phone number. Give one, or choose another.", path
        )
