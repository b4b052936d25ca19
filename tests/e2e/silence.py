"""Progress that nobody watches."""


class Silence:
    """Progress nobody watches, but that is held to its word."""

    def __init__(self) -> None:
        self.left: dict[str, int] = {}

    def begin(self, what: str, total: int) -> "SilentStep":
        self.left[what] = total
        return SilentStep(self, what)


class SilentStep:
    def __init__(self, steps: Silence, what: str) -> None:
        self.steps, self.what = steps, what

    def advance(self, by: int = 1) -> None:
        self.steps.left[self.what] -= by
