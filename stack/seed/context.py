"""What every part of the seeding works with."""

from dataclasses import dataclass, field

from demo.files import Demo
from stack.client import Client, Json
from stack.progress import Steps


@dataclass
class Seeding:
    """`kith` is logged in as an admin. What is found or made is kept by its natural key, for later parts."""

    kith: Client
    demo: Demo
    steps: Steps
    staff_password: str
    units: dict[str, str] = field(default_factory=dict)
    """Name → id."""
    users: dict[str, str] = field(default_factory=dict)
    """E-mail → id."""
    choices: dict[tuple[str, str], str] = field(default_factory=dict)
    """Pick list and name → id."""
    entities: dict[str, str] = field(default_factory=dict)
    """Name → id."""
    customers: dict[str, Json] = field(default_factory=dict)
    """Account number → the customer as `customers.read` reads it."""
    new_users: list[str] = field(default_factory=list)
    """E-mail addresses of those who were created, with `staff_password`."""
