"""Showing how far something has come: bars on a terminal, a line per finished step anywhere else."""

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Step(Protocol):
    """One step of a longer work."""

    def advance(self, by: int = 1) -> None: ...


class Steps(Protocol):
    """Where work tells how far it has come."""

    def begin(self, what: str, total: int) -> Step: ...


class Bars:
    """Steps shown to a person; a context manager. What is printed meanwhile appears above the bars."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, what: str, total: int) -> "Bar":
        task = self._progress.add_task(what, total=total)
        return Bar(self._progress, task, None if self._console.is_terminal else self._console, what, total)


class Bar:
    def __init__(
        self, progress: Progress, task: TaskID, console: Console | None, what: str, total: int
    ) -> None:
        self._progress = progress
        self._task = task
        self._console = console
        self._what = what
        self._left = total

    def advance(self, by: int = 1) -> None:
        self._progress.advance(self._task, by)
        self._left -= by
        if self._left <= 0 < self._left + by and self._console is not None:
            self._console.print(f"{self._what}: done", highlight=False)
