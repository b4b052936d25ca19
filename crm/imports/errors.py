"""Refusals of this room."""

from crm.kernel.errors import RuleViolation


class FileImportedBefore(RuleViolation):
    """The same file was imported into this unit already: that needs an explicit yes."""

    code = "FILE_IMPORTED_BEFORE"

    def __init__(self, filename: str) -> None:
        super().__init__(
            f"This file was imported before, as '{filename}'. To import it again, say so (confirmRepeat: true).",
            ("confirmRepeat",),
        )
