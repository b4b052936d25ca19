"""Jobs that only tests need; a worker loads them by `--import`."""

import asyncio
import os
import signal
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm.kernel.events import Event
from crm.kernel.jobs import Claim, GiveUp, still_mine
from crm.kernel.transaction import raw_connection, transaction
from workers.events import on
from workers.registry import job


async def _effect(job_id: UUID, note: str) -> None:
    await raw_connection().execute("insert into sample.effect values ($1, $2)", job_id, note)


@job("sample.write")
async def write(payload: dict[str, Any], claim: Claim) -> None:
    await _effect(claim.job_id, payload["note"])


@job("sample.sleep")
async def sleep(payload: dict[str, Any], claim: Claim) -> None:
    """The first try takes `seconds`, later ones no time."""
    await _effect(claim.job_id, f"try {claim.attempt}")
    if claim.attempt == 1:
        await asyncio.sleep(payload["seconds"])


@job("sample.nap")
async def nap(payload: dict[str, Any], claim: Claim) -> None:
    await _effect(claim.job_id, "napped")
    await asyncio.sleep(payload["seconds"])


@job("sample.fail")
async def fail(_payload: dict[str, Any], claim: Claim) -> None:
    """Fails until somebody has written 'repaired'."""
    await _effect(claim.job_id, f"try {claim.attempt}")
    if not await raw_connection().fetchval(
        "select exists (select 1 from sample.effect where note = 'repaired')"
    ):
        raise OSError("the printer is on fire")


@job("sample.give_up")
async def give_up(_payload: dict[str, Any], claim: Claim) -> None:
    await _effect(claim.job_id, "half done")
    raise GiveUp("There is nobody to write to.")


@job("sample.cancel_itself")
async def cancel_itself(_payload: dict[str, Any], _claim: Claim) -> None:
    raise asyncio.CancelledError


@job("sample.kill_worker")
async def kill_worker(_payload: dict[str, Any], _claim: Claim) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@job("sample.chunks", long=True)
async def chunks(payload: dict[str, Any], claim: Claim) -> None:
    """Writes the numbers up to `count`, one a transaction, going on after the last one that is there."""
    number = 0
    while number < payload["count"]:
        async with transaction():
            await still_mine(claim)
            number = 1 + await raw_connection().fetchval(
                "select count(*) from sample.effect where job_id = $1", claim.job_id
            )
            await _effect(claim.job_id, str(number))
        await asyncio.sleep(payload["pause"])


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleHappened(Event):
    sample_id: UUID
    note: str

    def topics(self) -> tuple[str, ...]:
        return (f"sample:{self.sample_id.hex}", "samples")


@on(SampleHappened)
async def remember(event: SampleHappened) -> None:
    await _effect(event.sample_id, event.note)
