"""Previewing and running imports."""

from typing import Any
from uuid import UUID

from crm.imports.previewing import preview
from crm.imports.rejected import report_rejected_rows
from crm.imports.running import run
from crm.imports.service import PREVIEW, REJECTED, RUN
from crm.kernel.jobs import Claim
from workers.registry import job


@job(PREVIEW, long=True)
async def preview_import(payload: dict[str, Any], claim: Claim) -> None:
    await preview(UUID(payload["import_id"]), UUID(payload["user_id"]), claim)


@job(RUN, long=True)
async def run_import(payload: dict[str, Any], claim: Claim) -> None:
    await run(UUID(payload["import_id"]), UUID(payload["user_id"]), claim)


@job(REJECTED, long=True)
async def store_rejected_rows(payload: dict[str, Any], _claim: Claim) -> None:
    await report_rejected_rows(UUID(payload["import_id"]))
