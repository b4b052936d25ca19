"""E-mailing invoices."""

from typing import Any
from uuid import UUID

from crm.invoices.deliveries import DELIVER
from crm.invoices.delivering import deliver
from crm.kernel.jobs import Claim
from workers.registry import job


@job(DELIVER, long=True)
async def deliver_invoice(payload: dict[str, Any], claim: Claim) -> None:
    await deliver(UUID(payload["delivery_id"]), claim)
