"""Refusals of this room."""

from collections.abc import Iterable

from crm.kernel.errors import RuleViolation


class SegmentIsDynamic(RuleViolation):
    """The rule says who is in a dynamic segment (DOMAIN §6)."""

    code = "SEGMENT_IS_DYNAMIC"

    def __init__(self) -> None:
        super().__init__(
            "A dynamic segment has the members its rule says. Change the rule, or use a static segment.",
            ("id",),
        )


class SegmentIsStatic(RuleViolation):
    """Nobody but people says who is in a static segment."""

    code = "SEGMENT_IS_STATIC"

    def __init__(self, *path: str) -> None:
        super().__init__(
            "A static segment has no rule: its members are added and removed by hand. Make a dynamic one for this.",
            path or ("id",),
        )


class SegmentArchived(RuleViolation):
    """An archived segment can be read, restored and deleted, nothing else."""

    code = "SEGMENT_ARCHIVED"

    def __init__(self) -> None:
        super().__init__("This segment is archived. Restore it first.", ("id",))


class SegmentInUse(RuleViolation):
    """Another segment's rule speaks of this one."""

    code = "SEGMENT_IN_USE"

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        users = ", ".join(f"'{name}'" for name in self.names)
        super().__init__(f"The rule of {users} speaks of this segment. Change that rule first.", ("id",))
