"""Which Kith a command talks to, and as whom."""

import sys
from dataclasses import dataclass

import typer

from stack.errors import StartError
from stack.home import Home

ADMIN = "admin@kith.example"
NOWHERE = (
    "Kith does not run here. Start `kith dev`, or say where it runs: --url and --email, "
    "with the password in KITH_PASSWORD."
)


@dataclass(frozen=True)
class Target:
    """The address of an API and who logs in there."""

    url: str
    email: str
    password: str


def find_target(home: Home, *, url: str | None, email: str | None, password: str | None) -> Target:
    """Return what was given, else what `kith dev` runs in this checkout, as its admin. Raises StartError."""
    running = home.running()
    if url is None and running is None:
        raise StartError(NOWHERE)
    if url is None and email is None and running is not None:
        return Target(running.api_url, ADMIN, home.admin_password())
    if email is None:
        raise StartError("Say who logs in there: --email, with the password in KITH_PASSWORD.")
    address = url or (running.api_url if running else "")
    if not address.startswith(("http://", "https://")):
        raise StartError(f"'{address}' is no address of Kith: it begins with http:// or https://.")
    return Target(address, email, password or _asked(email))


def _asked(email: str) -> str:
    if not sys.stdin.isatty():
        raise StartError(f"Put the password of {email} into KITH_PASSWORD.")
    answer: str = typer.prompt(f"Password of {email}", hide_input=True)
    return answer
