"""What the steps of the main job share."""

from dataclasses import dataclass, field
from typing import Any

from stack.client import Client
from stack.mail_catcher import MailCatcher
from stack.seed.context import Seeding
from tests.e2e.book import Book
from tests.e2e.expected import Row

INVOICE = """
id number state issueDate dueDate version currency notes
lines { net { amount } discountTotal { amount } }
discountTotal { amount } net { amount } tax { amount } gross { amount } paid { amount } due { amount }
pdf { sha256 size url } deliveries { recipient state reason messageId }
"""


@dataclass
class Job:
    """`orders` are the chosen ones, oldest first; the last stays a draft."""

    kith: Client
    mail: MailCatcher
    company: Seeding
    book: Book
    orders: list[Row]
    customers: dict[str, str] = field(default_factory=dict)
    """Account number → id."""
    invoices: dict[str, Any] = field(default_factory=dict)
    """By the number of the order, as last seen."""

    @property
    def sent(self) -> list[Row]:
        return self.orders[:-1]

    async def read(self, invoice_id: str) -> Any:
        document = f"query ($id: ID!) {{ invoice(id: $id) {{ {INVOICE} }} }}"
        return (await self.kith.query(document, {"id": invoice_id}))["invoice"]
