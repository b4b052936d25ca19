"""`kith import FILE`: a file becomes customers, with a person watching."""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stack.client import Client, Json
from stack.duplicates import Key, OnDuplicate
from stack.errors import StartError
from stack.home import Home
from stack.importing import CustomerImport
from stack.progress import Bars, Step
from stack.target import find_target

ALL_WELL, REFUSED, SOME_FAILED = 0, 1, 2
EXAMPLE_LENGTH = 30
PROBLEMS_SHOWN = 5
FATE = {
    OnDuplicate.SKIP: "there already, who stay as they are",
    OnDuplicate.UPDATE: "there already, who are updated",
    OnDuplicate.CREATE_NEW: "looked up",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What was said on the command line; `mapping` as COLUMN=FIELD."""

    unit: str | None
    on_duplicate: OnDuplicate
    key: Key
    mapping: Sequence[str]
    yes: bool
    again: bool


def import_and_report(file: Path, wishes: Wishes, *, url: str | None, email: str | None) -> int:
    """Import and return the exit code. Raises StartError and CallFailed."""
    if not file.is_file():
        raise StartError(f"There is no file {file}.")
    target = find_target(Home.find(), url=url, email=email, password=os.environ.get("KITH_PASSWORD"))

    async def run() -> int:
        async with Client(target.url) as kith:
            await kith.log_in(target.email, target.password)
            return await _Conversation(kith, file, wishes).lead()

    return asyncio.run(run())


class _Conversation:
    def __init__(self, kith: Client, file: Path, wishes: Wishes) -> None:
        self._kith = kith
        self._file = file
        self._wishes = wishes
        self._console = Console(highlight=False)

    async def lead(self) -> int:
        found = await CustomerImport.start(self._kith, self._file, await self._unit())
        try:
            await self._prepare(found)
            agreed = self._agree(found)
        except BaseException:
            await found.cancel()
            raise
        if not agreed:
            await found.cancel()
            self._console.print("Nothing was imported.")
            return REFUSED
        await self._run(found)
        return await self._account(found)

    async def _unit(self) -> str:
        """The business unit named, or the only one there is."""
        document = "{ viewer { units { id name } } }"
        units = {unit["name"]: unit["id"] for unit in (await self._kith.query(document))["viewer"]["units"]}
        wanted = self._wishes.unit
        named = [key for name, key in units.items() if wanted and name.casefold() == wanted.casefold()]
        if named:
            return str(named[0])
        if wanted is None and len(units) == 1:
            return str(next(iter(units.values())))
        known = ", ".join(f"'{name}'" for name in units) or "none yet"
        question = (
            f"There is no business unit '{wanted}'." if wanted else "Say into which business unit: --unit."
        )
        raise StartError(f"{question} Yours: {known}.")

    async def _prepare(self, found: CustomerImport) -> None:
        await found.configure(
            duplicateRule=self._wishes.on_duplicate.name,
            duplicateKey=self._wishes.key.name,
            mapping=self._mapping(found.now["columns"]),
        )
        self._show_mapping(found.now)
        self._refuse_without(found.now["missingFields"])
        await self._preview(found)
        self._show_preview(found.now)

    def _mapping(self, columns: Sequence[Json]) -> list[Json]:
        """The suggested one, with what was said on the command line."""
        said = dict(_pair(text) for text in self._wishes.mapping)
        unknown = said.keys() - {column["name"] for column in columns}
        if unknown:
            raise StartError(f"The file has no column {', '.join(sorted(unknown))}: look at its first line.")
        suggested = {column["name"]: (column["field"] or {}).get("key") for column in columns}
        return [{"column": name, "field": key or None} for name, key in (suggested | said).items()]

    def _show_mapping(self, now: Json) -> None:
        table = Table(
            "Column", "Example", "becomes", "Why", title=escape(now["filename"]), title_justify="left"
        )
        for column in now["columns"]:
            example = next(iter(column["samples"]), "")[:EXAMPLE_LENGTH]
            field = column["field"]
            becomes = f"{field['label']} ({field['key']})" if field else "–"
            table.add_row(*map(escape, (column["name"], example, becomes, column["reason"])))
        self._console.print(table)
        for notice in now["notices"]:
            self._console.print(escape(notice["message"]))

    def _refuse_without(self, missing: Sequence[Json]) -> None:
        if missing:
            wanted = " and ".join(f"{field['label']} (--map COLUMN={field['key']})" for field in missing)
            raise StartError(
                f"No column holds what every customer needs: {wanted}. Map one, or add it to the file."
            )

    async def _preview(self, found: CustomerImport) -> None:
        with Bars(self._console) as bars:
            tell = _upto(bars.begin("Looking at every row", 100), lambda now: now["progress"] * 100)
            await found.preview(tell)
            tell({"progress": 1})

    async def _run(self, found: CustomerImport) -> None:
        with Bars(self._console) as bars:
            step = bars.begin("Importing", found.now["rowsTotal"])
            await found.run(_upto(step, lambda now: now["rowsDone"]), again=self._wishes.again)

    def _show_preview(self, now: Json) -> None:
        preview = now["preview"]
        self._console.print(
            f"{preview['totalCount']} rows: {preview['newCount']} new customers, {preview['duplicateCount']} "
            f"{FATE[self._wishes.on_duplicate]}, {preview['badCount']} that cannot be used."
        )
        self._show_problems(now)

    def _show_problems(self, now: Json) -> None:
        problems = now["problems"]
        for problem in problems["nodes"][:PROBLEMS_SHOWN]:
            place = f"line {problem['line']}" + (f", {problem['column']}" if problem["column"] else "")
            self._console.print(escape(f"  {place}: {problem['message']}"))
        if problems["totalCount"] > PROBLEMS_SHOWN:
            self._console.print(f"  … and {problems['totalCount'] - PROBLEMS_SHOWN} more.")

    def _agree(self, found: CustomerImport) -> bool:
        before = found.now["sameFileAs"]
        if before is not None and not self._wishes.again:
            raise StartError(
                f"This very file was imported on {before['finishedAt'][:10]}. To do so again: --again."
            )
        if self._wishes.yes:
            return True
        if not sys.stdin.isatty():
            raise StartError("Nobody is here to agree: look at the above, then add --yes.")
        return typer.confirm("Import it?")

    async def _account(self, found: CustomerImport) -> int:
        now = found.now
        self._console.print(
            f"{now['createdCount']} created, {now['updatedCount']} updated, {now['skippedCount']} skipped, "
            f"{now['failedCount']} rejected; {now['rowsDone']} rows in all."
        )
        rejected = await found.rejected_rows()
        if rejected is None:
            return ALL_WELL
        self._show_problems(now)
        place = self._file.with_name(f"{self._file.stem}-rejected.csv")
        try:
            place.write_bytes(rejected)
        except OSError as error:
            raise StartError(
                f"The rejected rows could not be written to {place}: {error.strerror}."
            ) from error
        self._console.print(
            escape(f"The rejected rows, with the reasons, are in {place}. Mend and import them again.")
        )
        return SOME_FAILED


def _upto(step: Step, done: Callable[[Json], float]) -> Callable[[Json], None]:
    """Tell a step how far something is in all, which takes how far it came since."""
    shown = 0

    def tell(now: Json) -> None:
        nonlocal shown
        further = max(int(done(now)) - shown, 0)
        step.advance(further)
        shown += further

    return tell


def _pair(text: str) -> tuple[str, str]:
    column, equals, field = text.rpartition("=")
    if not equals:
        raise StartError(f"'{text}' says nothing: write --map COLUMN=FIELD, or COLUMN= to leave it out.")
    return column, field
