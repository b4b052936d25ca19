"""Importing a file through the public API, step by step as a person would."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

from stack.client import Client, Json
from stack.errors import CallFailed

UNDER_WAY = frozenset({"PREVIEWING", "RUNNING"})
POLL_SECONDS = 0.5

READ = """
id state filename encoding delimiter notices { message }
duplicateRule duplicateKey rowsTotal rowsDone createdCount updatedCount skippedCount failedCount
progress rowsPerSecond failure { line message } rejectedRowsUrl sameFileAs { finishedAt }
columns { name samples field { key label } confidence reason }
missingFields { key label }
preview { totalCount newCount duplicateCount badCount problemCounts { code count } }
problems(first: 10) { totalCount nodes { line column value message fatal } }
"""
PROGRESS = """
subscription ($id: ID!) {
  importProgress(id: $id) { state progress rowsTotal rowsDone createdCount updatedCount skippedCount failedCount }
}
"""

Tell = Callable[[Json], None]


class CustomerImport:
    """One import; `now` is how it was when last looked at, by the fields of READ."""

    def __init__(self, kith: Client, found: Json) -> None:
        self._kith = kith
        self.now = found

    @classmethod
    async def start(cls, kith: Client, file: Path, unit_id: str) -> "CustomerImport":
        """Upload the file. Raises CallFailed, also when it cannot be read as CSV."""
        given = {"unitId": unit_id}
        payload = await kith.upload(
            "startCustomerImport", "StartCustomerImportInput", given, file, f"import {{ {READ} }}"
        )
        return cls(kith, payload["import"])

    async def configure(self, **given: object) -> None:
        """Change mapping or rules, by the fields of ConfigureImportInput."""
        await self._change("configureImport", "ConfigureImportInput", given)

    async def preview(self, tell: Tell = lambda _: None) -> None:
        """Have every row looked at; `tell` hears of the progress."""
        await self._change("previewImport", "ImportInput", {})
        await self._follow(tell)

    async def run(self, tell: Tell = lambda _: None, *, again: bool = False) -> None:
        """Import; `again`: although the same file was imported before."""
        await self._change("runImport", "RunImportInput", {"confirmRepeat": again})
        await self._follow(tell)

    async def cancel(self) -> None:
        await self._change("cancelImport", "ImportInput", {})

    async def rejected_rows(self) -> bytes | None:
        """Return the rejected rows as a CSV file; None when there are none."""
        url = self.now["rejectedRowsUrl"]
        return None if url is None else await self._kith.download(url)

    async def _change(self, name: str, input_type: str, given: dict[str, object]) -> None:
        payload = await self._kith.mutate(
            name, input_type, {"id": self.now["id"], **given}, f"import {{ {READ} }}"
        )
        self.now = payload["import"]

    async def _follow(self, tell: Tell) -> None:
        """Until the worker is done; live, or by asking again and again where no socket gets through.

        Raises CallFailed when the import failed.
        """
        try:
            await self._listen(tell)
        except CallFailed as failure:
            if failure.codes:
                raise
            await self._poll(tell)
        await self._look()
        if self.now["state"] == "FAILED":
            raise CallFailed(_reason(self.now["failure"]))

    async def _listen(self, tell: Tell) -> None:
        async with aclosing(self._kith.subscribe(PROGRESS, {"id": self.now["id"]})) as events:
            async for event in events:
                tell(event["importProgress"])
                if event["importProgress"]["state"] not in UNDER_WAY:
                    return

    async def _poll(self, tell: Tell) -> None:
        await self._look()
        while self.now["state"] in UNDER_WAY:
            tell(self.now)
            await asyncio.sleep(POLL_SECONDS)
            await self._look()
        tell(self.now)

    async def _look(self) -> None:
        document = f"query ($id: ID!) {{ import(id: $id) {{ {READ} }} }}"
        self.now = (await self._kith.query(document, {"id": self.now["id"]}))["import"]


def _reason(failure: Json) -> str:
    line = "" if failure["line"] is None else f"Line {failure['line']}: "
    return f"{line}{failure['message']}"
