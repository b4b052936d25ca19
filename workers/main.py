"""A worker: the relay, the schedule and arq's loop, from start to stop."""

import asyncio
import os
import signal
from collections.abc import Collection, Sequence
from importlib import import_module

import structlog

from crm.kernel import database, logs, traces
from crm.kernel.settings import SettingsError, settings
from workers import handlers
from workers.doorbell import Doorbell, redis
from workers.health import Health
from workers.relay import Relay
from workers.runner import Runner
from workers.schedule import Clock

log = structlog.get_logger()

GRACE_SECONDS = 2.0  # for jobs under way when told to stop; what takes longer is given back
FAREWELL_SECONDS = 5.0
CANCEL_SECONDS = 0.2
OWN_CONNECTIONS = 2  # the relay and the heartbeats must not wait for jobs


def check_settings() -> None:
    """Raise SettingsError when jobs could starve the heartbeats that keep them."""
    needed = settings().job_concurrency + OWN_CONNECTIONS
    if settings().database_pool < needed:
        raise SettingsError(
            f"KITH_DATABASE_POOL is {settings().database_pool}; a worker with KITH_JOB_CONCURRENCY="
            f"{settings().job_concurrency} needs at least {needed}."
        )


async def run(extra_modules: Sequence[str] = ()) -> None:
    """Work until SIGTERM or SIGINT. `extra_modules` may register more handlers."""
    logs.configure()
    check_settings()
    handlers.load()
    for module in extra_modules:
        import_module(module)
    stop = _stop_on_signals()
    traces.start("kith-worker")
    await database.connect()
    try:
        await _work_until(stop)
    finally:
        await _farewell()


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _work_until(stop: asyncio.Event) -> None:
    runner, relay = Runner(), Relay()
    health = Health(relay)
    doorbell = Doorbell(runner, on_alive=health.answering)
    log.info("worker ready", pid=os.getpid(), concurrency=settings().job_concurrency)
    loops = (
        relay.relay(),
        relay.listen(),
        doorbell.answer_for_ever(),
        Clock().run(),
        health.report_for_ever(),
    )
    tasks = [asyncio.create_task(loop) for loop in loops]
    leases, stopping = asyncio.create_task(runner.keep_leases()), asyncio.create_task(stop.wait())
    try:
        ended, _ = await asyncio.wait({*tasks, leases, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _end(tasks)
        await runner.stop(grace_seconds=GRACE_SECONDS)
        await _end([leases, stopping])
    for task in ended - {stopping}:
        task.result()  # none of them ends by itself: say why this one did
    log.info("worker stopped")


async def _end(tasks: Collection[asyncio.Task[object]]) -> None:
    """Cancel until they have ended: before Python 3.12 `wait_for`, as redis-py uses it, may swallow a cancel."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_SECONDS)


async def _farewell() -> None:
    try:
        async with asyncio.timeout(FAREWELL_SECONDS):
            await redis().aclose()
            await database.close()
            await asyncio.to_thread(traces.stop)
    except TimeoutError:
        log.warning("connections not closed in time")
