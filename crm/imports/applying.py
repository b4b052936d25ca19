"""One chunk into the database, in one transaction; three of them at a time where the rows allow it.

A chunk that begins while the one before is still being written knows from memory what that one makes, and ends
only after it: so it waits for its commit, then takes the import's row, and goes down with it if it fails.
"""

import asyncio

from crm.customers.search_indexes import gather_entries
from crm.imports.chunks import Chunk
from crm.imports.csv_format import Checkpoint
from crm.imports.deciding import Changes, Decider, Known
from crm.imports.events import CustomersImported
from crm.imports.lookups import look_up
from crm.imports.models import DuplicateRule, Import, ImportState
from crm.imports.plan import ImportPlan
from crm.imports.rules import Outcome
from crm.imports.threads import in_thread
from crm.imports.working import Cancelled, keep, locked
from crm.imports.writing import write
from crm.kernel.actor import Actor
from crm.kernel.events import emit
from crm.kernel.jobs import Claim, LostLease, end_when_abandoned
from crm.kernel.transaction import raw_connection, transaction

_UNIT_LOCK = 720_411_835  # any number
# Imports into one unit take turns, chunk by chunk; the chunks of one that is alone do not wait for each other.
_TAKE_TURNS = """
select case when exists (select 1 from import where unit_id = $2 and state = 'RUNNING' and id <> $3)
            then pg_advisory_xact_lock($1, hashtext($2::text))
            else pg_advisory_xact_lock_shared($1, hashtext($2::text)) end
"""
# The disk need not have a chunk before the next one begins: what a crash takes back it takes with its checkpoint, and
# the end of the import is on the disk only after all its chunks are.
_COMMIT_SOON = "set local synchronous_commit = off"
_COUNTERS = ("rows_done", "created_count", "updated_count", "skipped_count", "failed_count", "checkpoint")


Counts = dict[Outcome, int]


class Application:
    """A chunk on its way in. `decided`: the next one may begin; `done`: it is committed, or why it is not.

    A `trusting` one does not ask who has its account numbers and external ids: the database refuses it if anybody does.
    """

    def __init__(self, chunk: Chunk, plan: ImportPlan, actor: Actor, claim: Claim, *, trusting: bool) -> None:
        self._rows, self._start, self._end = chunk.rows, chunk.start, chunk.end
        self._plan, self._actor, self._claim = plan, actor, claim
        self._trusting = trusting
        self._known = Known()
        self._decided = asyncio.Event()
        # It returns little: asyncpg's timers keep the context of a task, and with it the task, for minutes.
        self._task: asyncio.Task[Counts] | None = None

    def begin(self, before: "Application | None") -> None:
        self._task = asyncio.create_task(self._apply(before))
        self._task.add_done_callback(lambda _: self._decided.set())

    async def until_next_may_begin(self) -> None:
        """Rows that update customers need to see what earlier ones wrote."""
        if self._plan.duplicate_rule is DuplicateRule.UPDATE:
            await self.end()
        else:
            await self._decided.wait()

    async def end(self) -> Counts:
        """Returns once it is committed. Raises what kept it from that: Cancelled, LostLease, a broken constraint."""
        assert self._task is not None  # noqa: S101  it has begun
        return await asyncio.shield(self._task)

    async def abandon(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            if not self._task.cancelled():
                self._task.exception()  # looked at, whatever it was: a first one is being raised already

    def tell(self, known: Known) -> None:
        """Adds what this chunk makes to what the database holds; what earlier chunks made is in there by now."""
        first = self._start.line
        for key, targets in self._known.matches.items():
            if targets and (targets[0].line or 0) >= first:
                known.matches[key] = targets
        for column, owned in self._known.owners.items():
            made = {value: target for value, target in owned.items() if (target.line or 0) >= first}
            known.owners.setdefault(column, {}).update(made)

    async def _apply(self, before: "Application | None") -> Counts:
        async with transaction():
            await end_when_abandoned()
            await raw_connection().execute(_COMMIT_SOON)
            await raw_connection().execute(_TAKE_TURNS, _UNIT_LOCK, self._plan.unit_id, self._plan.import_id)
            self._known = await look_up(self._rows, self._plan, trusting=self._trusting)
            if before is not None:
                before.tell(self._known)
            decider = Decider(self._plan, self._known, self._actor, trusting=self._trusting)
            changes = await in_thread(decider.decide, self._rows)
            self._rows = []
            self._decided.set()
            await gather_entries()
            await write(changes, self._plan, self._actor)
            if before is not None:
                await before.end()
            await self._account(changes)
        return changes.counts

    async def _account(self, changes: Changes) -> None:
        found = await locked(self._plan.import_id, ImportState.RUNNING, self._claim)
        if found is None:
            raise Cancelled
        if found.checkpoint["offset"] != self._start.offset:
            raise LostLease("Another worker imported these rows.")
        await _advance(found, self._end, changes.counts)


async def _advance(found: Import, end: Checkpoint, counts: Counts) -> None:
    found.rows_done += sum(counts.values())
    found.created_count += counts[Outcome.CREATED]
    found.updated_count += counts[Outcome.UPDATED]
    found.skipped_count += counts[Outcome.SKIPPED]
    found.failed_count += counts[Outcome.FAILED]
    found.checkpoint = {"offset": end.offset, "line": end.line}
    await keep(found, *_COUNTERS)
    created, updated = counts[Outcome.CREATED], counts[Outcome.UPDATED]
    if created or updated:
        await emit(
            CustomersImported(import_id=found.id, unit_id=found.unit_id, created=created, updated=updated)
        )
