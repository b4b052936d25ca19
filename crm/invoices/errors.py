"""Refusals of this room."""

from crm.kernel.errors import RuleViolation


class CustomerNotLive(RuleViolation):
    """DOMAIN §8: invoices are for LIVE customers only."""

    code = "CUSTOMER_NOT_LIVE"

    def __init__(self, *path: str) -> None:
        super().__init__("Only a LIVE customer can be invoiced. Take the customer live first.", path)


class CustomerBlocked(RuleViolation):
    """DOMAIN §2: a blocked customer gets no new invoices and no sends."""

    code = "CUSTOMER_BLOCKED"

    def __init__(self, reason: str, *path: str) -> None:
        super().__init__(f"This customer is blocked ({reason}). Unblock it first.", path)


class LegalEntityArchived(RuleViolation):
    """An archived legal entity issues nothing."""

    code = "LEGAL_ENTITY_ARCHIVED"

    def __init__(self, *path: str) -> None:
        super().__init__("This legal entity is archived. Restore it, or choose another.", path)


class NoNumberSeries(RuleViolation):
    """The legal entity does not say how it numbers its invoices."""

    code = "NO_NUMBER_SERIES"

    def __init__(self) -> None:
        super().__init__("The legal entity has no number series for invoices. Set one first.")


class NumberTaken(RuleViolation):
    """A changed pattern gave a number that an earlier invoice has."""

    code = "NUMBER_TAKEN"

    def __init__(self, number: str) -> None:
        super().__init__(
            f"The number {number} was given before, by an earlier pattern. Change the number series' pattern."
        )


class NoRecipient(RuleViolation):
    """There is nobody to send the invoice to."""

    code = "NO_RECIPIENT"

    def __init__(self) -> None:
        super().__init__(
            "The customer has no primary contact. Add one, or choose a recipient.", ("recipients",)
        )


class InvoiceHasPayments(RuleViolation):
    """What was paid, even in part, cannot be voided away."""

    code = "INVOICE_HAS_PAYMENTS"

    def __init__(self) -> None:
        super().__init__("Payments are recorded on this invoice, so it cannot be voided.", ("id",))


class UnreadableLogo(RuleViolation):
    """Not a PNG, JPEG or WebP picture of a reasonable size."""

    code = "UNREADABLE_LOGO"

    def __init__(self, reason: str) -> None:
        super().__init__(reason, ("file",))


class DocumentLost(Exception):
    """The stored PDF is gone or altered, and rendering it again does not give the same bytes."""
