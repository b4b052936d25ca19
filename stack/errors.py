"""What stops a start."""


class StartError(Exception):
    """A reason why Kith cannot start here, as one sentence a person can act on."""
