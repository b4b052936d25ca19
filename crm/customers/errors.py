"""Refusals of this room."""

from crm.kernel.errors import RuleViolation


class CustomerArchived(RuleViolation):
    """An archived customer can be read, restored and deleted, nothing else."""

    code = "CUSTOMER_ARCHIVED"

    def __init__(self, *path: str) -> None:
        super().__init__("This customer is archived. Restore it first.", path or ("id",))


class CustomerHasInvoices(RuleViolation):
    """What the law keeps cannot be deleted."""

    code = "CUSTOMER_HAS_INVOICES"

    def __init__(self) -> None:
        super().__init__(
            "This customer has issued invoices, which the law keeps. Archive it instead.", ("id",)
        )


class CustomerHasDrafts(RuleViolation):
    """A draft invoice is somebody's work: it is not thrown away with the customer."""

    code = "CUSTOMER_HAS_DRAFTS"

    def __init__(self) -> None:
        super().__init__(
            "This customer has draft invoices. Delete them first, or archive the customer.", ("id",)
        )


class PickListItemArchived(RuleViolation):
    """An archived choice is restored before it is changed."""

    code = "PICK_LIST_ITEM_ARCHIVED"

    def __init__(self, *path: str) -> None:
        super().__init__("This choice is archived. Restore it first.", path or ("id",))
