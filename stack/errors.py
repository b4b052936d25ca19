"""What stops a command, in words for the person who gave it."""


class StartError(Exception):
    """A reason why Kith cannot start here, as one sentence a person can act on."""


class CallFailed(Exception):
    """The API refused, or cannot be reached: sentences for a person, and the codes for programs."""

    def __init__(self, message: str, codes: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.codes = codes
